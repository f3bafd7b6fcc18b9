//! The core of the live suite inside other kernels: the same test program that runs here, with the agent and the services
//! it starts, each kernel booted once. What it prints on the console is counted as anywhere else.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;

use super::Options;
use super::count::Count;
use super::libtest::Counter;
use crate::kernels::{Ended, Job, KERNELS, Kernel, run as boot};
use crate::{prerequisites, workspace};

/// The suite that needs nothing but a kernel.
const SUITE: &str = "live_core";
/// For one kernel: emulation is some ten times slower than a processor.
const LIMIT: Duration = Duration::from_secs(420);
/// Programs that the suite starts where they are there.
const TOOLS: &[&str] = &["/usr/sbin/bpftool"];

/// Runs the suite in each kernel.
///
/// # Errors
/// Nothing could be built.
pub(super) fn run(options: &Options) -> anyhow::Result<Count> {
    if !(cfg!(target_os = "linux") && cfg!(target_arch = "x86_64")) {
        return Ok(Count::left_out("the emulated kernels are for x86-64 Linux programs"));
    }
    if let Err(missing) = prerequisites::ensure(prerequisites::KERNELS) {
        return Ok(Count::left_out(missing.to_string()));
    }
    workspace::build_binaries()?;
    let job = job(options)?;
    let mut sum = Count::default();
    for kernel in KERNELS {
        println!("\n==> Linux {}", kernel.version);
        sum.add(&in_kernel(*kernel, &job));
    }
    Ok(sum)
}

fn in_kernel(kernel: Kernel, job: &Job) -> Count {
    let mut counter = Counter::default();
    let ended = boot(kernel, job, &mut |line| {
        if counter.line(line) {
            println!("{line}");
        }
    });
    let name = |what: String| format!("Linux {}: {what}", kernel.version);
    let mut count = match ended {
        Ok(Ended::With(code)) => counter.count(code == 0),
        Ok(Ended::Died(words)) => died(counter, format!("the kernel stopped: {words}")),
        Ok(Ended::TooLong) => died(counter, format!("it took longer than {} s", LIMIT.as_secs())),
        // No network, for example: nothing was tried.
        Err(error) => Count::left_out(format!("{error:#}")),
    };
    for line in count.reasons.iter_mut().chain(&mut count.failures) {
        *line = name(std::mem::take(line));
    }
    count
}

/// What was counted until then, and that it was not all.
fn died(counter: Counter, why: String) -> Count {
    let mut count = counter.count(true);
    count.add(&Count::failure(why));
    count
}

fn job(options: &Options) -> anyhow::Result<Job> {
    let program = test_program()?;
    let agent = workspace::agent_binary();
    let mut words = vec![program.display().to_string(), "--show-output".to_owned(), "--test-threads=1".to_owned()];
    words.extend(options.filters.iter().cloned());
    let tools = TOOLS.iter().map(PathBuf::from).filter(|tool| tool.exists());
    Ok(Job {
        words,
        programs: [agent.clone(), workspace::binary("debug", "live_service")].into_iter().chain(tools).collect(),
        variables: vec![
            ("THROUGHLINE_BIN".to_owned(), agent.display().to_string()),
            // There is nobody who might not permit it: a refusal is a failure.
            ("THROUGHLINE_TEST_LIVE".to_owned(), "required".to_owned()),
            ("THROUGHLINE_TEST_CELLS".to_owned(), "few".to_owned()),
        ],
        limit: LIMIT,
    })
}

/// Builds the suite and asks cargo where its program lies.
fn test_program() -> anyhow::Result<PathBuf> {
    let arguments = ["test", "--workspace", "--no-run", "--test", SUITE, "--message-format=json"];
    let output =
        workspace::cargo(&arguments).stderr(Stdio::inherit()).output().context("cargo could not be started")?;
    anyhow::ensure!(output.status.success(), "the build failed; its messages are above");
    let said = String::from_utf8_lossy(&output.stdout);
    let path =
        said.lines().filter_map(executable).find(|path| path.starts_with(workspace::target_dir()) && is_suite(path));
    path.context("cargo does not say where the test program lies")
}

/// The file that a line of cargo's messages names as built.
fn executable(line: &str) -> Option<PathBuf> {
    let (_, rest) = line.split_once("\"executable\":\"")?;
    rest.split_once('"').map(|(path, _)| PathBuf::from(path))
}

fn is_suite(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{SUITE}-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_program_is_found_among_cargos_messages() {
        let line = r#"{"reason":"compiler-artifact","profile":{"test":true},"executable":"/t/debug/deps/live_core-1f","fresh":true}"#;
        assert_eq!(executable(line).as_deref(), Some(Path::new("/t/debug/deps/live_core-1f")));
        assert_eq!(executable(r#"{"reason":"compiler-artifact","executable":null}"#), None, "a library");
        assert!(is_suite(Path::new("/t/debug/deps/live_core-1f")) && !is_suite(Path::new("/t/debug/live_service")));
    }
}

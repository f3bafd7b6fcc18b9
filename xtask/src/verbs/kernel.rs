//! `cargo xtask kernel`: one program of this machine inside other kernels, for whoever asks what a kernel makes of it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::failure::Failure;
use crate::kernels::{self, Ended, Job};

/// Long enough for a person to lose patience first.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs a program in the kernels of the given versions: `all`, or one.
///
/// # Errors
/// An unknown kernel, no program, or the emulator or a package is missing.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let (with, words): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|word| word.starts_with("--with="));
    let usage = || Failure::usage("kernel takes [--with=FILE].., a version or `all`, and a program".to_owned());
    let (version, words) = words.split_first().ok_or_else(usage)?;
    let versions = if *version == "all" { Vec::new() } else { vec![(*version).clone()] };
    let known = kernels::KERNELS.iter().map(|kernel| kernel.version).collect::<Vec<_>>().join(", ");
    let chosen = kernels::named(&versions)
        .ok_or_else(|| Failure::usage(format!("no kernel `{version}`; there are {known} and all")))?;
    if words.is_empty() {
        return Err(usage().into());
    }
    let programs = with.iter().filter_map(|word| word.strip_prefix("--with=")).map(std::path::absolute);
    let job = Job {
        words: words.iter().map(|word| (*word).clone()).collect(),
        programs: programs.collect::<Result<Vec<PathBuf>, _>>()?,
        variables: Vec::new(),
        limit: LIMIT,
    };
    let mut code = ExitCode::SUCCESS;
    for kernel in chosen {
        eprintln!("==> Linux {}", kernel.version);
        let ended = kernels::run(kernel, &job, &mut |line| println!("{line}"))?;
        eprintln!("==> Linux {}: {ended:?}", kernel.version);
        if ended != Ended::With(0) {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

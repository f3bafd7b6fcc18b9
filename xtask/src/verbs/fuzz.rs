//! `cargo xtask fuzz`: every fuzz target for a while. Not part of `test`: it needs a tool that most machines lack.

use std::process::{ExitCode, Stdio};

use anyhow::Context as _;

use crate::failure::Failure;
use crate::{prerequisites, workspace};

/// Runs each target under `tests/fuzz/fuzz_targets` for the given seconds, 60 by default.
///
/// # Errors
/// A number that is none, no cargo-fuzz, or no targets.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let seconds = match arguments {
        [] => 60,
        [seconds] => {
            seconds.parse::<u32>().map_err(|_| Failure::usage(format!("`{seconds}` is no number of seconds")))?
        }
        _ => return Err(Failure::usage("fuzz takes one number of seconds".to_owned()).into()),
    };
    prerequisites::ensure(prerequisites::BUILD)?;
    let installed = workspace::cargo(&["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !installed.is_ok_and(|status| status.success()) {
        return Err(Failure::missing("cargo-fuzz is missing; `cargo install cargo-fuzz` installs it".to_owned()).into());
    }
    let limit = format!("-max_total_time={seconds}");
    let mut failed = Vec::new();
    for target in targets()? {
        eprintln!("fuzzing {target} for {seconds} s");
        // Without a sanitizer the stable toolchain is enough: the targets are safe code that must not panic.
        let status = workspace::cargo(&["fuzz", "run", "--fuzz-dir", "tests/fuzz", "--sanitizer", "none", &target])
            .args(["--", &limit])
            .env("RUSTC_BOOTSTRAP", "1")
            .status()?;
        if !status.success() {
            failed.push(target);
        }
    }
    anyhow::ensure!(failed.is_empty(), "failed: {}; the inputs lie in tests/fuzz/artifacts", failed.join(", "));
    Ok(ExitCode::SUCCESS)
}

fn targets() -> anyhow::Result<Vec<String>> {
    let folder = workspace::root().join("tests/fuzz/fuzz_targets");
    let mut targets = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("no fuzz targets: {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    targets.sort();
    Ok(targets)
}

//! `cargo xtask bench`: the release build and the benchmark. What is measured belongs to the `tests` package.

use std::process::{Command, ExitCode};

use crate::{prerequisites, workspace};

/// Builds the agent as users run it and the benchmark in the same profile, and gives the benchmark's exit code on.
///
/// # Errors
/// Something is missing, or the build failed.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    prerequisites::ensure(prerequisites::BUILD)?;
    eprintln!("building the release profile; the first time takes about ten minutes on two cores");
    let build = ["build", "--release", "--package", "throughline", "--package", "throughline-tests", "--bins"];
    let status = workspace::cargo(&build).status()?;
    anyhow::ensure!(status.success(), "the build failed; its messages are above");
    let mut bench = Command::new(workspace::binary("release", "bench"));
    bench.current_dir(workspace::root()).env("THROUGHLINE_BIN", workspace::binary("release", "throughline"));
    workspace::pass_on(bench.args(arguments))
}

//! `cargo xtask bench`: the release build and the benchmark. What is measured belongs to the `tests` package.

use std::process::ExitCode;

use crate::{prerequisites, workspace};

/// Builds the agent as users run it, then the benchmark in the same profile, and gives its exit code on.
///
/// # Errors
/// Something is missing, or the build failed.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    prerequisites::ensure(prerequisites::BUILD)?;
    eprintln!("building the release profile; the first time takes five to ten minutes on two cores");
    let build = ["build", "--release", "--package", "throughline", "--package", "throughline-tests", "--bins"];
    let status = workspace::cargo(&build).status()?;
    anyhow::ensure!(status.success(), "the build failed; its messages are above");
    let binary = workspace::target_dir().join("release").join(format!("bench{}", std::env::consts::EXE_SUFFIX));
    workspace::pass_on(std::process::Command::new(binary).current_dir(workspace::root()).args(arguments))
}

//! `cargo xtask demo`: builds the agent and runs `throughline demo`. The demonstration itself belongs to the agent.

use std::process::{Command, ExitCode};

use crate::{prerequisites, workspace};

/// Builds in the dev profile, which the tests share, and gives the demo's exit code on.
///
/// # Errors
/// Something is missing, or the build failed.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    prerequisites::ensure(prerequisites::BUILD)?;
    if !workspace::agent_binary().exists() {
        eprintln!("building the agent in the dev profile; the first time takes about five minutes on two cores");
    }
    workspace::build_binaries()?;
    workspace::pass_on(Command::new(workspace::agent_binary()).arg("demo").args(arguments))
}

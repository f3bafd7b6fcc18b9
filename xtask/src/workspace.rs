//! Where the workspace lies and how its tools are called.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context as _;

/// The workspace's top folder.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Where cargo puts the binary called `name`; `folder` is `debug` or `release`.
pub(crate) fn binary(folder: &str, name: &str) -> PathBuf {
    target_dir().join(folder).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// The agent's binary of the dev profile, once [`build_binaries`] has run.
pub(crate) fn agent_binary() -> PathBuf {
    binary("debug", "throughline")
}

/// `cargo ARGUMENTS` at the top of the workspace, with the toolchain that built this program.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    command
}

/// Builds every binary of the workspace in the dev profile. The whole workspace, so that features resolve as they do
/// for the tests and no dependency is built twice.
///
/// # Errors
/// The build failed; cargo has said why.
pub(crate) fn build_binaries() -> anyhow::Result<()> {
    let status = cargo(&["build", "--workspace", "--bins"]).status().context("cargo could not be started")?;
    anyhow::ensure!(status.success(), "the build failed; its messages are above");
    Ok(())
}

/// Runs `command` to its end and gives its exit code on; a death by signal becomes 1.
///
/// # Errors
/// The command could not be started.
pub(crate) fn pass_on(command: &mut Command) -> anyhow::Result<ExitCode> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{program} could not be started"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

//! The Python environment of the suites against real software: pinned packages under `target`, made once.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::{prerequisites, workspace};

/// The pinned packages, from the top of the workspace.
const REQUIREMENTS: &str = "tests/real/requirements.txt";

/// The interpreter of an environment that has the pinned packages, or `None` where none are asked for.
///
/// # Errors
/// There is no python3 that can make one, or the packages could not be had.
pub(super) fn python() -> anyhow::Result<Option<PathBuf>> {
    let Ok(wanted) = std::fs::read_to_string(workspace::root().join(REQUIREMENTS)) else { return Ok(None) };
    let venv = workspace::target_dir().join("real-software/venv");
    let python = venv.join("bin/python");
    // Written last: an environment without it is half made.
    let made_of = venv.join("made-of.txt");
    if python.exists() && std::fs::read_to_string(&made_of).is_ok_and(|made_of| made_of == wanted) {
        return Ok(Some(python));
    }
    let system = prerequisites::python().context("no python3 that can make virtual environments")?;
    println!("preparing the Python environment of {REQUIREMENTS}");
    quietly(Command::new(system).args(["-m", "venv", "--clear"]).arg(&venv))?;
    quietly(pip(&python).current_dir(workspace::root()).args(["-r", REQUIREMENTS]))?;
    std::fs::write(&made_of, wanted).with_context(|| format!("cannot write {}", made_of.display()))?;
    Ok(Some(python))
}

fn pip(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    command
}

fn quietly(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?} could not be started"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
    anyhow::ensure!(output.status.success(), "{command:?} failed: {last}");
    Ok(())
}

//! The machine this runs on. Looks and installs; decides nothing.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Machine;

/// The machine this runs on.
pub(crate) struct ThisMachine;

impl Machine for ThisMachine {
    fn has_program(&self, name: &str) -> bool {
        std::env::var_os("PATH").is_some_and(|path| is_on(&path, name))
            // Where Debian puts servers, which a user's PATH leaves out.
            || is_executable(&Path::new("/usr/sbin").join(name))
    }

    fn has_file(&self, path: &str) -> bool {
        Path::new(path).is_file()
    }

    fn python(&self) -> Option<String> {
        ["python3", "/usr/bin/python3"].into_iter().find(|python| can_make_venvs(python)).map(str::to_owned)
    }

    fn is_root(&self) -> bool {
        let id = Command::new("id").arg("-u").stderr(Stdio::null()).output();
        id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
    }

    fn install(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new(program)
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // Packages of servers start them; not in single-user mode, nor where systemd thinks it is off.
            .env("RUNLEVEL", "1")
            .env("SYSTEMD_OFFLINE", "1")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
        Err(last.trim().to_owned())
    }

    fn say(&self, line: &str) {
        eprintln!("{line}");
    }
}

/// Whether the folders of `path`, written as in the PATH variable, hold an executable file called `name`.
pub(super) fn is_on(path: &OsStr, name: &str) -> bool {
    std::env::split_paths(path).any(|folder| is_executable(&folder.join(name)))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

/// A version manager's `python3` may be there and fail, and Debian's may lack `ensurepip`: so it is asked.
fn can_make_venvs(python: &str) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import ensurepip, venv"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

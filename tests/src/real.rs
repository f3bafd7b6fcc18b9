//! Real software as processes: found or said to be missing, started, and asked where it listens. A suite that cannot
//! run says so; it is never silently absent.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binary::Binary;
use crate::wait::eventually;

/// A Python with the pinned packages: `THROUGHLINE_TEST_PYTHON`, else the environment under `target`.
#[must_use]
pub fn python() -> Option<PathBuf> {
    let given = std::env::var_os("THROUGHLINE_TEST_PYTHON").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/real-software/venv/bin/python");
    given.or(Some(root)).filter(|python| python.exists())
}

/// A program of this machine, looked for in `PATH` and the folders of administrators.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The words that start a program in which names have these addresses, one line each as in `/etc/hosts`; `None` where
/// this system lets nobody have a view of its own on files. `folder` must outlive the program.
#[must_use]
pub fn with_hosts(folder: &Path, lines: &str) -> Option<Vec<String>> {
    let file = folder.join("hosts");
    std::fs::write(&file, format!("127.0.0.1 localhost\n{lines}\n")).ok()?;
    let mount = r#"mount --bind "$0" /etc/hosts && exec "$@""#;
    [&["unshare", "--mount"][..], &["unshare", "--map-root-user", "--mount"]].into_iter().find_map(|words| {
        let file = file.display().to_string();
        let words = words.iter().copied().chain(["sh", "-c", mount, &file]).map(str::to_owned);
        let words: Vec<String> = words.collect();
        let mut works = Command::new(&words[0]);
        works.args(&words[1..]).args(["grep", "-qF", lines.lines().next()?, "/etc/hosts"]);
        works.output().is_ok_and(|output| output.status.success()).then_some(words)
    })
}

/// Says that a test could not run, in the words that are counted.
#[expect(clippy::print_stdout, reason = "the line is read by whoever counts tests")]
pub fn skipped(test: &str, reason: &str) {
    println!("SKIPPED: {test}: {reason}");
}

/// A file of `tests/real`.
#[must_use]
pub fn real_script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("real").join(name)
}

/// Starts a script of `tests/real` and waits until it says where it listens.
pub async fn script(interpreter: &Path, name: &str, args: &[&str]) -> (Binary, SocketAddr) {
    let file = real_script(name);
    let mut command = Command::new(interpreter);
    command.arg(file).args(args).env("PYTHONDONTWRITEBYTECODE", "1");
    listening(Binary::of(command)).await
}

/// Waits until a process says on standard output where it listens.
///
/// # Panics
/// When it does not.
pub async fn listening(mut process: Binary) -> (Binary, SocketAddr) {
    let addr = eventually("a process to say where it listens", || {
        let found = process.stdout().lines().find_map(|line| line.strip_prefix("listening on ")?.parse().ok());
        let ended = found.is_none() && !process.is_running();
        assert!(!ended, "it ended: {}", process.stderr());
        found
    })
    .await;
    (process, addr)
}

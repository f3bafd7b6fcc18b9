//! One boot of one kernel under the emulator: its console, line by line, until it switches off or its time is up.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::initramfs::ENDED;

/// Memory of the emulated machine, in mebibytes.
const MEMORY: &str = "1536";
/// One host thread for all emulated processors: a kernel changes its own code while it runs, wherever a tracepoint gets its
/// first program, and with a thread for each processor one may run what another is just changing.
const EMULATION: &str = "tcg,thread=single";
/// What the kernel is told: its console, silence, and to end at once where it would hang.
const WORDS: &str = "console=ttyS0 quiet loglevel=1 panic=-1 rdinit=/init random.trust_cpu=on";

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this exit code.
    With(i32),
    /// The kernel stopped before the job did; these were its last words.
    Died(String),
    /// It was killed because its time was up.
    TooLong,
}

/// Boots `kernel` with `initramfs` and waits for its end.
///
/// # Errors
/// The emulator could not be started.
pub(super) fn boot(
    kernel: &Path,
    initramfs: &Path,
    limit: Duration,
    line: &mut dyn FnMut(&str),
) -> anyhow::Result<Ended> {
    let mut child = Command::new("qemu-system-x86_64")
        .args(["-accel", EMULATION, "-cpu", "max", "-smp", "2", "-m", MEMORY, "-no-reboot"])
        .args(["-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none", "-append", WORDS])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initramfs)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .context("the emulator could not be started")?;
    let ended = follow(&console(&mut child), Instant::now() + limit, line);
    // It has switched off, or has no right to go on.
    let _ = child.kill();
    let _ = child.wait();
    Ok(ended)
}

/// Its lines, read by a thread of their own so that waiting for one can end.
fn console(child: &mut Child) -> Receiver<String> {
    let (sender, lines) = channel();
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    }
    lines
}

fn follow(lines: &Receiver<String>, deadline: Instant, line: &mut dyn FnMut(&str)) -> Ended {
    let mut last = "it said nothing".to_owned();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(said) => {
                if let Some(code) = said.strip_prefix(ENDED).and_then(|code| code.trim().parse().ok()) {
                    return Ended::With(code);
                }
                line(&said);
                if !said.trim().is_empty() {
                    last = said;
                }
            }
            Err(RecvTimeoutError::Timeout) => return Ended::TooLong,
            Err(RecvTimeoutError::Disconnected) => return Ended::Died(last),
        }
    }
}

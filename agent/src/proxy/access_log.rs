//! The access log: one JSON line a request on standard output, written by a thread of its own.
//!
//! A slow reader costs lines, which are counted, and never a request's time.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::counts::ProxyCounts;

/// Lines that may wait for standard output.
const WAITING: usize = 4096;

/// The way to the writing thread. The log ends when the last of these is dropped.
#[derive(Debug, Clone)]
pub(crate) struct AccessLog {
    lines: SyncSender<String>,
}

impl AccessLog {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (lines, waiting) = sync_channel(WAITING);
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || write_all(&waiting))?;
        Ok(Self { lines })
    }

    /// Hands over one line, or counts it when too many wait.
    pub(super) fn write(&self, line: &serde_json::Value, counts: &ProxyCounts) {
        if self.lines.try_send(format!("{line}\n")).is_err() {
            counts.access_log_dropped.add(1);
        }
    }
}

fn write_all(waiting: &Receiver<String>) {
    let mut out = std::io::stdout();
    while let Ok(line) = waiting.recv() {
        let mut lines = line;
        lines.extend(waiting.try_iter().take(WAITING));
        // A reader that went away takes its log with it; requests go on.
        if out.write_all(lines.as_bytes()).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

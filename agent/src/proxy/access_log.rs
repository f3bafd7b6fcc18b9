//! The access log: one JSON line a request on standard output, written by a thread of its own.
//!
//! A slow reader costs lines, which are counted, and never a request's time.

use std::io::Write;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use pingora::proxy::Session;
use serde_json::{Value, json};

use super::context;
use super::counts::ProxyCounts;
use crate::trace::counts::Label;
use crate::trace::decision::Decision;
use crate::trace::record::ErrorType;

/// Lines that may wait for standard output.
const WAITING: usize = 4096;

/// Bytes of a path at most; the rest is left out. With this and [`WAITING`] a reader that does not read costs at most
/// about 16 MiB.
const LONGEST_PATH: usize = 4096;

/// What a line says beside what the session knows.
pub(super) struct Entry<'a> {
    pub(super) decision: &'a Decision,
    pub(super) marked: bool,
    pub(super) attempts: usize,
    pub(super) duration: Duration,
    pub(super) client: IpAddr,
    pub(super) failure: Option<ErrorType>,
}

/// The way to the writing thread. The log ends when the last of these is dropped.
#[derive(Debug, Clone)]
pub(crate) struct AccessLog {
    lines: SyncSender<String>,
}

impl Entry<'_> {
    /// The line. Queries are left out: they may hold credentials.
    pub(super) fn line(&self, service: &str, session: &Session) -> Value {
        let request = session.req_header();
        let trace_id = match &self.decision.recording {
            Some(recording) => Some(recording.trace_id),
            None => context::incoming(request).valid().map(|context| context.trace_id),
        };
        let path = request.raw_path().split(|byte| *byte == b'?').next().unwrap_or_default();
        let path = path.get(..LONGEST_PATH).unwrap_or(path);
        json!({
            "service": service,
            "client": self.client,
            "method": request.method.as_str(),
            "path": String::from_utf8_lossy(path),
            "status": session.response_written().map(|response| response.status.as_u16()),
            "bytes": session.body_bytes_sent(),
            "duration_ms": self.duration.as_secs_f64() * 1000.0,
            "attempts": self.attempts,
            "action": self.decision.action.name(),
            "marked": self.marked,
            "trace_id": trace_id.map(|id| id.to_string()),
            "error": self.failure.map(Label::name),
        })
    }
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
    pub(super) fn write(&self, line: &Value, counts: &ProxyCounts) {
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

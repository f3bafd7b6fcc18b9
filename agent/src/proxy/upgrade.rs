//! A request that asks for another protocol: once it is granted, silence has no limit to speak of; until then the
//! ordinary time limit holds.
//!
//! Pingora fixes the upstream's read limit before the answer is known. So such a request gets none, and a timer of its
//! own that ends the upstream's connection while it stays silent.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use http::header::UPGRADE;
use nix::sys::socket::{Shutdown, shutdown};
use pingora::http::RequestHeader;
use tokio::task::JoinHandle;

/// What to do with an `Upgrade` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// None, or one that names clear-text HTTP/2: not forwarded.
    Drop,
    /// Forwarded as it is.
    Preserve,
}

/// Runs while the upstream owes an answer, or the rest of one that is no upgrade. Dropping it ends it.
pub(super) struct Patience {
    upstream: RawFd,
    limit: Duration,
    ran_out: Arc<AtomicBool>,
    timer: JoinHandle<()>,
}

impl Upgrade {
    /// What this request asks for. Clear-text HTTP/2 is never asked of the upstream; every other protocol may be.
    pub(super) fn of(request: &RequestHeader) -> Self {
        let mut protocols = request.headers.get_all(UPGRADE).iter().peekable();
        if protocols.peek().is_none() {
            return Self::Drop;
        }
        let names_h2c = protocols.any(|line| {
            line.as_bytes().split(|byte| *byte == b',').any(|name| name.trim_ascii().eq_ignore_ascii_case(b"h2c"))
        });
        if names_h2c { Self::Drop } else { Self::Preserve }
    }
}

impl Patience {
    /// Begins to wait. `upstream` must stay open for as long as this value lives.
    pub(super) fn begin(upstream: RawFd, limit: Duration) -> Self {
        let ran_out = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&ran_out);
        let timer = tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            mark.store(true, Relaxed);
            // A connection that is closed already needs no end.
            let _ = shutdown(upstream, Shutdown::Both);
        });
        Self { upstream, limit, ran_out, timer }
    }

    /// The upstream said something: the wait begins again.
    pub(super) fn renew(&mut self) {
        *self = Self::begin(self.upstream, self.limit);
    }

    /// Whether the upstream was silent for too long.
    pub(super) fn ran_out(&self) -> bool {
        self.ran_out.load(Relaxed)
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

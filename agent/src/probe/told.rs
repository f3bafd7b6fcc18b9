//! What the reader tells the keeper. The reader sees bytes of strangers and may do nothing else; the keeper sees no byte
//! of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};

use super::streams::{Counts, Exchange, Loss, Wish};

/// Messages that may wait.
pub(super) const MOST: usize = 1 << 16;

/// A message. They come in the order of the ring buffer.
#[derive(Debug)]
pub(super) enum Told {
    /// An exchange is over.
    Exchange(Box<Exchange>),
    /// A process has a connection.
    Opened { connection: u64, tgid: u32, local: SocketAddr, remote: SocketAddr },
    /// It is over.
    Closed(u64),
    /// A process runs another program.
    Exec(u32),
    /// A process was forked.
    Fork { parent: u32, child: u32 },
    /// A process has ended.
    Exit(u32),
    /// A process set up io_uring.
    Uring { tgid: u32, time: u64 },
    /// What the kernel programs are asked for.
    Wish(Wish),
    /// Bytes went by unseen.
    Loss(Loss),
}

/// What the reader leaves for others to look at.
#[derive(Debug, Default)]
pub(super) struct Seen {
    counts: Mutex<(Counts, u64)>,
    problems: Mutex<Vec<String>>,
    /// Exchanges that the keeper had no room for.
    dropped: AtomicU64,
    is_stopping: AtomicBool,
}

impl Seen {
    pub(super) fn count(&self, counts: Counts, connections: usize) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = (counts, connections as u64);
    }

    /// What was counted, and how many connections are followed now.
    pub(super) fn counts(&self) -> (Counts, u64) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add_problems(&self, problems: Vec<String>) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).extend(problems);
    }

    pub(super) fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Exchanges that found no room, from the start on.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }
}

/// The reader's end.
#[derive(Debug)]
pub(super) struct Teller {
    pub(super) to: SyncSender<Told>,
    pub(super) seen: Arc<Seen>,
}

impl Teller {
    /// Never waits: what finds no room is counted.
    pub(super) fn tell(&self, told: Told) {
        match self.to.try_send(told) {
            Err(TrySendError::Full(Told::Exchange(_))) => _ = self.seen.dropped.fetch_add(1, Ordering::Relaxed),
            // Processes are looked for again by themselves; the other end is gone only when all of it ends.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

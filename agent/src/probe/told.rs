//! What the reader tells the keeper. The reader sees bytes of strangers and may do nothing else; the keeper sees no byte
//! of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::streams::{Counts, Exchange, Loss, Wish};

/// Messages that may wait, and how many may before those about connections find no room any more: without them a peer
/// stays unknown, without an exchange a request is lost.
const MOST: usize = 1 << 16;
const MOST_OF_CONNECTIONS: usize = MOST / 2;

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
    to: Sender<Told>,
    waiting: Arc<AtomicUsize>,
    seen: Arc<Seen>,
}

/// The keeper's end.
#[derive(Debug)]
pub(super) struct Listener {
    from: Receiver<Told>,
    waiting: Arc<AtomicUsize>,
}

/// The way from one to the other. It takes as much memory as there are messages on it.
pub(super) fn way(seen: Arc<Seen>) -> (Teller, Listener) {
    let (to, from) = mpsc::channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Teller { to, waiting: Arc::clone(&waiting), seen }, Listener { from, waiting })
}

impl Teller {
    /// Never waits: what finds no room is counted.
    pub(super) fn tell(&self, told: Told) {
        let most = match told {
            Told::Opened { .. } | Told::Closed(_) => MOST_OF_CONNECTIONS,
            _ => MOST,
        };
        // Only this end adds to it.
        if self.waiting.load(Ordering::Relaxed) < most {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            // The other end is gone only when all of it ends.
            let _ = self.to.send(told);
        } else if matches!(told, Told::Exchange(_)) {
            self.seen.dropped.fetch_add(1, Ordering::Relaxed);
        }
        // Processes are looked for again by themselves.
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }
}

impl Listener {
    /// The next message, if one comes in time.
    ///
    /// # Errors
    /// None came, or none will come.
    pub(super) fn next(&self, time: Duration) -> Result<Told, RecvTimeoutError> {
        let told = self.from.recv_timeout(time)?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::observation::{Completeness, Direction};

    #[test]
    fn where_room_is_short_exchanges_have_it() {
        let seen = Arc::new(Seen::default());
        let (teller, listener) = way(Arc::clone(&seen));
        let exchange = || {
            Told::Exchange(Box::new(Exchange {
                tgid: 1,
                direction: Direction::In,
                connection: 1,
                local: None,
                remote: None,
                start: 0,
                end: None,
                threads: None,
                head: None,
                status: None,
                completeness: Completeness::Lost,
            }))
        };
        let take = |count: usize| {
            let told = (0..count).flat_map(|_| listener.next(Duration::ZERO));
            told.filter(|told| matches!(told, Told::Exchange(_))).count()
        };
        (0..MOST).for_each(|number| teller.tell(Told::Closed(number as u64)));
        (0..MOST).for_each(|_| teller.tell(exchange()));
        assert_eq!(seen.dropped(), MOST_OF_CONNECTIONS as u64, "those past all room are counted");
        assert_eq!(take(MOST), MOST - MOST_OF_CONNECTIONS, "and connections took half of it");
        assert!(listener.next(Duration::ZERO).is_err(), "nothing is left");
        teller.tell(Told::Closed(1));
        teller.tell(exchange());
        assert_eq!(take(2), 1, "there is room again for both");
    }
}

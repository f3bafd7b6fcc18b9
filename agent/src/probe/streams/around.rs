//! What all connections share: bounds, counts, and what goes out.

use std::collections::VecDeque;

use super::exchange::Exchange;
use super::threads::Threads;

/// What is kept at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Connections that are followed at a time.
    pub connections: usize,
    /// Connections of HTTP/2 among them: their tables of fields are large.
    pub interleaved: usize,
    /// Exchanges under way, over all connections.
    pub under_way: usize,
    /// Bytes of heads whose ends have not come, over all connections.
    pub heads: usize,
    /// Bytes of records that wait for another, over all connections.
    pub held: usize,
    /// Exchanges that wait to be taken.
    pub finished: usize,
    /// Bytes of a turn that the kernel programs capture.
    pub head_bytes: u64,
    /// How long a record waits for one that must have gone before it: nanoseconds.
    pub hold: u64,
    /// After this an exchange is told though it is not over: nanoseconds.
    pub patience: u64,
    /// A connection that has been silent for so long is forgotten where room is needed: nanoseconds.
    pub idle: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self {
            connections: 16_384,
            interleaved: 1024,
            under_way: 32_768,
            heads: 8 << 20,
            held: 4 << 20,
            finished: 32_768,
            head_bytes: 16 << 10,
            hold: SECOND / 20,
            patience: 20 * SECOND,
            idle: 60 * SECOND,
        }
    }
}

/// What the kernel programs are asked to do with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Capture no more of it.
    Mute(u64),
    /// Capture all of it, without regard to turns.
    Whole(u64),
}

/// Bytes of a process went by unseen, and requests may have been among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// The process.
    pub tgid: u32,
    /// When that was noticed: nanoseconds of `CLOCK_MONOTONIC`.
    pub time: u64,
    /// The process was over its budget, and its gate closed. Otherwise records were lost.
    pub is_gated: bool,
}

/// What was counted, from the start on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records.
    pub records: u64,
    /// Records of an unknown kind, or that contradict themselves.
    pub unreadable: u64,
    /// Connections that were followed.
    pub connections: u64,
    /// Records of connections that found no room.
    pub no_room: u64,
    /// Requests whose heads are whole.
    pub whole: u64,
    /// Requests whose heads are cut.
    pub truncated: u64,
    /// Requests that were under way when records of their connection were lost.
    pub lost: u64,
    /// Exchanges whose answer was not seen.
    pub unanswered: u64,
    /// Exchanges told before they were over.
    pub unfinished: u64,
    /// Connections with TLS.
    pub encrypted: u64,
    /// Connections with FastCGI.
    pub fast_cgi: u64,
    /// Connections with something else than HTTP.
    pub other: u64,
    /// Connections that carry HTTP/2, and whose beginning was not seen.
    pub joined_late: u64,
    /// Connections that became a tunnel or a WebSocket.
    pub switched: u64,
    /// Times that the thread of a connection was lost because bytes were missing.
    pub holes: u64,
    /// The same because an answer came whose request may be among bytes that went by unseen.
    pub unseen: u64,
    /// The same because of what the bytes were.
    pub malformed: u64,
    /// Times that records were missing from a connection.
    pub hits: u64,
    /// Times that bytes went by because of the budget.
    pub gated: u64,
    /// Connections and exchanges given up because of a bound.
    pub over_bound: u64,
}

/// What connections are given to work with.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) bounds: Bounds,
    pub(super) counts: Counts,
    pub(super) threads: Threads,
    pub(super) finished: VecDeque<Exchange>,
    pub(super) wishes: Vec<Wish>,
    pub(super) losses: Vec<Loss>,
    /// What is kept now, over all connections.
    pub(super) heads: usize,
    pub(super) held: usize,
    pub(super) under_way: usize,
    pub(super) interleaved: usize,
}

impl Around {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            counts: Counts::default(),
            threads: Threads::new(bounds.connections),
            finished: VecDeque::new(),
            wishes: Vec::new(),
            losses: Vec::new(),
            heads: 0,
            held: 0,
            under_way: 0,
            interleaved: 0,
        }
    }

    pub(super) fn finish(&mut self, exchange: Exchange) {
        if self.finished.len() < self.bounds.finished {
            self.finished.push_back(exchange);
        } else {
            self.counts.over_bound += 1;
        }
    }

    pub(super) fn wish(&mut self, wish: Wish) {
        if self.wishes.len() < self.bounds.connections {
            self.wishes.push(wish);
        }
    }

    /// One more loss; of one process at most one at a time.
    pub(super) fn lose(&mut self, loss: Loss) {
        let is_told = |known: &Loss| (known.tgid, known.is_gated) == (loss.tgid, loss.is_gated);
        if !self.losses.iter().rev().take(64).any(is_told) && self.losses.len() < self.bounds.finished {
            self.losses.push(loss);
        }
    }
}

//! One request with its answer, as the system calls of one process show it; and those that are not over yet.

use std::net::SocketAddr;

use crate::gap::observation::{Completeness, Direction, Threads};
use crate::http::RequestHead;

/// A request that arrived at a process or left it, with what is known of its answer. Times are nanoseconds of
/// `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The process that read or wrote the request's head.
    pub tgid: u32,
    /// Which way the request went.
    pub direction: Direction,
    /// The connection's number, unique for as long as the machine runs.
    pub connection: u64,
    /// This end of the connection, where it was told.
    pub local: Option<SocketAddr>,
    /// The other end.
    pub remote: Option<SocketAddr>,
    /// When the head's first bytes went.
    pub start: u64,
    /// When the answer's last byte went, or the connection ended. `None` where that is not known.
    pub end: Option<u64>,
    /// Who did what. `None` where no head was seen.
    pub threads: Option<Threads>,
    /// What the request says. `None` where nothing of it can be read.
    pub head: Option<Box<RequestHead>>,
    /// The final answer's status.
    pub status: Option<u16>,
    /// How much was seen.
    pub completeness: Completeness,
}

/// Who moved bytes, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stamp {
    pub(super) time: u64,
    pub(super) tgid: u32,
    pub(super) tid: u32,
    /// See [`super::threads::Threads::elsewhere`].
    pub(super) elsewhere: u64,
}

/// An exchange that has begun.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) number: u64,
    /// Who moved the first byte of the head.
    began: Stamp,
    /// Who read the last byte of the head, where it arrives.
    head_done: Option<Stamp>,
    head: Option<Box<RequestHead>>,
    /// Who moved the first byte of the answer that may turn out to be the final one.
    answering: Option<Stamp>,
    answered: Option<Stamp>,
    status: Option<u16>,
    /// Records are missing that may have been its.
    pub(super) was_hit: bool,
    is_given_up: bool,
    is_told: bool,
}

impl UnderWay {
    pub(super) fn new(number: u64, began: Stamp) -> Self {
        Self {
            number,
            began,
            head_done: None,
            head: None,
            answering: None,
            answered: None,
            status: None,
            was_hit: false,
            is_given_up: false,
            is_told: false,
        }
    }

    pub(super) const fn start(&self) -> u64 {
        self.began.time
    }

    pub(super) const fn has_head(&self) -> bool {
        self.head_done.is_some()
    }

    /// Whether what it became cannot be seen any more: it ends with its turn.
    pub(super) const fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    pub(super) const fn give_up(&mut self) {
        self.is_given_up = true;
    }

    /// Whether it was told before it was over.
    pub(super) const fn is_told(&self) -> bool {
        self.is_told
    }

    /// Its head is known.
    pub(super) fn head(&mut self, head: Box<RequestHead>, stamp: Stamp) {
        // Who read it is not known where its end was not seen.
        let is_known = stamp.tid != 0;
        self.head = Some(head);
        self.head_done = Some(if is_known { stamp } else { self.began });
    }

    /// Bytes went the other way. They are the answer's first, unless some have gone before.
    pub(super) fn answering(&mut self, stamp: Stamp) {
        if self.answered.is_none() {
            self.answering.get_or_insert(stamp);
        }
    }

    /// Those bytes were an interim answer (RFC 9110, section 15.2): what answers the request is still to come.
    pub(super) fn interim(&mut self) {
        self.answering = None;
    }

    /// The final answer's head has come.
    pub(super) fn answered(&mut self, status: u16, stamp: Stamp) {
        self.status = Some(status).filter(|status| (100..=599).contains(status));
        self.answered = Some(self.answering.take().unwrap_or(stamp));
    }

    /// What is told of it. Nothing is left to be told after that.
    pub(super) fn tell(&mut self, ends: &Ends, end: Option<u64>) -> Exchange {
        self.is_told = true;
        let completeness = match &self.head {
            _ if self.was_hit => Completeness::Lost,
            Some(head) if !head.is_cut => Completeness::Whole,
            _ => Completeness::Truncated,
        };
        // An answer may be read by another thread before the call that wrote the request has returned.
        let start = self.answered.map_or(self.began.time, |answered| self.began.time.min(answered.time));
        Exchange {
            tgid: self.began.tgid,
            direction: ends.direction,
            connection: ends.connection,
            local: ends.local,
            remote: ends.remote,
            start,
            end: end.map(|end| end.max(start)),
            threads: Some(self.threads(ends.direction)),
            head: self.head.take(),
            status: self.status,
            completeness,
        }
    }

    fn threads(&self, direction: Direction) -> Threads {
        // Who moved an answer whose head was not seen whole is not known.
        let answered = self.answered.filter(|answered| answered.tid != 0);
        if direction == Direction::Out {
            let answer = answered.map(|answered| answered.tid);
            return Threads { head: self.began.tid, answer, waited_elsewhere: None };
        }
        // Half a head is read by whoever has the time; the last of them serves the request.
        let head = self.head_done.unwrap_or(self.began);
        let Some(answered) = answered else {
            return Threads { head: head.tid, answer: None, waited_elsewhere: None };
        };
        // Where another thread goes on, the one that read the head was free to.
        let is_one_thread = self.began.tid == head.tid && head.tid == answered.tid;
        let waited = !is_one_thread || self.began.elsewhere != answered.elsewhere;
        Threads { head: head.tid, answer: Some(answered.tid), waited_elsewhere: Some(waited) }
    }
}

/// What all exchanges of a connection have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) connection: u64,
    pub(super) direction: Direction,
    pub(super) local: Option<SocketAddr>,
    pub(super) remote: Option<SocketAddr>,
}

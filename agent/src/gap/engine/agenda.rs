//! What has to wait until more is known: calls until their requests have been seen, windows until they are over.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use super::Engine;
use super::head::Head;
use super::scope::{Arrived, RouteId};
use super::sections::Served;
use super::texts::{Pid, Text};

/// Something to do at a time.
#[derive(Debug)]
pub(super) struct Task {
    due: u64,
    order: u64,
    work: Work,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Work {
    /// Judge a call by its trace id.
    Call(Box<Call>),
    /// Look at the window of a marked request.
    Window(Box<Marked>),
    /// Learn from a request that has ended.
    Learn(Ended),
}

/// A call that bears a trace id.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) scope: u32,
    pub(super) hop: u32,
    pub(super) epoch: Text,
    pub(super) process: Pid,
    /// The time as it was seen, and on which clock.
    pub(super) start: u64,
    pub(super) end: Option<u64>,
    pub(super) clock: Text,
    pub(super) head: Arc<Head>,
    /// Whether the caller is the first that was seen to send its trace id.
    pub(super) is_first: bool,
    /// The marked request that its thread was serving, in a section.
    pub(super) served: Option<Served>,
}

/// A marked request.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) scope: u32,
    pub(super) route: RouteId,
    pub(super) request: Arrived,
    /// The length of its window, fixed when it arrived: nanoseconds.
    pub(super) length: u64,
}

/// A request that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) scope: u32,
    pub(super) route: RouteId,
    pub(super) process: Pid,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Whether it came without any context: such requests show when calls are made.
    pub(super) is_plain: bool,
}

impl Engine {
    /// Puts something on the agenda.
    pub(super) fn put(&mut self, due: u64, work: Work) {
        self.order += 1;
        self.agenda.push(Reverse(Task { due, order: self.order, work }));
    }

    /// Does what is due by `time`.
    pub(super) fn work_until(&mut self, time: u64) {
        while self.agenda.peek().is_some_and(|Reverse(task)| task.due <= time) {
            let Some(Reverse(task)) = self.agenda.pop() else { return };
            match task.work {
                Work::Call(call) => self.judge_call(&call),
                Work::Window(marked) => self.judge_window(&marked),
                Work::Learn(ended) => self.learn(ended),
            }
        }
    }
}

impl Task {
    const fn key(&self) -> (u64, u64) {
        (self.due, self.order)
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Task {}

impl PartialOrd for Task {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Task {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

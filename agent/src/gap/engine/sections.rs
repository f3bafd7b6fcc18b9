//! Blocking sections: between reading a head and writing the answer, the thread of a blocking server works for one
//! request alone, so what leaves it then is that request's.

use super::hash::{IdMap, Seeded};
use super::hops::Tally;
use super::scope::Arrived;
use super::texts::Pid;
use crate::gap::code::Code;
use crate::gap::observation::Threads;

/// Requests of a process that are looked at to learn how it works.
const LOOKED_AT: u32 = 100;
/// Requests below which nothing is known of it.
const ENOUGH: u32 = 20;
/// Threads and processes that are remembered.
const MAX_THREADS: usize = 1 << 16;

/// How processes work, and what their threads last served.
#[derive(Debug)]
pub(super) struct Sections {
    processes: IdMap<Pid, Habit>,
    threads: IdMap<(Pid, u32), Serving>,
}

/// How a process worked on its last requests.
#[derive(Debug, Clone, Copy, Default)]
struct Habit {
    /// Requests it served, whatever they show.
    served: u32,
    seen: u32,
    /// Requests since the last one that was not served in one section.
    since: u32,
    /// Counts the times at which it turned out not to block.
    turns: u32,
}

/// What a thread last served.
#[derive(Debug, Clone)]
pub(super) struct Serving {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Whether this request itself was served in one section.
    pub(super) is_section: bool,
    /// Whether a call left in it.
    has_called: bool,
    /// The request, if it is marked and its head is whole.
    pub(super) marked: Option<Served>,
}

/// A marked request in the hands of a thread.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) request: Arrived,
    /// Whether the thread, or else its process for a while, was seen to serve others before: then whose context it may
    /// have kept is known.
    pub(super) is_known: bool,
}

/// What sections of one process say of a hop.
#[derive(Debug, Clone)]
pub(super) struct SectionTally {
    pub(super) process: Pid,
    pub(super) turn: u32,
    pub(super) tallies: Vec<(Code, Tally)>,
}

impl Sections {
    /// Nothing known.
    pub(super) fn new(seed: u64) -> Self {
        Self { processes: IdMap::with_hasher(Seeded(seed)), threads: IdMap::with_hasher(Seeded(seed)) }
    }

    /// A request arrived, and this is what threads did with it.
    pub(super) fn serve(&mut self, process: Pid, threads: Threads, (start, end): (u64, u64), marked: Option<Arrived>) {
        if process == Pid::UNKNOWN {
            return;
        }
        // One that was given up says nothing of how the process works. Nor does one in a section that called nobody:
        // what is short enough stays on its thread anywhere.
        let is_section = match (threads.answer, threads.waited_elsewhere) {
            (Some(answer), Some(waited)) => Some(answer == threads.head && !waited),
            _ => None,
        };
        let mut is_known = self.threads.contains_key(&(process, threads.head));
        if self.processes.len() < MAX_THREADS || self.processes.contains_key(&process) {
            let habit = self.processes.entry(process).or_default();
            is_known |= habit.served >= ENOUGH;
            habit.served = habit.served.saturating_add(1);
            if is_section == Some(false) {
                let (seen, turns) = (habit.seen.saturating_add(1), habit.turns.wrapping_add(1));
                *habit = Habit { seen, since: 0, turns, ..*habit };
            }
        }
        if self.threads.len() >= MAX_THREADS {
            let recent = start.saturating_sub(super::REORDER);
            self.threads.retain(|_, serving| serving.end >= recent);
            if self.threads.len() >= MAX_THREADS {
                self.threads.clear();
            }
        }
        let marked = marked.map(|request| Served { request, is_known });
        let serving = Serving { start, end, is_section: is_section == Some(true), has_called: false, marked };
        self.threads.insert((process, threads.head), serving);
    }

    /// A call left this thread: what was it serving then, in one section?
    pub(super) fn serving(&mut self, process: Pid, thread: u32, time: u64) -> Option<&Serving> {
        let serving = self.threads.get_mut(&(process, thread))?;
        if !serving.is_section || time < serving.start || serving.end < time {
            return None;
        }
        if !std::mem::replace(&mut serving.has_called, true)
            && let Some(habit) = self.processes.get_mut(&process)
        {
            (habit.seen, habit.since) = (habit.seen.saturating_add(1), habit.since.saturating_add(1));
        }
        Some(serving)
    }

    /// Which turn of its habits the process is in.
    pub(super) fn turn(&self, process: Pid) -> u32 {
        self.processes.get(&process).map_or(0, |habit| habit.turns)
    }

    /// Whether the process has been blocking, as far as is known, and still is in that turn.
    pub(super) fn is_blocking(&self, process: Pid, turn: u32) -> bool {
        let habit = self.processes.get(&process).copied().unwrap_or_default();
        habit.turns == turn && habit.since >= ENOUGH.max(habit.seen.min(LOOKED_AT))
    }
}

impl SectionTally {
    /// The tally of a code.
    pub(super) fn tally(&mut self, code: Code) -> Option<&mut Tally> {
        if !self.tallies.iter().any(|(known, _)| *known == code) {
            self.tallies.push((code, Tally::default()));
        }
        self.tallies.iter_mut().find(|(known, _)| *known == code).map(|(_, tally)| tally)
    }
}

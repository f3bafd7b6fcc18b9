//! The calls of one scope on one hop that bear no trace of a request: when they left, by which process.

use std::collections::VecDeque;
use std::sync::Arc;

use super::texts::Pid;
use super::times::Times;

/// What a call carried instead of a trace of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Class {
    /// No context.
    Absent,
    /// A trace id that nobody had seen before.
    Foreign,
    /// A context of which not even a trace id can be read.
    Malformed,
}

/// Calls with a trace that are remembered.
const MAX_CARRIED: usize = 4096;
/// Header lines kept for evidence.
const MAX_LINES: usize = 64;
/// Processes told apart on one hop; further ones share the last place, as an unknown one.
const MAX_PROCESSES: usize = 64;

/// One hop of a scope.
#[derive(Debug)]
pub(super) struct ScopeHop {
    /// Its number.
    pub(super) hop: u32,
    /// Until when calls belong to a marked window already: no call counts twice.
    pub(super) used: u64,
    rings: Vec<Ring>,
    /// Calls that bear a trace of a marked request.
    carried: VecDeque<(u64, u128)>,
}

#[derive(Debug)]
struct Ring {
    process: Pid,
    absent: Times,
    foreign: Times,
    malformed: Times,
    lines: VecDeque<(u64, Arc<str>)>,
}

impl ScopeHop {
    /// A hop without calls.
    pub(super) const fn new(hop: u32) -> Self {
        Self { hop, used: 0, rings: Vec::new(), carried: VecDeque::new() }
    }

    /// One call, and its `traceparent` lines. Gives back the time of the oldest, if it had to go for it.
    pub(super) fn add(&mut self, class: Class, time: u64, process: Pid, line: Option<Arc<str>>) -> Option<u64> {
        let process = if self.rings.len() < MAX_PROCESSES { process } else { Pid::UNKNOWN };
        let place = self.rings.iter().position(|ring| ring.process == process);
        let place = place.unwrap_or_else(|| {
            self.rings.push(Ring::new(process));
            self.rings.len() - 1
        });
        let ring = self.rings.get_mut(place)?;
        if let Some(line) = line {
            if ring.lines.len() >= MAX_LINES {
                ring.lines.pop_front();
            }
            ring.lines.push_back((time, line));
        }
        ring.times_mut(class).add(time)
    }

    /// One call that bears this trace.
    pub(super) fn carry(&mut self, time: u64, trace: u128) {
        if self.carried.len() >= MAX_CARRIED {
            self.carried.pop_front();
        }
        self.carried.push_back((time, trace));
    }

    /// How many calls bore this trace from `from` to `to`.
    pub(super) fn carries(&self, trace: u128, from: u64, to: u64) -> u32 {
        let is_it = |(time, known): &&(u64, u128)| *known == trace && (from..=to).contains(time);
        u32::try_from(self.carried.iter().rev().filter(is_it).count()).unwrap_or(u32::MAX)
    }

    /// How many calls that `process` may have made left from `from` to `to`.
    pub(super) fn count(&self, class: Class, process: Pid, from: u64, to: u64) -> u32 {
        self.of(process).map(|ring| ring.times(class).count(from, to)).sum()
    }

    /// The first of them, and its lines.
    pub(super) fn first(&self, class: Class, process: Pid, from: u64, to: u64) -> Option<(u64, Arc<str>)> {
        let firsts = self.of(process).filter_map(|ring| Some((ring.times(class).between(from, to).next()?, ring)));
        let (time, ring) = firsts.min_by_key(|(time, _)| *time)?;
        let line = ring.lines.iter().find(|(at, _)| *at == time).map(|(_, line)| line.clone());
        Some((time, line.unwrap_or_default()))
    }

    /// When calls of any class left.
    pub(super) fn all(&self, process: Pid, from: u64, to: u64) -> impl Iterator<Item = u64> {
        let classes = [Class::Absent, Class::Foreign, Class::Malformed];
        self.of(process)
            .flat_map(move |ring| classes.into_iter().flat_map(move |class| ring.times(class).between(from, to)))
    }

    /// Forgets those before `before`; says how many.
    pub(super) fn forget(&mut self, before: u64) -> usize {
        let forget =
            |ring: &mut Ring| ring.absent.forget(before) + ring.foreign.forget(before) + ring.malformed.forget(before);
        while self.carried.pop_front_if(|(time, _)| *time < before).is_some() {}
        self.rings.iter_mut().map(forget).sum()
    }

    fn of(&self, process: Pid) -> impl Iterator<Item = &Ring> {
        self.rings.iter().filter(move |ring| ring.process.agrees(process))
    }
}

impl Ring {
    fn new(process: Pid) -> Self {
        Self {
            process,
            absent: Times::default(),
            foreign: Times::default(),
            malformed: Times::default(),
            lines: VecDeque::new(),
        }
    }

    const fn times(&self, class: Class) -> &Times {
        match class {
            Class::Absent => &self.absent,
            Class::Foreign => &self.foreign,
            Class::Malformed => &self.malformed,
        }
    }

    const fn times_mut(&mut self, class: Class) -> &mut Times {
        match class {
            Class::Absent => &mut self.absent,
            Class::Foreign => &mut self.foreign,
            Class::Malformed => &mut self.malformed,
        }
    }
}

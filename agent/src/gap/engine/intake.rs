//! Puts observations in the order of their times: what comes twice or too late is left out and counted.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::REORDER;
use super::hash::{IdMap, Seeded};
use super::sighting::Sighting;
use super::texts::{Text, Texts};
use crate::gap::observation::Direction;

/// Observations wait in bins of this many nanoseconds, and a bin is put in order when its time is over.
const BIN: u64 = 50 * super::MILLI;
/// A jump ahead of this, in nanoseconds, is believed only when it repeats.
const LEAP: u64 = 600 * 1_000_000_000;
/// Observations in a row that make a leap believed.
const LEAPS: u32 = 8;
/// Ranges of numbers remembered for one source.
const MAX_RANGES: usize = 1 << 16;
/// Sources whose numbers are remembered.
const MAX_SOURCES: usize = 4096;

/// What became of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It waits for its turn.
    In,
    /// It came before.
    Duplicate,
    /// It came too late.
    Late,
}

/// Observations on their way in.
#[derive(Debug)]
pub(super) struct Intake {
    /// By the number of the bin.
    bins: BTreeMap<u64, Vec<Waiting>>,
    /// How many wait in bins.
    waiting: usize,
    /// A bin whose time is over: the last one comes first.
    ready: Vec<Waiting>,
    /// The first bin that may still be filled.
    open: u64,
    sources: IdMap<Text, Numbers>,
    newest: u64,
    leaps: u32,
    most: usize,
}

/// The numbers seen of one source: ranges by their first number.
#[derive(Debug, Default)]
struct Numbers {
    ranges: BTreeMap<u64, u64>,
    newest: u64,
}

#[derive(Debug)]
struct Waiting {
    sighting: Box<Sighting>,
    /// The source's name decides between equal times and numbers: the order must not depend on how they came.
    tie: u64,
}

impl Intake {
    /// An empty one that lets at most so many wait.
    pub(super) fn new(most: usize, seed: u64) -> Self {
        Self {
            bins: BTreeMap::new(),
            waiting: 0,
            ready: Vec::new(),
            open: 0,
            sources: IdMap::with_hasher(Seeded(seed)),
            newest: 0,
            leaps: 0,
            most,
        }
    }

    /// Takes one.
    pub(super) fn take(&mut self, sighting: Sighting, texts: &Texts) -> Taken {
        if !self.sources.contains_key(&sighting.source) && self.sources.len() >= MAX_SOURCES {
            self.sources.clear();
        }
        let numbers = self.sources.entry(sighting.source).or_default();
        if !numbers.take(sighting.sequence, sighting.start) {
            return Taken::Duplicate;
        }
        self.see(sighting.start);
        let bin = sighting.start / BIN;
        if bin < self.open {
            return Taken::Late;
        }
        let tie = tie(&texts.text(sighting.source));
        self.waiting += 1;
        self.bins.entry(bin).or_default().push(Waiting { sighting: Box::new(sighting), tie });
        Taken::In
    }

    /// Time has passed.
    pub(super) fn advance(&mut self, now: u64) {
        self.newest = self.newest.max(now);
        self.leaps = 0;
    }

    /// The time up to which everything has come, as far as it may come at all.
    pub(super) const fn frontier(&self) -> u64 {
        self.newest.saturating_sub(REORDER)
    }

    /// The next one whose turn has come.
    pub(super) fn next(&mut self, everything: bool) -> Option<Box<Sighting>> {
        if let Some(next) = self.ready.pop() {
            return Some(next.sighting);
        }
        let frontier = self.frontier() / BIN;
        let first = self.bins.first_entry()?;
        if *first.key() >= frontier && !everything && self.waiting <= self.most {
            return None;
        }
        let (number, mut bin) = first.remove_entry();
        self.waiting = self.waiting.saturating_sub(bin.len());
        self.open = number.saturating_add(1);
        bin.sort_unstable_by_key(|waiting| Reverse(waiting.key()));
        let next = bin.pop();
        self.ready = bin;
        next.map(|next| next.sighting)
    }

    /// A clock that leaps ahead once, by mistake, must not make everything else too late.
    fn see(&mut self, start: u64) {
        if self.newest == 0 || start <= self.newest.saturating_add(LEAP) {
            if start.saturating_add(REORDER) > self.newest {
                self.leaps = 0;
            }
            self.newest = self.newest.max(start);
            return;
        }
        self.leaps += 1;
        if self.leaps >= LEAPS {
            self.newest = start;
            self.leaps = 0;
        }
    }
}

impl Numbers {
    /// Whether the number is new.
    fn take(&mut self, number: u64, start: u64) -> bool {
        let below = self.ranges.range(..=number).next_back().map(|(first, last)| (*first, *last));
        if below.is_some_and(|(_, last)| number <= last) {
            // A source that was started again counts from 0 again; its times are new.
            if start <= self.newest {
                return false;
            }
            self.ranges.clear();
            self.newest = start;
            self.ranges.insert(number, number);
            return true;
        }
        self.newest = self.newest.max(start);
        let first = below.filter(|(_, last)| last.checked_add(1) == Some(number)).map_or(number, |(first, _)| first);
        let last = number.checked_add(1).and_then(|next| self.ranges.remove(&next)).unwrap_or(number);
        self.ranges.insert(first, last);
        if self.ranges.len() > MAX_RANGES
            && let Some((first, _)) = self.ranges.pop_first()
            && let Some(next) = self.ranges.first_entry()
        {
            // The gap between the two oldest ranges is taken for seen.
            let last = *next.get();
            next.remove();
            self.ranges.insert(first, last);
        }
        true
    }
}

impl Waiting {
    /// Of equal times arrivals come before calls.
    fn key(&self) -> (u64, bool, u64, u64) {
        let sighting = &self.sighting;
        (sighting.start, sighting.direction == Direction::Out, sighting.sequence, self.tie)
    }
}

/// The same number for the same name in every run.
fn tie(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;

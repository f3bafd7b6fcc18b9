//! Times of past events in their order, and lives with a beginning and an end: how many, and was any, between two times?

use std::collections::VecDeque;

/// Events remembered in one list.
const MOST: usize = 1 << 16;

/// Times in ascending order.
#[derive(Debug, Default)]
pub(super) struct Times {
    times: VecDeque<u64>,
}

impl Times {
    /// Adds one, mostly at the end. Gives back the oldest, if it had to go for it.
    pub(super) fn add(&mut self, time: u64) -> Option<u64> {
        let place = self.times.iter().rposition(|known| *known <= time).map_or(0, |place| place + 1);
        if place == self.times.len() {
            self.times.push_back(time);
        } else {
            self.times.insert(place, time);
        }
        if self.times.len() > MOST { self.times.pop_front() } else { None }
    }

    /// How many from `from` to `to`, both included.
    pub(super) fn count(&self, from: u64, to: u64) -> u32 {
        u32::try_from(self.range(from, to).len()).unwrap_or(u32::MAX)
    }

    /// Those from `from` to `to`, both included.
    pub(super) fn between(&self, from: u64, to: u64) -> impl Iterator<Item = u64> {
        self.times.range(self.range(from, to)).copied()
    }

    /// Forgets those before `before`; says how many.
    pub(super) fn forget(&mut self, before: u64) -> usize {
        let mut forgotten = 0;
        while self.times.front().is_some_and(|first| *first < before) {
            self.times.pop_front();
            forgotten += 1;
        }
        forgotten
    }

    fn range(&self, from: u64, to: u64) -> std::ops::Range<usize> {
        if from > to {
            return 0..0;
        }
        let first = self.times.partition_point(|time| *time < from);
        let end = self.times.partition_point(|time| *time <= to);
        first..end.max(first)
    }
}

/// Something that lasts.
#[derive(Debug, Clone, Copy)]
struct Life {
    start: u64,
    /// The latest end of this one and of all that began before.
    latest: u64,
    end: u64,
}

/// Lives in the order of their beginnings.
#[derive(Debug, Default)]
pub(super) struct Lives {
    lives: VecDeque<Life>,
}

impl Lives {
    /// Adds one. Gives back the beginning of the oldest, if it had to go for it.
    pub(super) fn add(&mut self, start: u64, end: u64) -> Option<u64> {
        let place = self.lives.iter().rposition(|known| known.start <= start).map_or(0, |place| place + 1);
        self.lives.insert(place, Life { start, latest: end, end });
        let mut latest = place.checked_sub(1).and_then(|before| self.lives.get(before)).map_or(0, |life| life.latest);
        for life in self.lives.range_mut(place..) {
            latest = latest.max(life.end);
            life.latest = latest;
        }
        if self.lives.len() > MOST { self.lives.pop_front().map(|life| life.start) } else { None }
    }

    /// Whether any lived at some moment from `from` to `to`.
    pub(super) fn any(&self, from: u64, to: u64) -> bool {
        let begun = self.lives.partition_point(|life| life.start <= to);
        begun.checked_sub(1).and_then(|last| self.lives.get(last)).is_some_and(|life| life.latest >= from)
    }

    /// Whether any but one of these two times lived at some moment from `from` to `to`.
    pub(super) fn any_but(&self, own: (u64, u64), from: u64, to: u64) -> bool {
        let begun = self.lives.partition_point(|life| life.start <= to);
        let mut own_left = 1;
        for life in self.lives.range(..begun).rev() {
            if life.latest < from {
                return false;
            }
            if own_left > 0 && (life.start, life.end) == own {
                own_left -= 1;
            } else if life.end >= from {
                return true;
            }
        }
        false
    }

    /// Forgets those that began before `before`; says how many.
    pub(super) fn forget(&mut self, before: u64) -> usize {
        let mut forgotten = 0;
        while self.lives.front().is_some_and(|first| first.start < before) {
            self.lives.pop_front();
            forgotten += 1;
        }
        forgotten
    }
}

#[cfg(test)]
mod tests;

//! How far two clocks are apart, learnt from calls whose trace id was seen on both.
//!
//! A call leaves after its request arrived, and is answered before its request is: both limit the difference.

use super::hash::{IdMap, Seeded};
use super::texts::Text;

/// Samples from which a difference is computed.
const ENOUGH: usize = 4;
/// Samples after which it is computed anew, because clocks drift.
const ROUND: usize = 32;
/// Pairs of clocks.
const MAX_PAIRS: usize = 1 << 14;
/// A difference that is known less well than this, in nanoseconds, is as good as unknown.
const MAX_SLACK: i64 = 2_000_000_000;

/// What to take from the times of one clock to get those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    /// Nanoseconds to take away: the least that it can be.
    least: i64,
    /// How much more it may be, in nanoseconds.
    pub(super) slack: u64,
}

/// All pairs of clocks.
#[derive(Debug)]
pub(super) struct Skew {
    pairs: IdMap<(Text, Text), Pair>,
}

#[derive(Debug, Default)]
struct Pair {
    /// The difference is at least the first and at most the second.
    limits: Vec<(i64, i64)>,
    known: Option<Difference>,
}

impl Difference {
    /// Times of one and the same clock.
    pub(super) const NONE: Self = Self { least: 0, slack: 0 };

    /// A time of the other clock on the own one: too late by at most the slack.
    pub(super) const fn apply(self, time: u64) -> u64 {
        time.saturating_add_signed(self.least.saturating_neg())
    }
}

impl Skew {
    /// Nothing known.
    pub(super) fn new(seed: u64) -> Self {
        Self { pairs: IdMap::with_hasher(Seeded(seed)) }
    }

    /// How far times of `seen` are ahead of times of `own`; `None` while that is not known.
    pub(super) fn between(&self, seen: Text, own: Text) -> Option<Difference> {
        if seen == own {
            return Some(Difference::NONE);
        }
        self.pairs.get(&(seen, own))?.known
    }

    /// One call from start to end on the clock `seen`, within a request from start to end on the clock `own`.
    pub(super) fn learn(&mut self, seen: Text, own: Text, call: (u64, u64), request: (u64, u64)) {
        if self.pairs.len() >= MAX_PAIRS && !self.pairs.contains_key(&(seen, own)) {
            return;
        }
        let difference = |later: u64, earlier: u64| (later as i64).saturating_sub(earlier as i64);
        let limits = (difference(call.1, request.1), difference(call.0, request.0));
        let pair = self.pairs.entry((seen, own)).or_default();
        pair.limits.push(limits);
        if (pair.known.is_none() && pair.limits.len() >= ENOUGH) || pair.limits.len() >= ROUND {
            pair.known = pair.computed();
            if pair.limits.len() >= ROUND {
                pair.limits.clear();
            }
        }
    }
}

impl Pair {
    fn computed(&self) -> Option<Difference> {
        let most = self.limits.iter().map(|(_, most)| *most).min()?;
        // Calls may outlive their request; the greatest of the lower limits would believe the one that did.
        let mut least: Vec<i64> = self.limits.iter().map(|(least, _)| *least).collect();
        least.sort_unstable();
        let least = least.get(least.len() / 2).copied()?.min(most);
        let slack = most.checked_sub(least).filter(|slack| *slack <= MAX_SLACK)?;
        Some(Difference { least, slack: slack.unsigned_abs() })
    }
}

#[cfg(test)]
mod tests;

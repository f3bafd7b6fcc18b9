//! Hops and what was counted on them: one entry for each hop and epoch of its caller.

use std::sync::Arc;

use super::hash::{IdMap, Seeded, mix, mix_id};
use super::head::Head;
use super::recent::Recent;
use super::sections::SectionTally;
use super::strata::Stratum;
use super::texts::Text;
use crate::gap::code::{Code, Severity};
use crate::gap::judgement::{Attribution, Evidence, MAX_EVIDENCE};
use crate::gap::observation::Completeness;

/// Traces whose outcome on a hop is remembered.
const MAX_SAMPLES: usize = 1 << 18;

/// A hop's name, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) service: Text,
    pub(super) peer: Text,
    pub(super) method: Text,
    pub(super) route: Text,
}

/// All hops.
#[derive(Debug)]
pub(super) struct Hops {
    numbers: IdMap<Key, u32>,
    pub(super) keys: Vec<Key>,
    places: IdMap<(u32, Text), usize>,
    pub(super) states: Vec<HopState>,
    samples: Recent<Outcome>,
    most: usize,
    /// Calls left out because there were too many hops.
    pub(super) over_bound: u64,
}

/// What became of one trace on one hop: bits by the place of the code in [`Code::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Outcome {
    judged: u16,
    broken: u16,
    is_counted: bool,
    is_forwarded: bool,
}

/// One hop in one epoch.
#[derive(Debug, Clone)]
pub(super) struct HopState {
    pub(super) hop: u32,
    pub(super) epoch: Text,
    pub(super) calls: u64,
    /// Calls whose heads were not seen whole, by why.
    pub(super) not_whole: Vec<(Completeness, u64)>,
    /// Times of the first and the last call.
    pub(super) seen: (u64, u64),
    /// Calls that bear a trace whose requests have all been answered, or that another process made.
    pub(super) afterwards: u64,
    /// Calls that bear the trace of a request that arrived and was answered, marked or not, or long ago.
    pub(super) stale: u64,
    /// Calls that bear the trace of a marked request under way.
    pub(super) during: u64,
    /// Traces judged by their calls.
    pub(super) judged: u64,
    /// Those that went through whole.
    pub(super) forwarded: u64,
    /// Windows of marked requests that were looked at.
    pub(super) windows: u64,
    pub(super) is_hidden: bool,
    pub(super) tallies: Vec<(Code, Tally)>,
    pub(super) strata: Vec<Stratum>,
    pub(super) sections: Vec<SectionTally>,
}

/// How often something is true, and examples.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) broken: u64,
    pub(super) of: u64,
    /// Of those that are broken, how many may as well be something else.
    pub(super) unsure: u64,
    pub(super) seen: Option<(u64, u64)>,
    pub(super) evidence: Vec<Evidence>,
}

/// What one call with a trace id says.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    pub(super) judged: Vec<Code>,
    pub(super) broken: Vec<Code>,
    pub(super) is_forwarded: bool,
}

impl Hops {
    /// None yet, and at most so many.
    pub(super) fn new(most: usize, seed: u64) -> Self {
        Self {
            numbers: IdMap::with_hasher(Seeded(seed)),
            keys: Vec::new(),
            places: IdMap::with_hasher(Seeded(seed)),
            states: Vec::new(),
            samples: Recent::new(MAX_SAMPLES, seed),
            most,
            over_bound: 0,
        }
    }

    /// The hop's number.
    pub(super) fn number(&mut self, key: Key) -> Option<u32> {
        if let Some(number) = self.numbers.get(&key) {
            return Some(*number);
        }
        if self.keys.len() >= self.most {
            self.over_bound += 1;
            return None;
        }
        let number = u32::try_from(self.keys.len()).ok()?;
        self.keys.push(key);
        self.numbers.insert(key, number);
        Some(number)
    }

    /// The hop in this epoch.
    pub(super) fn state(&mut self, hop: u32, epoch: Text) -> Option<&mut HopState> {
        if let Some(place) = self.places.get(&(hop, epoch)) {
            return self.states.get_mut(*place);
        }
        if self.states.len() >= self.most {
            self.over_bound += 1;
            return None;
        }
        self.places.insert((hop, epoch), self.states.len());
        self.states.push(HopState::new(hop, epoch));
        self.states.last_mut()
    }

    /// Counts what a call of this trace says. Only the first of a trace's calls with the same result counts.
    pub(super) fn count(
        &mut self,
        (hop, epoch): (u32, Text),
        trace: u128,
        reading: &Reading,
        time: u64,
        evidence: impl Fn() -> Evidence,
    ) {
        let key = mix_id(mix(&[u64::from(hop), u64::from(epoch.0)]), trace);
        let before = self.samples.get(key).unwrap_or_default();
        let mut after = before;
        after.judged |= bits(&reading.judged);
        after.broken |= bits(&reading.broken);
        after.is_counted |= reading.is_forwarded || !reading.judged.is_empty();
        let is_whole = |outcome: Outcome| outcome.is_forwarded && outcome.broken & ERRORS == 0;
        after.is_forwarded |= reading.is_forwarded;
        if after == before {
            return;
        }
        self.samples.put(key, after);
        let Some(state) = self.state(hop, epoch) else { return };
        state.judged += u64::from(after.is_counted && !before.is_counted);
        state.forwarded += u64::from(is_whole(after));
        state.forwarded -= u64::from(is_whole(before)).min(state.forwarded);
        for code in Code::ALL {
            let is_new = |old: u16, new: u16| (new & !old) & bit(code) != 0;
            if is_new(before.judged, after.judged)
                && let Some(tally) = state.tally(code)
            {
                tally.of += 1;
            }
            if is_new(before.broken, after.broken)
                && let Some(tally) = state.tally(code)
            {
                tally.add(time, evidence());
            }
        }
    }
}

/// Codes of severity error.
const ERRORS: u16 = {
    let (mut place, mut errors) = (0, 0);
    while place < Code::ALL.len() {
        #[expect(clippy::indexing_slicing, reason = "a constant's, within its length")]
        if matches!(Code::ALL[place].severity(), Severity::Error) {
            errors |= 1 << place;
        }
        place += 1;
    }
    errors
};

fn bit(code: Code) -> u16 {
    1 << code as u16
}

fn bits(codes: &[Code]) -> u16 {
    codes.iter().fold(0, |bits, code| bits | bit(*code))
}

impl HopState {
    fn new(hop: u32, epoch: Text) -> Self {
        Self {
            hop,
            epoch,
            calls: 0,
            not_whole: Vec::new(),
            seen: (u64::MAX, 0),
            afterwards: 0,
            stale: 0,
            during: 0,
            judged: 0,
            forwarded: 0,
            windows: 0,
            is_hidden: false,
            tallies: Vec::new(),
            strata: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// One more call.
    pub(super) fn see(&mut self, time: u64, completeness: Completeness) {
        self.calls += 1;
        if completeness != Completeness::Whole {
            count(&mut self.not_whole, completeness, 1);
        }
        self.seen = (self.seen.0.min(time), self.seen.1.max(time));
    }

    fn tally(&mut self, code: Code) -> Option<&mut Tally> {
        if !self.tallies.iter().any(|(known, _)| *known == code) {
            self.tallies.push((code, Tally::default()));
        }
        self.tallies.iter_mut().find(|(known, _)| *known == code).map(|(_, tally)| tally)
    }
}

impl Tally {
    /// One more that broke.
    pub(super) fn add(&mut self, time: u64, evidence: Evidence) {
        self.broken += 1;
        let (first, last) = self.seen.unwrap_or((time, time));
        self.seen = Some((first.min(time), last.max(time)));
        keep(&mut self.evidence, evidence);
    }
}

/// Counts some more of this kind.
pub(super) fn count(counts: &mut Vec<(Completeness, u64)>, kind: Completeness, more: u64) {
    match counts.iter_mut().find(|(known, _)| *known == kind) {
        Some((_, count)) => *count = count.saturating_add(more),
        None => counts.push((kind, more)),
    }
}

/// Keeps the first piece of evidence and the latest ones: those are still found in a backend.
pub(super) fn keep(kept: &mut Vec<Evidence>, evidence: Evidence) {
    if kept.len() >= MAX_EVIDENCE {
        kept.remove(1);
    }
    kept.push(evidence);
}

/// Evidence of a request and one of its calls. `out` is the call's context, if it has one.
pub(super) fn evidence(
    (arrived, head): (u64, &Head),
    called: u64,
    out: (Arc<str>, Option<Arc<str>>),
    attribution: Attribution,
) -> Evidence {
    Evidence {
        arrived,
        called,
        traceparent_in: head.line(),
        tracestate_in: head.state.clone().unwrap_or_default(),
        traceparent_out: out.0,
        tracestate_out: out.1,
        attribution,
    }
}

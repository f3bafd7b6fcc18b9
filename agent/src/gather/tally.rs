//! What was wrong with one source, counted by kind, with the first of each kind in words.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::gap::engine::REORDER;
use crate::gap::ndjson::{Counts, Fault, Problem as Unread};
use crate::gap::observation::Observation;
use crate::report::source::{Problem, ProblemKind};
use crate::report::time::{Timestamp, length};

/// How far ahead of this machine's clock a source may be, in nanoseconds: clocks of machines differ by less.
const AHEAD: u64 = 60 * 1_000_000_000;
/// Sequence numbers remembered for each origin, to see duplicates where they are read.
const REMEMBERED: usize = 1 << 12;
/// Origins whose numbers are remembered.
const ORIGINS: usize = 1 << 8;

/// The problems of one source.
#[derive(Debug, Default)]
pub(super) struct Tally {
    problems: BTreeMap<ProblemKind, Problem>,
    newest: u64,
}

/// What was read before, of all sources.
#[derive(Debug, Default)]
pub(super) struct Seen {
    origins: HashMap<Arc<str>, Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    known: HashSet<(u64, u64)>,
    order: VecDeque<(u64, u64)>,
}

impl Tally {
    pub(super) fn add(&mut self, problem: Problem) {
        self.problems.entry(problem.kind).and_modify(|known| known.count += problem.count).or_insert(problem);
    }

    fn note(&mut self, kind: ProblemKind, detail: impl FnOnce() -> String) {
        match self.problems.get_mut(&kind) {
            Some(known) => known.count += 1,
            None => _ = self.problems.insert(kind, Problem { kind, count: 1, detail: detail() }),
        }
    }

    /// A line that could not be read.
    pub(super) fn fault(&mut self, fault: &Fault) {
        let kind = match fault.problem {
            Unread::NoHeader | Unread::Schema { .. } | Unread::Version { .. } => ProblemKind::OtherVersion,
            Unread::NotAnObservation { .. } | Unread::Value { .. } => ProblemKind::Corrupt,
            Unread::TooLong => ProblemKind::TooLong,
            Unread::Truncated => ProblemKind::Truncated,
        };
        self.note(kind, || fault.to_string());
    }

    /// An observation that was read: its time is compared with those before it and with `now`.
    pub(super) fn observation(&mut self, observation: &Observation, line: u64, now: u64, seen: &mut Seen) {
        let start = observation.start;
        if start > now.saturating_add(AHEAD) {
            let ahead = length(start - now);
            self.note(ProblemKind::ClockJump, || format!("line {line}: {ahead} ahead of this machine's clock"));
        } else if self.newest.saturating_sub(start) > REORDER {
            let (back, from) = (length(self.newest - start), Timestamp(self.newest));
            self.note(ProblemKind::ClockJump, || {
                let when = format!("{} {} UTC", from.date(), from.clock());
                format!(
                    "line {line}: time goes back by {back}, from {when}; recordings of the same hours are merged if they \
                     are named one by one"
                )
            });
            // One jump is one problem, however long the stretch behind it is.
            self.newest = start;
        }
        self.newest = self.newest.max(start.min(now.saturating_add(AHEAD)));
        if seen.before(observation) {
            let (name, sequence) = (&observation.origin.name, observation.origin.sequence);
            self.note(ProblemKind::Duplicates, || format!("line {line}: number {sequence} of {name} was read before"));
        }
    }

    /// The whole source was read: what its reader counted, and the problems by kind.
    pub(super) fn finish(mut self, counts: Counts, was_opened: bool) -> Vec<Problem> {
        if counts.cut > 0 {
            let detail = "names, paths or header lines over their bound".to_owned();
            self.add(Problem { kind: ProblemKind::Cut, count: counts.cut, detail });
        }
        if was_opened && counts.lines == 0 && self.problems.is_empty() {
            let detail = "not even the line that says what it is".to_owned();
            self.add(Problem { kind: ProblemKind::Empty, count: 1, detail });
        }
        if let Some(other) = self.problems.get_mut(&ProblemKind::OtherVersion).filter(|_| counts.skipped > 0) {
            other.detail = format!("{}; {} lines passed over", other.detail, counts.skipped);
        }
        self.problems.into_values().collect()
    }
}

impl Seen {
    fn before(&mut self, observation: &Observation) -> bool {
        if !self.origins.contains_key(&observation.origin.name) && self.origins.len() >= ORIGINS {
            return false;
        }
        let recent = self.origins.entry(Arc::clone(&observation.origin.name)).or_default();
        // The time too: an agent that was restarted counts from 0 again.
        let key = (observation.origin.sequence, observation.start);
        if !recent.known.insert(key) {
            return true;
        }
        recent.order.push_back(key);
        if recent.order.len() > REMEMBERED
            && let Some(oldest) = recent.order.pop_front()
        {
            recent.known.remove(&oldest);
        }
        false
    }
}

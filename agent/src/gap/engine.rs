//! The engine: observations in, a judgement out. Streaming, with bounded memory.
//!
//! Feed it in the order of time, as far as that can be had: what comes more than [`REORDER`] after newer observations is
//! too late. Two recordings of the same hours are merged by time, not one after the other.
//!
//! How an observation goes through it: `intake` puts it in order; `twins` joins those of one thing; `flow` and `calls` read it from both ends, as an
//! arrival at one service and a call of another; calls that bear a trace are judged against the requests of that trace (`exact`),
//! those that bear none are remembered, and counted in the windows of marked requests (`windows`) or put down to the
//! request that their thread was serving (`sections`); `verdict` makes the judgement of what was counted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::challenge::Challenge;
use super::judgement::{Coverage, Judgement};
use super::observation::{Completeness, Observation};

pub use config::{Bounds, EngineConfig, Scope};

use agenda::Task;
use arrivals::Arrivals;
use hash::{IdMap, Seeded};
use hops::Hops;
use intake::{Intake, Taken};
use losses::Losses;
use recent::Recent;
use sections::Sections;
use sighting::Sighting;
use skew::Skew;
use texts::{Text, Texts};
use twins::Twins;

mod agenda;
mod arrivals;
mod calls;
mod config;
mod exact;
mod flow;
mod hash;
mod head;
mod hops;
mod intake;
mod lags;
mod losses;
mod recent;
mod rings;
mod scope;
mod sections;
mod sighting;
mod skew;
mod statistic;
mod strata;
mod texts;
mod times;
mod twins;
mod verdict;
mod windows;

/// How far observations may be out of order, in nanoseconds.
pub const REORDER: u64 = 30 * SECOND;
/// How far the two times of a challenge's pair may lie apart, in nanoseconds.
pub const MAX_PAIR: u64 = 60 * SECOND;

const SECOND: u64 = 1_000_000_000;
const MILLI: u64 = 1_000_000;

/// Trace ids that are remembered, of each kind.
const MAX_TRACES: usize = 1 << 17;
/// Pairs of challenges that are remembered.
const MAX_PAIRS: usize = 1 << 14;

/// Takes observations in and judges them.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    seed: u64,
    texts: Texts,
    intake: Intake,
    twins: Twins,
    agenda: BinaryHeap<Reverse<Task>>,
    /// Counts what is put on the agenda: equal times keep their order.
    order: u64,
    /// The time that processing has come to.
    now: u64,
    scopes: Vec<scope::Scope>,
    places: IdMap<(Text, Text), u32>,
    /// The clocks on which requests were seen to arrive at a service.
    clocks: IdMap<Text, Vec<Text>>,
    /// Marked requests by service and epoch.
    marked: IdMap<(Text, Text), u64>,
    hops: Hops,
    skew: Skew,
    sections: Sections,
    losses: Losses,
    arrivals: Arrivals,
    /// Who was first seen to send a trace id; no text where nobody could be named.
    origins: Recent<Text>,
    /// Services by an address they were seen to be called at; no text where there are several.
    addresses: Recent<Text>,
    /// Trace ids that arrived in a scope.
    arrived: Recent<()>,
    /// Traces that a hop was seen to carry.
    carried: Recent<()>,
    /// Traces that had their window.
    windowed: Recent<()>,
    /// What sections said of a trace on a hop.
    sectioned: Recent<u16>,
    pairs: IdMap<u128, (u64, u64)>,
    coverage: Coverage,
    period: Option<(u64, u64)>,
    held: usize,
}

impl Engine {
    /// An engine that has seen nothing. Control windows are placed by the seed: same input, same judgement.
    #[must_use]
    pub fn new(config: EngineConfig, seed: u64) -> Self {
        let bounds = config.bounds;
        let recent = || Recent::new(MAX_TRACES, seed);
        Self {
            config,
            seed,
            texts: Texts::new(bounds.texts),
            intake: Intake::new(bounds.waiting, seed),
            twins: Twins::new(seed),
            agenda: BinaryHeap::new(),
            order: 0,
            now: 0,
            scopes: Vec::new(),
            places: IdMap::with_hasher(Seeded(seed)),
            clocks: IdMap::with_hasher(Seeded(seed)),
            marked: IdMap::with_hasher(Seeded(seed)),
            hops: Hops::new(bounds.hops, seed),
            skew: Skew::new(seed),
            sections: Sections::new(seed),
            losses: Losses::new(seed),
            arrivals: Arrivals::default(),
            origins: Recent::new(MAX_TRACES, seed),
            addresses: Recent::new(MAX_TRACES, seed),
            arrived: recent(),
            carried: recent(),
            windowed: recent(),
            sectioned: Recent::new(MAX_TRACES, seed),
            pairs: IdMap::with_hasher(Seeded(seed)),
            coverage: Coverage::default(),
            period: None,
            held: 0,
        }
    }

    /// One sighting, in any order within [`REORDER`].
    pub fn observe(&mut self, observation: Observation) {
        let (kind, completeness) = (observation.origin.kind, observation.completeness);
        let start = observation.start;
        let loss = observation.is_loss().then(|| Arc::clone(&observation.service));
        let Some(sighting) = Sighting::read(observation, &mut self.texts, &self.config.marker) else {
            self.coverage.over_bound += 1;
            return;
        };
        match self.intake.take(sighting, &self.texts) {
            Taken::Duplicate => {
                self.coverage.duplicates += 1;
                return;
            }
            Taken::Late => self.coverage.late += 1,
            Taken::In => {}
        }
        self.coverage.observations += 1;
        match self.coverage.by_source.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.coverage.by_source.push((kind, 1)),
        }
        if let Some(service) = loss {
            return self.lost(start, Some(&service), 1, completeness);
        }
        match completeness {
            Completeness::Whole => {}
            Completeness::Truncated => self.coverage.truncated += 1,
            Completeness::Lost => self.coverage.lost = self.coverage.lost.saturating_add(1),
            Completeness::Encrypted => self.coverage.encrypted += 1,
            Completeness::Gated => self.coverage.gated = self.coverage.gated.saturating_add(1),
            Completeness::JoinedLate
            | Completeness::OtherProtocol
            | Completeness::Uring
            | Completeness::Compat
            | Completeness::LongLived => self.coverage.unreadable += 1,
        }
        let (first, last) = self.period.unwrap_or((start, start));
        self.period = Some((first.min(start), last.max(start)));
        self.run(false);
    }

    /// In the second before `at`, a source lost so many events of one service, or of all it watches, or passed them over
    /// ([`Completeness::Gated`]). Call it about when the events would have come: before the time has passed that
    /// [`Engine::advance`] is told of, plus [`REORDER`].
    pub fn lost(&mut self, at: u64, service: Option<&str>, count: u64, why: Completeness) {
        let counted = if why == Completeness::Gated { &mut self.coverage.gated } else { &mut self.coverage.lost };
        *counted = counted.saturating_add(count);
        let mut number = |text: &str| self.texts.number(&text.into());
        let service = service.and_then(&mut number);
        let other = number(super::route::OTHER);
        // It is watched, though perhaps nothing else was seen of it.
        self.know(service.unwrap_or(Text::NONE));
        if let Some((service, other)) = service.zip(other) {
            self.arrivals.lose(service, other, (why, count), at);
        }
        self.losses.add(at, service, why);
    }

    /// Announces what `throughline test` sends, before its observations come.
    pub fn challenge(&mut self, challenge: &Challenge) {
        for pair in &challenge.pairs {
            if pair.sent.abs_diff(pair.control) <= MAX_PAIR && self.pairs.len() < MAX_PAIRS {
                self.pairs.insert(head::trace_number(&pair.trace_id), (pair.sent, pair.control));
            }
        }
    }

    /// Time passes: what is older than [`REORDER`] is judged, and windows when the controls around them are over.
    pub fn advance(&mut self, now: u64) {
        self.intake.advance(now);
        self.run(false);
    }

    /// No more input: judges all that is left.
    pub fn finish(&mut self) {
        self.run(true);
    }

    /// What is known so far.
    #[must_use]
    pub fn judgement(&self) -> Judgement {
        self.judged()
    }

    fn run(&mut self, everything: bool) {
        while let Some(sighting) = self.intake.next(everything) {
            let start = sighting.start;
            self.twins.enter(sighting);
            self.release_until(start);
        }
        let frontier = if everything { u64::MAX } else { self.intake.frontier() };
        self.release_until(frontier);
        self.work_until(if everything { frontier } else { frontier.saturating_sub(twins::PATIENCE) });
    }

    /// Everything for which nobody is waited any more.
    fn release_until(&mut self, time: u64) {
        while let Some(sighting) = self.twins.leave(time) {
            self.work_until(sighting.start);
            self.now = self.now.max(sighting.start);
            self.release(&sighting);
        }
    }
}

#[cfg(test)]
mod tests;

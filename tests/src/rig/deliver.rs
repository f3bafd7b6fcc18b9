//! How observations reach the engine: late, twice, out of order, damaged, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use throughline::gap::observation::{Completeness, Context, Observation};

use super::chance::{MILLI, Nanos, SECOND, chance};
use super::sight::EPOCH;
use crate::random::Random;

/// Who takes observations in: the engine, or a file. Times are nanoseconds since the Unix epoch.
pub trait Sink {
    /// One observation.
    fn observe(&mut self, observation: Observation);
    /// A source lost so many events of a service, or passed them over.
    fn lost(&mut self, at: u64, service: &Arc<str>, count: u64, why: Completeness);
    /// A challenge is about to be sent: trace id, when it is sent, when nothing is sent.
    fn challenge(&mut self, pairs: &[(u128, u64, u64)]);
    /// Time has passed.
    fn advance(&mut self, now: u64);
    /// Whether it needs no more: then the simulation ends early.
    fn is_full(&self) -> bool {
        false
    }
}

/// What goes wrong with observations; shares of all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Damage {
    /// Heads whose end is missing, often the context with it.
    pub truncated: f64,
    /// Events that a source lost, and said so.
    pub lost: f64,
    /// Heads of which parts are missing.
    pub holes: f64,
    /// Connections that are encrypted from some point on.
    pub encrypted: f64,
    /// Observations that come twice.
    pub twice: f64,
}

/// The way from the observers to the engine.
pub struct Delivery<'a, S> {
    sink: &'a mut S,
    damage: Damage,
    random: Random,
    waiting: BTreeMap<(Nanos, u64), Observation>,
    count: u64,
    told: Nanos,
}

impl<'a, S: Sink> Delivery<'a, S> {
    /// A way to this sink.
    pub fn new(sink: &'a mut S, damage: Damage, random: Random) -> Self {
        Self { sink, damage, random, waiting: BTreeMap::new(), count: 0, told: 0 }
    }

    /// Whether nobody wants more.
    pub(super) fn is_full(&self) -> bool {
        self.sink.is_full()
    }

    /// Sends one off.
    pub(super) fn send(&mut self, now: Nanos, mut observation: Observation) {
        if observation.is_loss() {
            return self.sink.lost(observation.start, &observation.service, 1, observation.completeness);
        }
        let random = &mut self.random;
        if chance(random, self.damage.lost) {
            self.sink.lost(observation.start, &observation.service, 1, Completeness::Lost);
            return;
        }
        for (share, completeness) in [
            (self.damage.truncated, Completeness::Truncated),
            (self.damage.holes, Completeness::Lost),
            (self.damage.encrypted, Completeness::Encrypted),
        ] {
            if chance(random, share) {
                observation.completeness = completeness;
                if completeness == Completeness::Encrypted || chance(random, 0.7) {
                    observation.context = Context::default();
                }
            }
        }
        if chance(random, self.damage.twice) {
            self.wait(now, observation.clone());
        }
        self.wait(now, observation);
    }

    /// Observations come in batches, some of them much later than others.
    fn wait(&mut self, now: Nanos, observation: Observation) {
        let usual = self.random.below(300) as u64 * MILLI;
        let slow = if chance(&mut self.random, 0.01) { self.random.below(8) as u64 * SECOND } else { 0 };
        self.count += 1;
        self.waiting.insert((now + usual + slow, self.count), observation);
    }

    /// Announces a challenge; times since the start.
    pub(super) fn challenge(&mut self, pairs: &[(u128, Nanos, Nanos)]) {
        let pairs: Vec<_> =
            pairs.iter().map(|(trace, sent, control)| (*trace, EPOCH + sent, EPOCH + control)).collect();
        self.sink.challenge(&pairs);
    }

    /// Time passes: what is due arrives.
    pub(super) fn pass(&mut self, now: Nanos) {
        self.hand_over(now);
        if now >= self.told + SECOND {
            self.told = now;
            self.sink.advance(EPOCH + now);
        }
    }

    /// The end: everything arrives.
    pub(super) fn close(&mut self) {
        self.hand_over(Nanos::MAX);
    }

    fn hand_over(&mut self, until: Nanos) {
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 <= until) {
            self.sink.observe(first.remove());
        }
    }
}

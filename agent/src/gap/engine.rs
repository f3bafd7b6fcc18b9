//! The engine: observations in, a judgement out. Streaming, with bounded memory.
//!
//! Feed it in the order of time, as far as that can be had: what comes more than [`REORDER`] after newer observations is
//! too late. Two recordings of the same hours are merged by time, not one after the other.

use super::challenge::Challenge;
use super::judgement::Judgement;
use super::observation::Observation;
use crate::trace::marker::Marker;

pub use config::{Bounds, EngineConfig, Scope};

mod config;

/// How far observations may be out of order, in nanoseconds.
pub const REORDER: u64 = 30 * SECOND;
/// How far the two times of a challenge's pair may lie apart, in nanoseconds.
pub const MAX_PAIR: u64 = 60 * SECOND;

const SECOND: u64 = 1_000_000_000;

/// Takes observations in and judges them.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    seed: u64,
    judgement: Judgement,
}

impl Engine {
    /// An engine that has seen nothing. Control windows are placed by the seed: same input, same judgement.
    #[must_use]
    pub fn new(config: EngineConfig, seed: u64) -> Self {
        Self { config, seed, judgement: Judgement::default() }
    }

    /// One sighting, in any order within [`REORDER`].
    pub fn observe(&mut self, observation: Observation) {
        self.judgement.coverage.observations += 1;
        drop(observation);
    }

    /// A source lost so many events around then, of one service or of all it watches.
    pub fn lost(&mut self, at: u64, service: Option<&str>, count: u64) {
        let _ = (at, service, count, &self.config, self.seed);
    }

    /// Announces what `throughline test` sends, before its observations.
    pub fn challenge(&mut self, challenge: &Challenge) {
        let _ = challenge;
    }

    /// Time passes: what is older than [`REORDER`] is judged.
    pub fn advance(&mut self, now: u64) {
        let _ = now;
    }

    /// No more input: judges all that is left.
    pub fn finish(&mut self) {}

    /// What is known so far.
    #[must_use]
    pub fn judgement(&self) -> Judgement {
        self.judgement.clone()
    }
}

/// The marker of an engine that was told none.
impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            marker: Marker::default(),
            scope: Scope::default(),
            strict_tracestate: Vec::new(),
            bounds: Bounds::default(),
        }
    }
}

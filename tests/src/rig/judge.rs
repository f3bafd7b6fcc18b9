//! The engine at the end of a simulation: what observers saw goes in, its judgement is set beside the truth.

use std::sync::Arc;

use throughline::gap::challenge::{Challenge, Pair};
use throughline::gap::engine::{Bounds, Engine, EngineConfig, Scope};
use throughline::gap::judgement::Judgement;
use throughline::gap::observation::{Completeness, Observation};
use throughline::trace::ids::TraceId;
use throughline::trace::marker::Marker;

use super::deliver::Sink;
use super::plan::Plan;
use super::run::simulate;
use super::truth::Truth;

/// A run and what became of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was simulated.
    pub plan: Plan,
    /// What happened.
    pub truth: Truth,
    /// What the engine says of it.
    pub judgement: Judgement,
    /// Observations that reached the engine.
    pub observations: u64,
}

/// Simulates a plan and has the engine judge it.
#[must_use]
pub fn judge(plan: &Plan) -> Outcome {
    // Nobody has such a name: whatever is not observed is out of scope.
    let peers = if plan.has_scope() { vec!["internal.*".to_owned()] } else { Vec::new() };
    let scope = Scope { peers };
    let config = EngineConfig { scope, ..standard() };
    let engine = Engine::new(config, plan.seed);
    let mut judge = Judge { engine, observations: 0 };
    let truth = simulate(plan, &mut judge);
    judge.engine.finish();
    Outcome { plan: *plan, truth, judgement: judge.engine.judgement(), observations: judge.observations }
}

/// Checkly's mark, no scope, the usual bounds.
#[must_use]
pub fn standard() -> EngineConfig {
    EngineConfig {
        marker: Marker::default(),
        scope: Scope::default(),
        strict_tracestate: Vec::new(),
        bounds: Bounds::default(),
    }
}

struct Judge {
    engine: Engine,
    observations: u64,
}

impl Sink for Judge {
    fn observe(&mut self, observation: Observation) {
        self.observations += 1;
        self.engine.observe(observation);
    }

    fn lost(&mut self, at: u64, service: &Arc<str>, count: u64, why: Completeness) {
        self.engine.lost(at, Some(service), count, why);
    }

    fn challenge(&mut self, pairs: &[(u128, u64, u64)]) {
        let pair = |(trace, sent, control): &(u128, u64, u64)| {
            let trace_id = TraceId::from_bytes(trace.to_be_bytes())?;
            Some(Pair { trace_id, sent: *sent, control: *control })
        };
        self.engine.challenge(&Challenge { pairs: pairs.iter().filter_map(pair).collect() });
    }

    fn advance(&mut self, now: u64) {
        self.engine.advance(now);
    }
}

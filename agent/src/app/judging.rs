//! The engine of a running agent: takes what proxies and probe saw, and reports when asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::probing::View;
use crate::config::ReportConfig;
use crate::gap::engine::{Engine, EngineConfig, Scope};
use crate::gap::observation::Observation;
use crate::gap::sink::ObservationConsumer;
use crate::report::model::Report;
use crate::report::question::Question;
use crate::report::source::{Source, SourceKind};

/// The engine; its copies share one.
#[derive(Clone)]
pub(super) struct Judging {
    engine: Arc<Mutex<Engine>>,
    question: Arc<Question>,
    probe: Option<Arc<View>>,
}

impl Judging {
    /// An engine that has seen nothing.
    pub(super) fn new(config: &ReportConfig, probe: Option<Arc<View>>) -> Self {
        let scope = Scope { peers: config.scope.clone() };
        let engine = Engine::new(EngineConfig { scope, ..EngineConfig::default() }, seed());
        let question = Question { suppress: config.suppress.clone(), ..Question::default() };
        Self { engine: Arc::new(Mutex::new(engine)), question: Arc::new(question), probe }
    }

    /// The report on what was judged up to now. The newest observations wait for their order, half a minute at most.
    pub(super) fn report(&self) -> Report {
        let judgement = self.engine().judgement();
        let seen = judgement.coverage.observations;
        let source = Source::new("this agent".to_owned(), SourceKind::Agent, seen, Vec::new());
        let source = source.with_probe(self.probe.as_ref().map(|probe| probe.ledger()));
        Report::compose(&judgement, &self.question, vec![source], unix_now())
    }

    /// A poisoned lock means that a judgement panicked; what the engine holds is still evidence.
    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ObservationConsumer for Judging {
    fn observe(&mut self, observation: &Observation) {
        self.engine().observe(observation.clone());
    }

    fn lost(&mut self, marker: &Observation, count: u64) {
        self.engine().lost(marker.start, Some(&marker.service), count, marker.completeness);
    }

    fn advance(&mut self, now: u64) {
        self.engine().advance(now);
    }

    /// The agent ends, and nobody asks for its report any more: what still waits for its turn after a flood would only
    /// hold up the end.
    fn finish(&mut self) {}
}

/// Where control windows lie must not be known beforehand.
fn seed() -> u64 {
    unix_now() ^ u64::from(std::process::id())
}

fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

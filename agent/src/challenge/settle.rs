//! Asking the agents where the requests arrived, until no more come in.

use std::time::{Duration, Instant};

use super::send::Run;
use crate::gap::engine::{Engine, EngineConfig};
use crate::gap::judgement::Judgement;
use crate::gather::{Gathering, Options, Place};
use crate::report::path::Follow;
use crate::report::source::{Source, SourceState};

/// Between two questions.
const AGAIN: Duration = Duration::from_millis(500);
/// How far the clocks of agents may be behind this one, in nanoseconds: so much earlier begins what is asked for.
const CLOCKS: u64 = 60 * 1_000_000_000;

/// What the agents said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The engine's conclusion.
    pub judgement: Judgement,
    /// Where the traces arrived.
    pub follow: Follow,
    /// The agents.
    pub agents: Vec<Source>,
}

/// Asks until every trace was seen somewhere and twice in a row nothing new came in, or until `patience` is over.
pub async fn ask(agents: &[Place], token: Option<&str>, run: &Run, seed: u64, patience: Duration) -> Answer {
    let begun = Instant::now();
    let since = run.sent.from.0.saturating_sub(CLOCKS);
    let options = Options { since: Some(since), token: token.map(str::to_owned), now: run.sent.to.0 };
    let mut before = None;
    loop {
        let answer = ask_once(agents, &options, run, seed).await;
        let arrivals = answer.follow.arrivals();
        let all_seen = answer.follow.arrived_anywhere() == run.challenge.pairs.len() as u64;
        let none_answers = answer.agents.iter().all(|agent| agent.state == SourceState::Missing);
        // Where nothing at all arrives, the agents are likely the wrong ones.
        let patience = if arrivals == 0 { patience / 3 } else { patience };
        if none_answers || (all_seen && before == Some(arrivals)) || begun.elapsed() >= patience {
            return answer;
        }
        before = Some(arrivals);
        tokio::time::sleep(AGAIN).await;
    }
}

async fn ask_once(agents: &[Place], options: &Options, run: &Run, seed: u64) -> Answer {
    let mut engine = Engine::new(EngineConfig::default(), seed);
    engine.challenge(&run.challenge);
    let mut follow = Follow::new(run.challenge.pairs.iter().map(|pair| pair.trace_id));
    let mut gathering = Gathering::open(agents, options).await;
    while let Some(observation) = gathering.next().await {
        follow.observe(&observation);
        engine.observe(observation);
    }
    engine.finish();
    Answer { judgement: engine.judgement(), follow, agents: gathering.finish().await }
}

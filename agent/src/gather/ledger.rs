//! What an agent's probe says of itself: `/v1/probe`.

use std::time::Duration;

use super::client::client;
use super::place::Place;
use crate::report::ledger::ProbeLedger;

/// For the whole answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// No probe has more to say, in bytes.
const LONGEST: usize = 1 << 20;

/// The probe's account, where this is an agent with a probe. An agent that does not answer is none: what was wrong with it
/// was said when its observations were read.
pub(super) async fn ledger(place: &Place, token: Option<&str>) -> Option<ProbeLedger> {
    let Place::Agent(url) = place else { return None };
    let mut target = url.clone();
    target.set_path("/v1/probe");
    let mut asked = client(url, PATIENCE, Some(PATIENCE)).ok()?.get(target);
    if let Some(token) = token {
        asked = asked.bearer_auth(token);
    }
    let mut answer = asked.send().await.ok().filter(|answer| answer.status().is_success())?;
    let mut text = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        text.extend_from_slice(&piece);
        if text.len() > LONGEST {
            return None;
        }
    }
    serde_json::from_slice(&text).ok()
}

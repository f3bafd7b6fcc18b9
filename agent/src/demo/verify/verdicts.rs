//! Whether the report says what is true: the services were told to break the trace, so the right verdicts are known.

use std::fmt::Write as _;

use crate::demo::plan::{self, Manner, Manners};
use crate::gap::challenge::Challenge;
use crate::gap::code::{Code, Severity};
use crate::gap::engine::{Engine, EngineConfig};
use crate::gap::judgement::{Confidence, Judgement, Verdict};
use crate::gap::observation::Observation;

/// From so many marked requests on, every hop has samples enough for a verdict.
pub(in crate::demo) const ENOUGH: usize = 48;

/// What the report is made of.
pub(in crate::demo) fn judge(challenge: &Challenge, observations: &[Observation]) -> Judgement {
    // The seed places control windows beside those that the challenge brings.
    let mut engine = Engine::new(EngineConfig::default(), 1);
    engine.challenge(challenge);
    observations.iter().for_each(|observation| engine.observe(observation.clone()));
    engine.finish();
    engine.judgement()
}

/// A sentence for every verdict that is wrong, or missing though `marked` requests are enough. `killed` made no calls.
pub(in crate::demo) fn check(
    judgement: &Judgement,
    manners: Manners,
    killed: Option<&str>,
    marked: usize,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (caller, callee, path) in plan::calls().filter(|(caller, ..)| Some(*caller) != killed) {
        let route = format!("/{path}/{{}}");
        let manner = manners.at(caller);
        let hop = judgement.hops.iter().find(|hop| {
            *hop.key.service == *caller && *hop.key.peer == *callee && *hop.key.route == *route && hop.is_current
        });
        let mut said = String::new();
        let errors =
            hop.iter().flat_map(|hop| &hop.findings).filter(|finding| finding.code.severity() == Severity::Error);
        for finding in errors.clone() {
            // Writing to a String cannot fail.
            let _ = write!(said, "{} {} ", finding.code, finding.code.title());
        }
        let expected = match manner {
            Manner::Copies => None,
            Manner::Drops => Some(Code::ContextLost),
            Manner::Unmarks => Some(Code::MarkLost),
        };
        let mut others = errors.clone().filter(|finding| Some(finding.code) != expected);
        if others.next().is_some() {
            wrong.push(format!("{caller} -> {callee} {route}: {caller} {}, and the report says {said}", manner.name()));
        }
        let sure = |code| errors.clone().any(|found| found.code == code && found.confidence >= Confidence::Likely);
        let right = match expected {
            Some(code) => sure(code),
            None => hop.is_some_and(|hop| hop.verdict == Verdict::Forwards),
        };
        if !right && marked >= ENOUGH {
            let missing = expected.map_or("forwards", Code::as_str);
            wrong.push(format!("{caller} -> {callee} {route}: the report does not say {missing} ({said})"));
        }
    }
    wrong
}

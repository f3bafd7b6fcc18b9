//! What to do next: at most three commands, the most useful first.

use super::expect::ExpectedOutcome;
use super::model::{Report, Step, Verdict};
use super::source::{SourceKind, SourceState};
use crate::gap::code::Severity;
use crate::gap::judgement::{Confidence, UnknownReason};

const AT_MOST: usize = 3;

pub(super) fn steps(report: &Report) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut add = |command: String, purpose: &str| steps.push(Step { command, purpose: purpose.to_owned() });
    let missing = report.sources.iter().find(|source| source.state == SourceState::Missing);
    if let Some(source) = missing.filter(|source| source.kind == SourceKind::Agent) {
        add(format!("curl -s {}/readyz", source.name.trim_end_matches('/')), "see whether this agent runs");
    }
    let shown = || report.hops.iter().flat_map(|hop| &hop.findings).filter(|found| found.hidden_by.is_none());
    if let Some(worst) = shown().find(|found| found.severity.0 == Severity::Error) {
        add(format!("throughline explain {}", worst.code.0), "causes, and the fix in eight languages");
    }
    let unsure = shown().any(|found| found.severity.0 == Severity::Error && found.confidence.0 < Confidence::Confirmed);
    let too_few = report.hops.iter().any(|hop| {
        let reason = hop.reason.map(|reason| reason.0);
        matches!(reason, Some(UnknownReason::TooFewSamples | UnknownReason::NoMarkedTraffic))
    });
    let unjudged = report.expectations.iter().any(|expected| expected.outcome == ExpectedOutcome::Unjudged);
    if report.coverage.hops_seen == 0 {
        add(test(report), "send marked requests through your proxies: URL is a page behind the first of them");
    } else if unsure {
        add(test(report), "confirm what is not sure yet: marked requests at random times");
    } else if too_few || unjudged {
        add(test(report), "reach the hops that are not judged: marked requests at random times");
    }
    if steps.is_empty() {
        steps.extend(when_all_is_well(report));
    }
    steps.truncate(AT_MOST);
    steps
}

/// The command that sends marked requests, with the agents this report was made from.
fn test(report: &Report) -> String {
    let agents = report.sources.iter().filter(|source| source.kind == SourceKind::Agent);
    let flags: String = agents.map(|source| format!(" --agent {}", source.name)).collect();
    format!("throughline test URL{flags}")
}

fn when_all_is_well(report: &Report) -> Option<Step> {
    let any_finding = report.totals.warnings + report.totals.notes > 0;
    let first = report.hops.iter().flat_map(|hop| &hop.findings).find(|found| found.hidden_by.is_none());
    if let Some(found) = first.filter(|_| any_finding) {
        let command = format!("throughline explain {}", found.code.0);
        return Some(Step { command, purpose: "what that means".to_owned() });
    }
    report.hops.iter().any(|hop| hop.verdict == Verdict::Forwards).then(|| Step {
        command: "throughline report --fail-on error --expect FILE".to_owned(),
        purpose: "keep it so: fail a build when one of the hops in FILE breaks, or is no longer judged".to_owned(),
    })
}

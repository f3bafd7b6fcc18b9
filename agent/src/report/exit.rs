//! How the command exits: one number, and the reasons for it.

use super::expect::ExpectedOutcome;
use super::model::{Exit, Report};
use super::source::SourceState;
use crate::gap::code::Severity;
use crate::gap::judgement::Confidence;
use crate::trace::counts::Label;

/// Findings at or over the bar, or something expected that is broken.
pub const FAILED: u8 = 1;
/// Something is missing: a source, a judged hop, an expected hop.
pub const INCOMPLETE: u8 = 3;

/// Nothing to complain of.
pub(super) fn done() -> Exit {
    Exit { code: 0, reasons: Vec::new() }
}

/// What follows from a report. Failures win over what is incomplete; the reasons name both.
pub(super) fn of(report: &Report, fail_on: Option<Severity>) -> Exit {
    let failures = failures(report, fail_on);
    let gaps = incomplete(report);
    let code = match (failures.is_empty(), gaps.is_empty()) {
        (false, _) => FAILED,
        (true, false) => INCOMPLETE,
        (true, true) => 0,
    };
    Exit { code, reasons: failures.into_iter().chain(gaps).collect() }
}

fn failures(report: &Report, fail_on: Option<Severity>) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(bar) = fail_on {
        let findings = report.hops.iter().flat_map(|hop| &hop.findings);
        let sure = findings.filter(|found| found.confidence.0 > Confidence::Possible);
        let bad = sure.filter(|found| found.severity.0 >= bar && found.hidden_by.is_none()).count();
        let arrivals = report.arrivals.iter().filter(|found| found.severity.0 >= bar && found.hidden_by.is_none());
        match bad + arrivals.count() {
            0 => {}
            1 => reasons.push(format!("1 finding of severity {} or worse", bar.name())),
            n => reasons.push(format!("{n} findings of severity {} or worse", bar.name())),
        }
    }
    reasons.extend(expectations(report, ExpectedOutcome::Broken, "is broken"));
    reasons
}

fn incomplete(report: &Report) -> Vec<String> {
    let mut reasons = Vec::new();
    for source in report.sources.iter().filter(|source| source.state != SourceState::Complete) {
        let kinds = source.problems.iter().filter(|problem| problem.kind.loses_evidence());
        let kinds: Vec<&str> = kinds.map(|problem| problem.kind.title()).collect();
        let state = if source.state == SourceState::Missing { "missing" } else { "not whole" };
        reasons.push(format!("source {} is {state}: {}", source.name, kinds.join(", ")));
    }
    if report.coverage.hops_judged == 0 {
        reasons.push("no hop was judged".to_owned());
    }
    reasons.extend(expectations(report, ExpectedOutcome::Unjudged, "was not judged"));
    reasons
}

fn expectations(report: &Report, outcome: ExpectedOutcome, what: &str) -> Vec<String> {
    let of = report.expectations.iter().filter(|expected| expected.outcome == outcome);
    of.map(|expected| format!("expected hop {} {what}: {}", expected.hop, expected.detail)).collect()
}

#[cfg(test)]
mod tests;

//! Hops without a finding worth a line: those that were expected, those that forward, those that are unknown and why,
//! and how hops were before.

use super::findings::{because, counted};
use super::page::{DIM, GREEN, Page, RED, YELLOW};
use super::rows::{Columns, Row};
use crate::gap::code::Severity;
use crate::report::expect::ExpectedOutcome;
use crate::report::model::{HopReport, Report, Verdict};
use crate::report::names;
use crate::report::text::{cut, plain};

/// Older epochs that are shown; all of them are in the JSON form.
const HISTORY_SHOWN: usize = 10;

pub(super) fn expected(page: &mut Page, report: &Report) {
    if report.expectations.is_empty() {
        return;
    }
    page.heading("Expected to forward");
    for expected in &report.expectations {
        let (word, colour) = match expected.outcome {
            ExpectedOutcome::Met => ("met", GREEN),
            ExpectedOutcome::Broken => ("broken", RED),
            ExpectedOutcome::Unjudged => ("unjudged", YELLOW),
        };
        let word = page.paint(colour, &format!("{word:<8}"));
        let text = format!("{}: {}", expected.hop, expected.detail);
        let room = page.width().saturating_sub(12);
        page.line(&format!("  {word}  {}", cut(&plain(&text), room)));
    }
}

pub(super) fn forwarding(page: &mut Page, report: &Report) {
    let rest = |hop: &HopReport| {
        let mut said = format!("{} of {}", hop.forwarded, hop.samples);
        if hop.not_judged_async > 0 {
            said.push_str(&format!(", {} async", hop.not_judged_async));
        }
        said
    };
    section(page, report, "Forwards: traces that arrived whole, of those judged", Verdict::Forwards, rest);
    note_on_async(page, report);
}

pub(super) fn unknown(page: &mut Page, report: &Report) {
    let rest = |hop: &HopReport| {
        let reason = hop.reason.map_or("", |reason| names::reason(reason.0)).to_owned();
        match because(&hop.not_seen) {
            Some(why) if !reason.is_empty() => format!("{reason}: {why}"),
            _ => reason,
        }
    };
    section(page, report, "Not judged", Verdict::Unknown, rest);
}

fn section(page: &mut Page, report: &Report, heading: &str, verdict: Verdict, rest: impl Fn(&HopReport) -> String) {
    let hops: Vec<&HopReport> = report.hops.iter().filter(|hop| hop.verdict == verdict).collect();
    if hops.is_empty() {
        return;
    }
    page.heading(heading);
    let rows: Vec<Row> = hops.iter().map(|hop| Row::new("", &hop.ends(), &hop.call(), vec![rest(hop)])).collect();
    let columns = Columns::of(&rows, page);
    for row in &rows {
        columns.write(page, row, |_, code| code.to_owned());
    }
}

/// Calls after the answer are never silently absent, wherever they are.
fn note_on_async(page: &mut Page, report: &Report) {
    let others = report.hops.iter().filter(|hop| hop.verdict != Verdict::Forwards && hop.not_judged_async > 0);
    let calls: Vec<String> =
        others.map(|hop| format!("{} ({})", hop.text(), counted(hop.not_judged_async, "call"))).collect();
    if !calls.is_empty() {
        page.heading("After the answer, not judged");
        for call in calls {
            page.wrapped("  ", 4, &call);
        }
    }
}

pub(super) fn history(page: &mut Page, report: &Report) {
    if report.history.is_empty() {
        return;
    }
    page.heading("History, before the last restart");
    for hop in report.history.iter().take(HISTORY_SHOWN) {
        let codes: Vec<&str> = hop
            .findings
            .iter()
            .filter(|finding| finding.severity.0 == Severity::Error)
            .map(|finding| finding.code.0.as_str())
            .collect();
        let was = match hop.verdict {
            Verdict::Breaks => format!("broke: {}", codes.join(", ")),
            Verdict::Forwards => "forwarded".to_owned(),
            Verdict::Unknown => "was not judged".to_owned(),
        };
        let until = format!("until {} {}", hop.last_seen.date(), hop.last_seen.clock());
        let room = page.width().saturating_sub(2);
        let tail = format!("  {was}, {until}");
        let text = cut(&plain(&hop.text()), room.saturating_sub(tail.len()));
        let line = page.paint(DIM, &format!("{text}{tail}"));
        page.line(&format!("  {line}"));
    }
    if let Some(more @ 1..) = report.history.len().checked_sub(HISTORY_SHOWN) {
        page.line(&format!("  ... and {more} more; -o json has all"));
    }
}

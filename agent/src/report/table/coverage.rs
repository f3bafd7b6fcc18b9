//! What the report rests on: what was judged of what was seen, and which sources were missing.

use super::findings::counted;
use super::page::Page;
use crate::report::model::{CoverageReport, Report};
use crate::report::source::SourceState;

/// Names listed before the rest is counted.
const NAMES_SHOWN: usize = 8;
/// Where values begin.
const INDENT: usize = 14;

pub(super) fn write(page: &mut Page, report: &Report) {
    page.heading("Coverage");
    let coverage = &report.coverage;
    say(page, "hops", &format!("{} of {} judged", coverage.hops_judged, coverage.hops_seen));
    say(page, "marked", &marked(coverage));
    say(page, "services", &services(coverage));
    if let Some(text) = incomplete(coverage) {
        say(page, "incomplete", &text);
    }
    if coverage.callers_unknown > 0 {
        let requests = counted(coverage.callers_unknown, "request");
        say(page, "callers", &format!("not known for {requests}: the hops they belong to are missing here"));
    }
    if let Some(text) = left_out(coverage) {
        say(page, "left out", &text);
    }
    super::probe::write(page, report);
    sources(page, report);
}

pub(super) fn say(page: &mut Page, label: &str, text: &str) {
    let label = format!("  {label:<width$}", width = INDENT - 2);
    page.wrapped(&label, INDENT, text);
}

fn marked(coverage: &CoverageReport) -> String {
    let requests = counted(coverage.marked_requests, "marked request");
    match coverage.marked_without_call {
        0 => requests,
        n => format!("{requests}; during {n} of them the service was seen to call nobody"),
    }
}

fn services(coverage: &CoverageReport) -> String {
    let count = coverage.services.len();
    if count == 0 {
        return "none seen".to_owned();
    }
    match coverage.services_without_mark.as_slice() {
        [] => format!("{count}, each reached by a marked request"),
        names => format!("{count}; no marked request reached {}", listed(names)),
    }
}

pub(super) fn listed(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).map(String::as_str).collect();
    match names.len().checked_sub(NAMES_SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

fn incomplete(coverage: &CoverageReport) -> Option<String> {
    let CoverageReport { truncated, lost, encrypted, gated, unreadable, .. } = coverage;
    let more = [(*gated, "passed over"), (*unreadable, "unreadable for other reasons")];
    let more = more.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!(", {count} {why}"));
    let any = [truncated, lost, encrypted, gated, unreadable].into_iter().any(|count| *count > 0);
    any.then(|| {
        let more: String = more.collect();
        format!("{truncated} truncated, {lost} lost, {encrypted} encrypted heads{more}; none counts as broken")
    })
}

fn left_out(coverage: &CoverageReport) -> Option<String> {
    let parts = [
        (coverage.late, "too late"),
        (coverage.duplicates, "seen before"),
        (coverage.over_bound, "over a bound of memory"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("{count} {why}")).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

fn sources(page: &mut Page, report: &Report) {
    if report.sources.is_empty() {
        return;
    }
    let whole = report.sources.iter().filter(|source| source.state == SourceState::Complete).count();
    let seen = counted(report.coverage.observations, "observation");
    say(page, "sources", &format!("{whole} of {} complete, {seen}", report.sources.len()));
    for source in &report.sources {
        let state = match source.state {
            SourceState::Complete => "",
            SourceState::Partial => "partial: ",
            SourceState::Missing => "missing: ",
        };
        if let Some(complaint) = source.complaint() {
            page.wrapped(&" ".repeat(INDENT), INDENT + 2, &format!("{state}{complaint}"));
        }
    }
}

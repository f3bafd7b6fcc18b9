//! Findings by impact: where, what, how often, how sure, since when, and what to do.

use super::page::{DIM, Page, RED, YELLOW};
use super::rows::{Columns, Row};
use crate::gap::code::Severity;
use crate::report::compose::worse_first;
use crate::report::model::{ArrivalReport, EvidenceReport, FindingReport, HopReport, NotSeen, Report, SuppressionUse};
use crate::report::names;
use crate::report::text::{cut, plain};
use crate::report::time::{length, span};
use crate::trace::counts::Label;

const SECTIONS: [(Severity, &str); 3] =
    [(Severity::Error, "Errors"), (Severity::Warn, "Warnings"), (Severity::Info, "Notes")];

/// What one row of a section is about.
enum Found<'a> {
    OnHop(&'a HopReport, &'a FindingReport),
    Arriving(&'a ArrivalReport),
}

pub(super) fn write(page: &mut Page, report: &Report) {
    for (severity, heading) in SECTIONS {
        let found = shown(report, severity);
        if found.is_empty() {
            continue;
        }
        page.heading(heading);
        let titles = Row::new("", "hop", "call", ["broken", "95 %", "confidence"].map(str::to_owned).to_vec());
        let rows: Vec<Row> = std::iter::once(titles).chain(found.iter().map(Found::row)).collect();
        let columns = Columns::of(&rows, page);
        columns.titles(page, rows.first());
        for (found, row) in found.iter().zip(rows.iter().skip(1)) {
            columns.write(page, row, |page, code| page.paint(colour(severity), code));
            found.details(page, columns.indent());
        }
    }
    hidden(page, report);
}

fn shown(report: &Report, severity: Severity) -> Vec<Found<'_>> {
    let of = |hop: &'_ HopReport| hop.findings.len();
    let mut on_hops: Vec<(&HopReport, &FindingReport)> = Vec::with_capacity(report.hops.iter().map(of).sum());
    for hop in &report.hops {
        on_hops.extend(hop.findings.iter().map(|finding| (hop, finding)));
    }
    on_hops.retain(|(_, finding)| finding.severity.0 == severity && finding.hidden_by.is_none());
    on_hops.sort_by(|(hop, finding), (other_hop, other)| {
        worse_first(finding, other).then_with(|| hop.text().cmp(&other_hop.text()))
    });
    let arriving = report.arrivals.iter().filter(|seen| seen.severity.0 == severity && seen.hidden_by.is_none());
    on_hops.into_iter().map(|(hop, finding)| Found::OnHop(hop, finding)).chain(arriving.map(Found::Arriving)).collect()
}

const fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => RED,
        Severity::Warn => YELLOW,
        Severity::Info => DIM,
    }
}

impl Found<'_> {
    fn row(&self) -> Row {
        match self {
            Self::OnHop(hop, finding) => {
                let rest = vec![
                    format!("{} of {}", finding.broken, finding.of),
                    interval(finding.interval),
                    finding.confidence.0.name().to_owned(),
                ];
                Row::new(finding.code.0.as_str(), &hop.ends(), &hop.call(), rest)
            }
            Self::Arriving(seen) => {
                let call = format!("{} {}", seen.method, seen.route);
                Row::new(seen.code.0.as_str(), &seen.service, &call, vec![format!("{} of {}", seen.count, seen.of)])
            }
        }
    }

    fn details(&self, page: &mut Page, indent: usize) {
        let before = " ".repeat(indent);
        match self {
            Self::OnHop(hop, finding) => {
                let seen = span(finding.first_seen, finding.last_seen);
                let how = names::attribution(finding.attribution.0);
                let calls = counted(hop.calls, "call");
                page.wrapped(&before, indent, &format!("{}; seen {seen}; {how}; {calls}", finding.title));
                fix(page, indent, &finding.fix);
                if page.shows_evidence() {
                    finding.evidence.iter().for_each(|sample| evidence(page, indent, sample));
                }
            }
            Self::Arriving(seen) => {
                let from = seen.example.as_ref().map(|address| format!(", from {address} for example"));
                let when = span(seen.first_seen, seen.last_seen);
                let why = because(&seen.not_seen).map(|why| format!(": {why}")).unwrap_or_default();
                let from = from.unwrap_or_default();
                page.wrapped(&before, indent, &format!("{}{why}; seen {when}{from}", seen.title));
                fix(page, indent, &seen.fix);
            }
        }
    }
}

fn fix(page: &mut Page, indent: usize, text: &str) {
    let label = format!("{:indent$}fix: ", "");
    page.wrapped(&label, indent + "fix: ".len(), text);
}

/// What arrived and what left, as it was received: whole where it fits, because it is looked up elsewhere.
fn evidence(page: &mut Page, indent: usize, sample: &EvidenceReport) {
    let after = length(sample.called.0.saturating_sub(sample.arrived.0));
    let how = names::attribution(sample.attribution.0);
    let when = format!("{} {} UTC, called {after} later, {how}", sample.arrived.date(), sample.arrived.fine_clock());
    page.wrapped(&format!("{:indent$}- ", ""), indent + 2, &when);
    let out_state = match (&sample.tracestate_out, sample.traceparent_out.is_empty()) {
        (None, true) => String::new(),
        (None, false) => "tracestate not kept".to_owned(),
        (Some(state), _) if state.is_empty() => "no tracestate".to_owned(),
        (Some(state), _) => state.clone(),
    };
    let out = if sample.traceparent_out.is_empty() { "no traceparent" } else { &sample.traceparent_out };
    for (label, text) in
        [("in   ", &*sample.traceparent_in), ("     ", &sample.tracestate_in), ("out  ", out), ("     ", &out_state)]
    {
        if !text.is_empty() {
            let before = format!("{:1$}{label}", "", indent + 2);
            let room = page.width().saturating_sub(before.len());
            page.line(&format!("{before}{}", cut(&plain(text), room)));
        }
    }
}

/// Findings that are not shown, so that none is silently absent.
fn hidden(page: &mut Page, report: &Report) {
    let below = report.totals.below_confidence;
    if below == 0 && report.suppressions.is_empty() {
        return;
    }
    page.heading("Not shown");
    for SuppressionUse { rule, hides } in &report.suppressions {
        let what = match hides.len() {
            0 => "hides nothing; it can go".to_owned(),
            n => format!("hides {}: {}", counted(n as u64, "finding"), hides.join(", ")),
        };
        page.wrapped("  ", 4, &format!("--suppress {rule} {what}"));
    }
    if below > 0 {
        let least = report.filters.min_confidence.0.name();
        page.wrapped("  ", 4, &format!("--min-confidence {least} hides {}", counted(below, "finding")));
    }
}

/// `12 encrypted, 3 lost`; `None` of none.
pub(super) fn because(not_seen: &[NotSeen]) -> Option<String> {
    let said: Vec<String> =
        not_seen.iter().map(|seen| format!("{} {}", seen.count, names::completeness(seen.reason.0))).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// `76-100 %`.
pub(in super::super) fn interval([low, high]: [f64; 2]) -> String {
    format!("{:.0}-{:.0} %", (low * 100.0).floor(), (high * 100.0).ceil())
}

/// `1 call`, `2 calls`.
pub(in super::super) fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

//! What a report says of a cell, beside what is true of it.

use serde_json::Value;

use super::cell::{Cell, Expect, Sure};
use super::drive::Driven;

/// How a cell went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The cell.
    pub cell: Cell,
    /// What the report says that is not true, one sentence each.
    pub wrong: Vec<String>,
    /// What had to be found and was not.
    pub missed: Option<String>,
    /// The line of the table.
    pub line: String,
}

/// Requests that were sent, and of them those that were observed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recall {
    /// Requests sent to the service.
    pub sent: usize,
    /// Arrivals that were observed.
    pub arrived: usize,
    /// Requests that cause a call.
    pub calling: usize,
    /// Calls that were observed.
    pub called: usize,
}

/// Judges one cell by a report.
#[must_use]
pub fn judge(cell: &Cell, report: &Value, driven: &Driven, recall: Recall) -> Outcome {
    let name = cell.name();
    let hops: Vec<&Value> = list(&report["hops"]).filter(|hop| hop["service"] == name.as_str()).collect();
    let allowed = cell.codes();
    let mut wrong = Vec::new();
    for hop in &hops {
        let place = format!("{} {} to {}", text(&hop["method"]), text(&hop["route"]), text(&hop["peer"]));
        if hop["verdict"] == "breaks" && cell.mode.code().is_none() {
            wrong.push(format!("{name}: {place} is said to break: {}", hop["findings"]));
        }
        for finding in list(&hop["findings"]).filter(|finding| finding["severity"] == "error") {
            let code = text(&finding["code"]);
            if !allowed.contains(&code) {
                wrong.push(format!("{name}: {code} ({}) on {place}", text(&finding["confidence"])));
            }
        }
    }
    for status in driven.statuses().keys().filter(|status| **status != 200) {
        wrong.push(format!("{name}: answers were {status}: {:?}", driven.statuses()));
    }
    let found = cell.mode.code().and_then(|code| surest(&hops, code));
    let forwards = hops.iter().any(|hop| hop["verdict"] == "forwards");
    let missed = match cell.expects() {
        Expect::Forwards if !forwards => Some("that it forwards".to_owned()),
        Expect::Breaks(code, sure) if found.is_none_or(|(found, _, _)| found < sure) => {
            Some(format!("{code}, {sure:?}"))
        }
        _ => None,
    };
    let verdicts: Vec<String> = hops
        .iter()
        .map(|hop| match hop["reason"].as_str() {
            Some(reason) => format!("{} ({reason})", text(&hop["verdict"])),
            None => text(&hop["verdict"]).to_owned(),
        })
        .collect();
    let samples: u64 = hops.iter().filter_map(|hop| hop["samples"].as_u64()).sum();
    let found = found.map_or_else(
        || "-".to_owned(),
        |(sure, broken, of)| format!("{} {sure:?} {broken}/{of}", cell.mode.code().unwrap_or_default()),
    );
    let line = format!(
        "{name:<24} {:<28} {found:<24} {samples:>4} of {:<4} {:>5.1} % {:>5.1} %{}",
        verdicts.join(", "),
        driven.marked(),
        percent(recall.arrived, recall.sent),
        percent(recall.called, recall.calling),
        if wrong.is_empty() { "" } else { "  WRONG" },
    );
    Outcome { cell: *cell, wrong, missed, line }
}

/// What the columns of a table are.
#[must_use]
pub fn header() -> String {
    format!(
        "{:<24} {:<28} {:<24} {:<12} {:>7} {:>7}",
        "service and mode", "verdict", "finding", "traces", "arrived", "called"
    )
}

/// What a recording holds of a service.
#[must_use]
pub fn recall(recording: &[Value], service: &str, driven: &Driven) -> Recall {
    let of = |direction: &str| {
        recording.iter().filter(|line| line["service"] == service && line["dir"] == direction).count()
    };
    Recall { sent: driven.requests.len(), arrived: of("in"), calling: driven.calling(), called: of("out") }
}

/// Parts in a hundred; 100 of none.
#[must_use]
pub fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// How sure a code is at most, with its samples.
fn surest(hops: &[&Value], code: &str) -> Option<(Sure, u64, u64)> {
    let findings = hops.iter().flat_map(|hop| list(&hop["findings"])).filter(|finding| finding["code"] == code);
    let each = findings.filter_map(|finding| {
        let sure = Sure::named(text(&finding["confidence"]))?;
        Some((sure, finding["broken"].as_u64()?, finding["of"].as_u64()?))
    });
    each.max()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

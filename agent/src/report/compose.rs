//! From a judgement and a question to a report: what is shown and what is hidden, in which order, and what it adds up to.

use std::cmp::{Ordering, Reverse};

use super::expect::Expected;
use super::fix::fix;
use super::model::{
    ArrivalReport, CoverageReport, EvidenceReport, Filters, FindingReport, HopReport, NotSeen, Period, Report, SCHEMA,
    SuppressionUse, Totals, VERSION, Verdict,
};
use super::names::{CodeName, Name};
use super::question::Question;
use super::source::Source;
use super::time::Timestamp;
use super::{exit, next};
use crate::gap::code::Severity;
use crate::gap::judgement::{
    Arrival, Confidence, Coverage, Evidence, Finding, Hop, Judgement, UnknownReason, Verdict as Judged,
};
use crate::gap::observation::{Completeness, SourceKind};
use crate::trace::counts::Label;

impl Report {
    /// The report on `judgement`, made at `now` (nanoseconds since the Unix epoch). Equal arguments give equal reports.
    #[must_use]
    pub fn compose(judgement: &Judgement, question: &Question, sources: Vec<Source>, now: u64) -> Self {
        let all: Vec<(bool, HopReport)> =
            judgement.hops.iter().map(|judged| (judged.is_current, hop(judged, question))).collect();
        // Expectations are about hops as they are, whatever part of them is shown.
        let current: Vec<HopReport> =
            all.iter().filter(|(is_current, _)| *is_current).map(|(_, hop)| hop.clone()).collect();
        let expectations: Vec<Expected> = question.expect.iter().map(|expected| expected.judge(&current)).collect();
        let (current, old): (Vec<_>, Vec<_>) =
            all.into_iter().filter(|(_, hop)| question.wants(&hop.service, Some(&hop.peer))).partition(|(now, _)| *now);
        let mut hops: Vec<HopReport> = current.into_iter().map(|(_, hop)| hop).collect();
        hops.sort_by(by_impact);
        let mut history: Vec<HopReport> = old.into_iter().map(|(_, hop)| hop).collect();
        history.sort_by(|a, b| b.last_seen.cmp(&a.last_seen).then_with(|| a.text().cmp(&b.text())));
        let wanted = judgement.arrivals.iter().filter(|arrival| question.wants(&arrival.service, None));
        let mut arrivals: Vec<ArrivalReport> = wanted.map(|seen| arrival(seen, question)).collect();
        arrivals.sort_by(|a, b| {
            let worst = |arrival: &ArrivalReport| (Reverse(arrival.severity), arrival.code, Reverse(arrival.count));
            worst(a).cmp(&worst(b)).then_with(|| a.text().cmp(&b.text()))
        });
        let mut report = Self {
            schema: SCHEMA,
            version: VERSION,
            generator: concat!("throughline ", env!("CARGO_PKG_VERSION")).to_owned(),
            created: Timestamp(now),
            period: judgement.period.map(|(from, to)| Period { from: Timestamp(from), to: Timestamp(to) }),
            exit: exit::done(),
            totals: totals(&hops, &arrivals),
            coverage: coverage(&judgement.coverage, &hops),
            suppressions: suppressions(question, &hops, &arrivals),
            filters: filters(question),
            hops,
            history,
            arrivals,
            sources,
            expectations,
            next: Vec::new(),
        };
        report.exit = exit::of(&report, question.fail_on);
        report.next = next::steps(&report);
        report
    }
}

fn hop(judged: &Hop, question: &Question) -> HopReport {
    let (verdict, reason) = match judged.verdict {
        Judged::Breaks => (Verdict::Breaks, None),
        Judged::Forwards => (Verdict::Forwards, None),
        Judged::Unknown(reason) => (Verdict::Unknown, Some(Name::<UnknownReason>(reason))),
    };
    let mut hop = HopReport {
        service: judged.key.service.to_string(),
        peer: judged.key.peer.to_string(),
        method: judged.key.method.to_string(),
        route: judged.key.route.to_string(),
        epoch: judged.epoch.as_deref().map(str::to_owned),
        verdict,
        reason,
        samples: judged.samples,
        forwarded: judged.forwarded,
        calls: judged.calls,
        not_judged_async: judged.not_judged_async,
        not_seen: not_seen(&judged.not_whole),
        first_seen: Timestamp(judged.seen.0),
        last_seen: Timestamp(judged.seen.1),
        findings: Vec::new(),
    };
    let mut findings: Vec<FindingReport> = judged.findings.iter().map(|found| finding(found, &hop, question)).collect();
    findings.sort_by(worse_first);
    hop.findings = findings;
    hop
}

fn finding(found: &Finding, hop: &HopReport, question: &Question) -> FindingReport {
    let rate = if found.of == 0 { 0.0 } else { found.broken as f64 / found.of as f64 };
    let suppressed = question.suppression(found.code, hop).map(|rule| format!("--suppress {}", rule.text));
    let unsure = question.min_confidence.filter(|least| found.confidence < *least);
    FindingReport {
        code: CodeName(found.code),
        title: found.code.title().to_owned(),
        severity: Name(found.severity),
        confidence: Name(found.confidence),
        attribution: Name(found.attribution),
        broken: found.broken,
        of: found.of,
        rate,
        interval: [fraction(found.interval.0, 0.0), fraction(found.interval.1, 1.0)],
        impact: rate * hop.calls as f64,
        first_seen: Timestamp(found.seen.0),
        last_seen: Timestamp(found.seen.1),
        fix: fix(found.code, &hop.service),
        hidden_by: suppressed.or_else(|| unsure.map(|least| format!("--min-confidence {}", least.name()))),
        evidence: found.evidence.iter().map(evidence).collect(),
    }
}

/// A number from 0 to 1. JSON has no word for what is no number; `unknown` is said instead.
fn fraction(number: f64, unknown: f64) -> f64 {
    if number.is_finite() { number.clamp(0.0, 1.0) } else { unknown }
}

fn evidence(sample: &Evidence) -> EvidenceReport {
    EvidenceReport {
        arrived: Timestamp(sample.arrived),
        called: Timestamp(sample.called),
        traceparent_in: sample.traceparent_in.to_string(),
        tracestate_in: sample.tracestate_in.to_string(),
        traceparent_out: sample.traceparent_out.to_string(),
        tracestate_out: sample.tracestate_out.as_deref().map(str::to_owned),
        attribution: Name(sample.attribution),
    }
}

fn arrival(seen: &Arrival, question: &Question) -> ArrivalReport {
    let mut arrival = ArrivalReport {
        service: seen.service.to_string(),
        method: seen.method.to_string(),
        route: seen.route.to_string(),
        code: CodeName(seen.code),
        title: seen.code.title().to_owned(),
        severity: Name(seen.code.severity()),
        count: seen.count,
        of: seen.of,
        not_seen: not_seen(&seen.not_whole),
        example: seen.example.map(|address| address.to_string()),
        first_seen: Timestamp(seen.seen.0),
        last_seen: Timestamp(seen.seen.1),
        fix: fix(seen.code, &seen.service),
        hidden_by: None,
    };
    let rule = question.suppression_of_arrival(&arrival).map(|rule| format!("--suppress {}", rule.text));
    arrival.hidden_by = rule;
    arrival
}

fn not_seen(counts: &[(Completeness, u64)]) -> Vec<NotSeen> {
    counts.iter().map(|(reason, count)| NotSeen { reason: Name(*reason), count: *count }).collect()
}

/// More severe, surer, then more calls affected; at last by code, so that the order is always the same.
pub(super) fn worse_first(a: &FindingReport, b: &FindingReport) -> Ordering {
    let rank = |finding: &FindingReport| (Reverse(finding.severity), Reverse(finding.confidence));
    rank(a).cmp(&rank(b)).then_with(|| b.impact.total_cmp(&a.impact)).then_with(|| a.code.cmp(&b.code))
}

fn by_impact(a: &HopReport, b: &HopReport) -> Ordering {
    let worst = match (a.findings.first(), b.findings.first()) {
        (Some(a), Some(b)) => worse_first(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    a.verdict.cmp(&b.verdict).then(worst).then_with(|| b.calls.cmp(&a.calls)).then_with(|| a.text().cmp(&b.text()))
}

fn totals(hops: &[HopReport], arrivals: &[ArrivalReport]) -> Totals {
    let mut totals = Totals::default();
    let mut count = |severity: Severity, hidden_by: Option<&str>| {
        *match (hidden_by, severity) {
            (Some(flag), _) if flag.starts_with("--suppress") => &mut totals.suppressed,
            (Some(_), _) => &mut totals.below_confidence,
            (None, Severity::Error) => &mut totals.errors,
            (None, Severity::Warn) => &mut totals.warnings,
            (None, Severity::Info) => &mut totals.notes,
        } += 1;
    };
    for finding in hops.iter().flat_map(|hop| &hop.findings) {
        count(finding.severity.0, finding.hidden_by.as_deref());
    }
    for arrival in arrivals {
        count(arrival.severity.0, arrival.hidden_by.as_deref());
    }
    let verdicts = |verdict| hops.iter().filter(|hop| hop.verdict == verdict).count() as u64;
    totals.breaks = verdicts(Verdict::Breaks);
    totals.forwards = verdicts(Verdict::Forwards);
    totals.unknown = verdicts(Verdict::Unknown);
    totals
}

fn coverage(seen: &Coverage, hops: &[HopReport]) -> CoverageReport {
    let by = |kind: SourceKind| seen.by_source.iter().filter(|(of, _)| *of == kind).map(|(_, count)| count).sum();
    CoverageReport {
        hops_judged: hops.iter().filter(|hop| hop.verdict != Verdict::Unknown).count() as u64,
        hops_seen: hops.len() as u64,
        observations: seen.observations,
        from_proxies: by(SourceKind::Proxy),
        from_probes: by(SourceKind::Probe),
        from_files: by(SourceKind::File),
        marked_requests: seen.marked_requests,
        marked_without_call: seen.marked_without_call,
        services: seen.services.iter().map(ToString::to_string).collect(),
        services_without_mark: seen.services_without_mark.iter().map(ToString::to_string).collect(),
        callers_unknown: seen.callers_unknown,
        truncated: seen.truncated,
        lost: seen.lost,
        encrypted: seen.encrypted,
        gated: seen.gated,
        unreadable: seen.unreadable,
        late: seen.late,
        duplicates: seen.duplicates,
        over_bound: seen.over_bound,
    }
}

fn suppressions(question: &Question, hops: &[HopReport], arrivals: &[ArrivalReport]) -> Vec<SuppressionUse> {
    let hidden_hops =
        hops.iter().flat_map(|hop| hop.findings.iter().map(|found| (found.hidden_by.as_ref(), hop.text())));
    let hidden_arrivals = arrivals.iter().map(|arrival| (arrival.hidden_by.as_ref(), arrival.text()));
    let hidden: Vec<(Option<&String>, String)> = hidden_hops.chain(hidden_arrivals).collect();
    let rules = question.suppress.iter().map(|rule| {
        let flag = format!("--suppress {}", rule.text);
        let hides = hidden.iter().filter(|(by, _)| *by == Some(&flag)).map(|(_, place)| place.clone()).collect();
        SuppressionUse { rule: rule.text.clone(), hides }
    });
    rules.collect()
}

fn filters(question: &Question) -> Filters {
    Filters {
        since: question.since.map(Timestamp),
        services: question.services.iter().map(ToString::to_string).collect(),
        min_confidence: Name(question.min_confidence.unwrap_or(Confidence::Possible)),
        fail_on: question.fail_on.map(Name),
    }
}

#[cfg(test)]
mod tests;

//! Values for tests: hops and judgements with one line each.

use std::sync::Arc;

use super::Question;
use super::model::{HopReport, Report};
use super::source::Source;
use crate::gap::code::{Code, Severity};
use crate::gap::judgement::{
    Attribution, Confidence, Coverage, Evidence, Finding, Hop, HopKey, Judgement, UnknownReason, Verdict,
};
use crate::gap::observation::SourceKind;

/// 2025-11-25 21:00:02 UTC.
pub(crate) const AT: u64 = 1_764_104_402_000_000_000;
pub(crate) const MINUTE: u64 = 60_000_000_000;

/// A hop `GET /PEER/{}` that forwards 12 of 12, or breaks by 9 of 12, or is unknown.
pub(crate) fn judged(
    service: &str,
    peer: &str,
    finding: Option<(Code, Confidence)>,
    unknown: Option<UnknownReason>,
) -> Hop {
    let key = HopKey {
        service: service.into(),
        peer: peer.into(),
        method: "GET".into(),
        route: format!("/{peer}/{{}}").into(),
    };
    let verdict = match (finding, unknown) {
        (_, Some(reason)) => Verdict::Unknown(reason),
        (Some((code, _)), None) if code.severity() == Severity::Error => Verdict::Breaks,
        _ => Verdict::Forwards,
    };
    let findings: Vec<Finding> = finding.into_iter().map(|(code, confidence)| found(code, confidence)).collect();
    let breaks = verdict == Verdict::Breaks;
    Hop {
        key,
        epoch: Some("sha256:1".into()),
        is_current: true,
        verdict,
        samples: if unknown.is_some() { 0 } else { 12 },
        forwarded: if unknown.is_some() {
            0
        } else if breaks {
            3
        } else {
            12
        },
        findings,
        not_judged_async: 0,
        not_whole: Vec::new(),
        calls: 40,
        seen: (AT, AT + 30 * MINUTE),
    }
}

fn found(code: Code, confidence: Confidence) -> Finding {
    let sample = Evidence {
        arrived: AT,
        called: AT + 1_200_000,
        traceparent_in: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
        tracestate_in: "checkly=true".into(),
        traceparent_out: if code == Code::ContextLost {
            ""
        } else {
            "00-4bf92f3577b34da6a3ce929d0e0e4736-53ee64cf6f63eb2c-01"
        }
        .into(),
        tracestate_out: Some("".into()),
        attribution: Attribution::Exact,
    };
    Finding {
        code,
        severity: code.severity(),
        confidence,
        attribution: Attribution::Exact,
        broken: 9,
        of: 12,
        interval: (0.428, 0.945),
        seen: (AT, AT + 29 * MINUTE),
        evidence: vec![sample],
    }
}

/// The same as a report has it.
pub(crate) fn hop(
    service: &str,
    peer: &str,
    finding: Option<(Code, Confidence)>,
    unknown: Option<UnknownReason>,
) -> HopReport {
    let judgement = judgement(vec![judged(service, peer, finding, unknown)]);
    let report = Report::compose(&judgement, &Question::default(), Vec::new(), AT);
    report.hops.into_iter().next().unwrap_or_else(|| unreachable!("one hop in, one hop out"))
}

/// These hops, and coverage that fits.
pub(crate) fn judgement(hops: Vec<Hop>) -> Judgement {
    let mut services: Vec<Arc<str>> =
        hops.iter().flat_map(|hop| [hop.key.service.clone(), hop.key.peer.clone()]).collect();
    services.sort();
    services.dedup();
    let seen = hops.iter().filter(|hop| hop.is_current).count() as u64;
    let judged = |hop: &&Hop| hop.is_current && !matches!(hop.verdict, Verdict::Unknown(_));
    let coverage = Coverage {
        observations: 160,
        by_source: vec![(SourceKind::Proxy, 160)],
        hops_judged: hops.iter().filter(judged).count() as u64,
        hops_seen: seen,
        marked_requests: 40,
        services,
        ..Coverage::default()
    };
    Judgement { hops, arrivals: Vec::new(), coverage, period: Some((AT, AT + 30 * MINUTE)) }
}

/// A report on these hops.
pub(crate) fn report(hops: Vec<Hop>, question: &Question, sources: Vec<Source>) -> Report {
    Report::compose(&judgement(hops), question, sources, AT + 31 * MINUTE)
}

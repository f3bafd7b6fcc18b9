//! Order, filters and sums of a report.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use super::*;
use crate::gap::code::Code;
use crate::glob::Glob;
use crate::report::example::{AT, judged, judgement, report};
use crate::report::question::Suppression;

const ERROR: Code = Code::ContextLost;

#[test]
fn hops_are_sorted_by_impact() {
    let with_calls = |service: &str, finding, calls| {
        let mut hop = judged(service, "p", finding, None);
        hop.calls = calls;
        hop
    };
    let rows = [
        with_calls("confirmed-busy", Some((ERROR, Confidence::Confirmed)), 1_000),
        with_calls("confirmed-idle", Some((ERROR, Confidence::Confirmed)), 10),
        with_calls("likely-very-busy", Some((ERROR, Confidence::Likely)), 100_000),
        with_calls("possible", Some((ERROR, Confidence::Possible)), 1_000_000),
        with_calls("warned", Some((Code::SampledCleared, Confidence::Confirmed)), 5),
        with_calls("noted", Some((Code::ForwardedVerbatim, Confidence::Confirmed)), 5),
        with_calls("whole-busy", None, 9),
        with_calls("whole-idle", None, 3),
        judged("unknown", "p", None, Some(UnknownReason::TooFewSamples)),
    ];
    let expected: Vec<&str> = rows.iter().map(|hop| &*hop.key.service).collect();
    for turn in 0..rows.len() {
        let mut turned = rows.to_vec();
        turned.rotate_left(turn);
        let report = report(turned, &Question::default(), Vec::new());
        let order: Vec<&str> = report.hops.iter().map(|hop| hop.service.as_str()).collect();
        assert_eq!(order, expected, "severity, then confidence, then rate times traffic; turned by {turn}");
    }
}

#[test]
fn rates_and_impacts_are_numbers() {
    let mut hop = judged("shop", "cart", Some((ERROR, Confidence::Possible)), None);
    for finding in &mut hop.findings {
        (finding.broken, finding.of) = (0, 0);
        finding.interval = (f64::NAN, f64::INFINITY);
    }
    let report = report(vec![hop], &Question::default(), Vec::new());
    let finding = report.hops.first().and_then(|hop| hop.findings.first()).unwrap();
    assert_eq!((finding.rate, finding.impact), (0.0, 0.0), "nothing of nothing is no NaN, which JSON cannot hold");
    assert_eq!(finding.interval, [0.0, 1.0], "nor is an interval of nothing");
}

#[test]
fn services_choose_hops_and_leave_expectations_alone() {
    let hops = vec![
        judged("shop", "cart", Some((ERROR, Confidence::Confirmed)), None),
        judged("cart", "stock", None, None),
        judged("billing", "ledger", None, Some(UnknownReason::TooFewSamples)),
    ];
    let question = Question {
        services: vec![Glob::new("bill*")],
        expect: vec![super::super::expect::Expectation::parse("cart -> stock").unwrap()],
        ..Question::default()
    };
    let report = report(hops, &question, Vec::new());
    assert_eq!(report.hops.iter().map(HopReport::ends).collect::<Vec<_>>(), ["billing -> ledger"]);
    assert_eq!((report.coverage.hops_judged, report.coverage.hops_seen), (0, 1), "coverage is of what was asked for");
    assert_eq!(report.expectations.first().unwrap().detail, "forwards", "and expectations are met by any hop");
}

#[test]
fn hidden_findings_stay_in_the_report() {
    let hops = vec![
        judged("shop", "cart", Some((ERROR, Confidence::Confirmed)), None),
        judged("cart", "stock", Some((Code::MarkLost, Confidence::Possible)), None),
    ];
    let question = Question {
        suppress: vec![Suppression::parse("G101=shop").unwrap()],
        min_confidence: Some(Confidence::Likely),
        ..Question::default()
    };
    let report = report(hops, &question, Vec::new());
    let by: Vec<Option<&str>> =
        report.hops.iter().flat_map(|hop| &hop.findings).map(|finding| finding.hidden_by.as_deref()).collect();
    assert_eq!(by, [Some("--suppress G101=shop"), Some("--min-confidence likely")]);
    let Totals { errors, suppressed, below_confidence, breaks, .. } = report.totals;
    assert_eq!((errors, suppressed, below_confidence, breaks), (0, 1, 1, 2), "counted, and the hops still break");
    assert_eq!(report.suppressions.first().unwrap().hides, ["shop -> cart GET /cart/{}"]);
}

#[test]
fn older_epochs_are_history() {
    let mut old = judged("shop", "cart", Some((ERROR, Confidence::Confirmed)), None);
    old.is_current = false;
    let report = report(vec![judged("shop", "cart", None, None), old], &Question::default(), Vec::new());
    assert_eq!(report.hops.first().unwrap().verdict, Verdict::Forwards);
    assert_eq!(report.history.first().unwrap().verdict, Verdict::Breaks);
    assert_eq!((report.totals.breaks, report.totals.errors), (0, 0), "history is not judged again");
}

#[test]
fn equal_judgements_give_equal_reports() {
    let judgement = judgement(vec![judged("shop", "cart", Some((ERROR, Confidence::Confirmed)), None)]);
    let made = || Report::compose(&judgement, &Question::default(), Vec::new(), AT);
    assert_eq!(made(), made());
    let json = serde_json::to_value(made()).unwrap();
    assert_eq!(json.pointer("/hops/0/findings/0/code"), Some(&"G101".into()));
    assert_eq!(json.pointer("/hops/0/findings/0/first_seen"), Some(&"2025-11-25T21:00:02.000000000Z".into()));
    assert_eq!(json.pointer("/hops/0/reason"), None, "absent rather than null");
}

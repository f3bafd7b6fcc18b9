//! Exit codes, one row for each reason.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use super::*;
use crate::gap::code::Code;
use crate::gap::judgement::{Arrival, Hop, UnknownReason};
use crate::report::Question;
use crate::report::example::{AT, judged, judgement, report};
use crate::report::expect::Expectation;
use crate::report::question::Suppression;
use crate::report::source::{Problem, ProblemKind, Source, SourceKind};

fn source(problem: Option<ProblemKind>) -> Vec<Source> {
    let problems = problem.into_iter().map(|kind| Problem { kind, count: 1, detail: "why".to_owned() }).collect();
    vec![Source::new("http://127.0.0.1:9464".to_owned(), SourceKind::Agent, 10, problems)]
}

fn breaks(code: Code, confidence: Confidence) -> Vec<Hop> {
    vec![judged("shop", "cart", Some((code, confidence)), None)]
}

fn forwards() -> Vec<Hop> {
    vec![judged("shop", "cart", None, None)]
}

fn unknown() -> Vec<Hop> {
    vec![judged("shop", "cart", None, Some(UnknownReason::NoMarkedTraffic))]
}

#[test]
fn exit_codes() {
    use Confidence::{Confirmed, Likely, Possible};
    type Row = (Vec<Hop>, Option<Severity>, &'static [&'static str], Option<ProblemKind>, u8, &'static str);
    let error = Some(Severity::Error);
    let warn = Some(Severity::Warn);
    let rows: Vec<Row> = vec![
        (forwards(), error, &[], None, 0, "all is well"),
        (breaks(Code::ContextLost, Confirmed), None, &[], None, 0, "findings fail nothing unless asked"),
        (breaks(Code::ContextLost, Confirmed), error, &[], None, 1, "a confirmed error"),
        (breaks(Code::ContextLost, Likely), error, &[], None, 1, "a likely error"),
        (breaks(Code::ContextLost, Possible), error, &[], None, 0, "possible never fails"),
        (breaks(Code::SampledCleared, Confirmed), error, &[], None, 0, "a warning is no error"),
        (breaks(Code::SampledCleared, Confirmed), warn, &[], None, 1, "and fails where warnings do"),
        (breaks(Code::ForwardedVerbatim, Confirmed), Some(Severity::Info), &[], None, 1, "a note, where notes do"),
        (unknown(), None, &[], None, 3, "no hop was judged"),
        (Vec::new(), error, &[], None, 3, "no traffic is never a green build"),
        (forwards(), error, &["shop -> cart"], None, 0, "an expected hop forwards"),
        (forwards(), error, &["cart -> stock"], None, 3, "an expected hop was never seen"),
        (breaks(Code::ContextLost, Likely), None, &["shop -> cart"], None, 1, "an expected hop is broken"),
        (
            breaks(Code::ContextLost, Possible),
            None,
            &["shop -> cart"],
            None,
            3,
            "an expected hop is only possibly broken",
        ),
        (forwards(), None, &[], Some(ProblemKind::Unreachable), 3, "a source broke off"),
        (forwards(), None, &[], Some(ProblemKind::Truncated), 3, "a recording is truncated"),
        (forwards(), None, &[], Some(ProblemKind::Corrupt), 3, "a recording has corrupt lines"),
        (forwards(), None, &[], Some(ProblemKind::Duplicates), 0, "a recording given twice loses nothing"),
        (
            breaks(Code::ContextLost, Confirmed),
            error,
            &["cart -> stock"],
            Some(ProblemKind::Truncated),
            1,
            "1 wins over 3",
        ),
    ];
    for (hops, fail_on, expected, problem, code, reason) in rows {
        let expect = expected.iter().map(|hop| Expectation::parse(hop).unwrap()).collect();
        let question = Question { fail_on, expect, ..Question::default() };
        let exit = report(hops, &question, source(problem)).exit;
        assert_eq!(exit.code, code, "{reason}: {:?}", exit.reasons);
        assert_eq!(exit.reasons.is_empty(), code == 0, "{reason}: every code but 0 has its reason");
    }
}

#[test]
fn hidden_findings_fail_nothing() {
    let suppressed = Question {
        fail_on: Some(Severity::Error),
        suppress: vec![Suppression::parse("G101").unwrap()],
        ..Question::default()
    };
    let unsure =
        Question { fail_on: Some(Severity::Error), min_confidence: Some(Confidence::Confirmed), ..Question::default() };
    for question in [suppressed, unsure] {
        let exit = report(breaks(Code::ContextLost, Confidence::Likely), &question, Vec::new()).exit;
        assert_eq!(exit.code, 0, "{:?}", exit.reasons);
    }
}

#[test]
fn unmarked_monitors_fail_where_warnings_do() {
    let mut judgement = judgement(forwards());
    judgement.arrivals = vec![Arrival {
        service: "shop".into(),
        method: "GET".into(),
        route: "/".into(),
        code: Code::MonitorUnmarked,
        count: 3,
        of: 3,
        not_whole: Vec::new(),
        example: None,
        seen: (AT, AT),
    }];
    let code =
        |fail_on| Report::compose(&judgement, &Question { fail_on, ..Question::default() }, Vec::new(), AT).exit.code;
    assert_eq!(code(Some(Severity::Warn)), 1);
    assert_eq!(code(Some(Severity::Error)), 0);
}

#[test]
fn all_reasons_are_named_whatever_the_code() {
    let question = Question {
        fail_on: Some(Severity::Error),
        expect: vec![Expectation::parse("cart -> stock").unwrap()],
        ..Question::default()
    };
    let exit =
        report(breaks(Code::ContextLost, Confidence::Confirmed), &question, source(Some(ProblemKind::Truncated))).exit;
    let said = [
        "1 finding of severity error or worse",
        "source http://127.0.0.1:9464 is not whole: truncated",
        "expected hop cart -> stock was not judged: no such call was seen",
    ];
    assert_eq!(exit.reasons, said);
}

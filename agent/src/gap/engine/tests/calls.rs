//! Calls that bear their trace: every code that one call can show.

#![expect(clippy::indexing_slicing, reason = "a failed test should stop")]

use super::*;

/// Marked requests with these headers, each with one call with those, in its middle.
fn judged(traces: u64, received: impl Fn(u64) -> Context, sent: impl Fn(u64) -> Context) -> Hop {
    let mut story = Story::new();
    for trace in 1..=traces {
        story.see(arrival("shop", trace * 1000, 20, received(trace)));
        story.see(call(trace * 1000 + 10, sent(trace)));
    }
    hop(&story.judged())
}

fn sent(trace: u64, traceparent: &[&str], tracestate: &[&str]) -> Context {
    let lines: Vec<String> = traceparent.iter().map(|line| line.replace('T', &format!("{trace:032x}"))).collect();
    context(&lines.iter().map(String::as_str).collect::<Vec<_>>(), tracestate)
}

/// The lines of a call, the codes that are due, and why.
type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a [Code], &'a str);

#[test]
fn one_call_shows() {
    use Code::*;
    let good = "00-T-0000000000000bbb-01";
    let many: String = (0..33).map(|key| format!("k{key}=1,")).collect();
    let rows: [Row<'_>; 12] = [
        (&[good], &["checkly=true"], &[], "a new span, everything else as it came"),
        (&[good], &["checkly=true,"], &[], "an empty member is none"),
        (&[good], &[], &[MarkLost], "no tracestate"),
        (&[good], &["a=1"], &[MarkLost], "somebody else's tracestate"),
        (&["00-T-0000000000000aaa-01"], &["checkly=true"], &[ForwardedVerbatim], "the parent-id that came"),
        (&["00-T-0000000000000bbb-00"], &["checkly=true"], &[SampledCleared], "the flag is gone"),
        (&["00-T-0000000000000bbb-03"], &["checkly=true"], &[], "another flag is set, which is nobody's loss"),
        (&[good], &["a=1,checkly=true"], &[TracestateChanged], "a member before the mark"),
        (&[good, good], &["checkly=true"], &[MalformedOut], "twice"),
        (&[good, good], &[], &[MarkLost, MalformedOut], "twice, and without the mark"),
        (&["00-T-0000000000000bbb-01-x"], &["checkly=true"], &[MalformedOut], "version 00 ends after the flags"),
        (&[good], &[&many], &[MalformedOut], "33 members, which no receiver has to take"),
    ];
    for (traceparent, state, expected, reason) in rows {
        let hop = judged(3, |trace| marked(trace, 0xaaa), |trace| sent(trace, traceparent, state));
        let expected: Vec<_> = expected.iter().map(|code| (*code, Confidence::Confirmed)).collect();
        assert_eq!(codes(&hop), expected, "{traceparent:?} {state:?}: {reason}");
        let breaks = hop.findings.iter().any(|finding| finding.code.severity() == crate::gap::code::Severity::Error);
        let (verdict, forwarded) = if breaks { (Verdict::Breaks, 0) } else { (Verdict::Forwards, 3) };
        assert_eq!((hop.verdict, hop.samples, hop.forwarded), (verdict, 3, forwarded), "{reason}");
    }
}

#[test]
fn capitals_are_still_this_traces() {
    let upper = |trace: u64| {
        let line = format!("00-{:032X}-0000000000000BBB-01", u128::from(trace) << 64 | 0xabc);
        context(&[&line], &["checkly=true"])
    };
    let lower = |trace: u64| {
        let line = format!("00-{:032x}-0000000000000aaa-01", u128::from(trace) << 64 | 0xabc);
        context(&[&line], &["checkly=true"])
    };
    assert_eq!(codes(&judged(3, lower, upper)), [(Code::MalformedOut, Confidence::Confirmed)]);
}

#[test]
fn what_did_not_come_is_not_missed() {
    let flagless = |trace: u64| context(&[&format!("00-{trace:032x}-0000000000000aaa-00")], &["checkly=true"]);
    let hop = judged(3, flagless, |trace| sent(trace, &["00-T-0000000000000bbb-00"], &["checkly=true"]));
    assert_eq!(codes(&hop), [], "the flag was not set before");
    let hop = judged(3, |trace| unmarked(trace, 0xaaa), |trace| unmarked(trace, 0xbbb));
    assert!(codes(&hop).is_empty() && hop.samples == 0, "unmarked traces are not judged");
}

#[test]
fn what_a_proxy_continued_counts_as_what_came() {
    let given = |trace: u64| Context { delivered: Some(parent(trace, 0xccc).into()), ..marked(trace, 0xaaa) };
    let hop = judged(3, given, |trace| marked(trace, 0xccc));
    assert_eq!(codes(&hop), [(Code::ForwardedVerbatim, Confidence::Confirmed)]);
    assert_eq!(&*hop.findings[0].evidence[0].traceparent_in, parent(1, 0xccc));
}

#[test]
fn three_traces_make_it_certain() {
    for (traces, confidence) in [(1, Confidence::Possible), (2, Confidence::Possible), (3, Confidence::Confirmed)] {
        let hop = judged(traces, |trace| marked(trace, 1), |trace| unmarked(trace, 2));
        assert_eq!(codes(&hop), [(Code::MarkLost, confidence)], "{traces} traces");
    }
    let mut story = Story::new();
    for request in 0..10 {
        story.see(arrival("shop", request * 1000, 20, marked(1, request)));
        story.see(call(request * 1000 + 10, unmarked(1, 99)));
    }
    let hop = hop(&story.judged());
    assert_eq!(codes(&hop), [(Code::MarkLost, Confidence::Possible)], "ten requests of one trace are one sample");
    assert_eq!(hop.samples, 1);
}

#[test]
fn some_break_and_some_do_not() {
    let hop = judged(
        40,
        |trace| marked(trace, 1),
        |trace| if trace % 4 == 0 { unmarked(trace, 2) } else { marked(trace, 2) },
    );
    let found = finding(&hop, Code::MarkLost);
    assert_eq!((found.broken, found.of, hop.samples, hop.forwarded), (10, 40, 40, 30));
    assert!(found.interval.0 > 0.13 && found.interval.1 < 0.41, "{:?}", found.interval);
    assert_eq!(
        (hop.verdict, found.confidence),
        (Verdict::Breaks, Confidence::Confirmed),
        "intermittent is not less sure"
    );
    let times: Vec<u64> = found.evidence.iter().map(|piece| piece.called).collect();
    assert!(times.len() == 5 && times.is_sorted() && times[0] == found.seen.0 && times[4] == found.seen.1, "{times:?}");
}

//! Contexts as a receiver and as a witness reads them.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use super::*;
use crate::gap::observation::MarkSeen;
use crate::trace::traceparent::TraceparentError;

const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
const LINE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER: &str = "00-11111111111111111111111111111111-b7ad6b7169203331-01";

fn context(traceparent: &[&str], tracestate: &[&str]) -> Context {
    Context {
        traceparent: traceparent.iter().map(|line| Arc::from(*line)).collect(),
        tracestate: tracestate.iter().map(|line| Arc::from(*line)).collect(),
        has_tracestate: !tracestate.is_empty(),
        tracestate_kept: true,
        ..Context::default()
    }
}

fn read(context: &Context) -> Option<Arc<Head>> {
    Head::read(context, Completeness::Whole, &Marker::default())
}

#[test]
fn trace_ids_are_read_as_a_witness_reads_them() {
    let upper = LINE.to_uppercase();
    let long = format!("{LINE}-more");
    let rows: [(&[&str], Vec<u128>, bool, &str); 9] = [
        (&[LINE], vec![TRACE], false, "what it should be"),
        (&[LINE, LINE], vec![TRACE], true, "twice the same: still this trace's"),
        (&[LINE, OTHER], vec![TRACE, 0x1111_1111_1111_1111_1111_1111_1111_1111], true, "two different ones"),
        (&[&upper], vec![TRACE], true, "capitals are no context, but say whose call it is"),
        (&[&long], vec![TRACE], true, "too long for version 00"),
        (&["01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"], vec![TRACE], false, "a higher version"),
        (&["0af7651916cd43dd8448eb211c80319c"], vec![TRACE], true, "nothing but the id"),
        (&["00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01"], vec![], true, "31 digits are no id"),
        (&["00-00000000000000000000000000000000-b7ad6b7169203331-01"], vec![], true, "zeros are no id"),
    ];
    for (lines, traces, is_malformed, reason) in rows {
        let head = read(&context(lines, &[])).unwrap();
        assert_eq!(
            (head.traces().collect::<Vec<_>>(), head.is_malformed),
            (traces, is_malformed),
            "{lines:?}: {reason}"
        );
        assert_eq!(&*head.line(), lines.join(","), "the lines are kept as they came");
    }
}

#[test]
fn no_traceparent_is_no_context() {
    assert_eq!(read(&context(&[], &["checkly=true"])), None, "a tracestate alone is none");
    let not_kept = Context { problem: Some(TraceparentError::UpperCase), ..Context::default() };
    let head = read(&not_kept).unwrap();
    assert!(head.is_malformed && head.traces().next().is_none(), "a line that was not kept was there all the same");
}

#[test]
fn the_mark() {
    let marked = |mark| Context { mark: MarkSeen(mark), ..context(&[LINE], &["checkly=true"]) };
    let upper = LINE.to_uppercase();
    let invalid = Context { problem: Some(TraceparentError::UpperCase), ..context(&[&upper], &["checkly=true"]) };
    let unkept = |problem| Context { has_tracestate: true, tracestate_kept: false, problem, ..context(&[LINE], &[]) };
    let rows = [
        (marked(Mark::Trusted), MarkState::Counts, "trusted"),
        (marked(Mark::Other), MarkState::Counts, "nobody in particular is trusted"),
        (marked(Mark::Untrusted), MarkState::There, "there, from the wrong source"),
        (invalid, MarkState::There, "beside a context that cannot be used: not lost, at least"),
        (context(&[LINE], &["a=1"]), MarkState::Missing, "another member"),
        (context(&[LINE], &[]), MarkState::Missing, "no tracestate"),
        (context(&[LINE], &["checkly=true,="]), MarkState::Unknown, "a list that does not parse is no proof"),
        (unkept(None), MarkState::Missing, "who read it would have seen it"),
        (unkept(Some(TraceparentError::UpperCase)), MarkState::Unknown, "nobody looked"),
    ];
    for (context, expected, reason) in rows {
        assert_eq!(read(&context).unwrap().mark, expected, "{reason}");
    }
}

#[test]
fn too_large_is_malformed() {
    let many = |count: usize| (0..count).map(|key| format!("k{key}=1")).collect::<Vec<_>>().join(",");
    let rows = [
        (many(32), false, "as many members as there may be"),
        (many(33), true, "one more"),
        (format!("k={}", "x".repeat(600)), false, "over 512 characters is legal"),
        ((0..40).map(|key| format!("k{key}={}", "x".repeat(250))).collect::<Vec<_>>().join(","), true, "over 8 KiB"),
    ];
    for (state, expected, reason) in rows {
        assert_eq!(read(&context(&[LINE], &[&state])).unwrap().is_malformed, expected, "{reason}");
    }
    let cut = Head::read(&context(&[LINE], &[&many(33)]), Completeness::Truncated, &Marker::default()).unwrap();
    assert!(!cut.is_malformed, "of a cut head nothing is known");
    let large = read(&context(&[LINE], &[&many(33)])).unwrap();
    assert!(large.delivered(&LINE.into()).unwrap().is_malformed, "another parent-id makes it no smaller");
}

#[test]
fn equal_states() {
    let rows = [
        ("a=1,b=2", "a=1,b=2", true, "the same"),
        ("a=1 ,\tb=2,", "a=1,b=2", true, "white space and empty members do not matter"),
        ("a=1,b=2", "b=2,a=1", false, "the order does"),
        ("a=1", "a=1,b=2", false, "one more"),
    ];
    for (left, right, expected, reason) in rows {
        assert_eq!(same_state(left, right), expected, "{left:?} {right:?}: {reason}");
    }
}

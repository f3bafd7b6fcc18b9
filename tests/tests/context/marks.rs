//! Which requests are marked, and what a marked request's context becomes by default.

use throughline_tests::{Expect, Scene};

use super::{Row, judge_all};

const VALID: super::Line<'static> = ("traceparent", b"00-TRACE-SPAN-00");
const MARK: super::Line<'static> = ("tracestate", b"checkly=true");

#[tokio::test(flavor = "multi_thread")]
async fn marked_requests_are_continued() {
    let members: Vec<String> = (1..32).map(|n| format!("k{n}=v{n}")).collect();
    let full = format!("{},checkly=true", members.join(","));
    let long = format!("long={},checkly=true,other={}", "x".repeat(256), "y".repeat(250));
    let rows: &[Row<'_>] = &[
        ("a mark sets sampled", &[VALID, MARK], Expect::Continue(1)),
        ("sampled stays", &[("traceparent", b"00-TRACE-SPAN-01"), MARK], Expect::Continue(1)),
        ("the random bit is kept", &[("traceparent", b"00-TRACE-SPAN-02"), MARK], Expect::Continue(3)),
        ("both bits", &[("traceparent", b"00-TRACE-SPAN-03"), MARK], Expect::Continue(3)),
        ("unknown flags are zeroed", &[("traceparent", b"00-TRACE-SPAN-fc"), MARK], Expect::Continue(1)),
        ("a higher version goes on as 00", &[("traceparent", b"cc-TRACE-SPAN-01"), MARK], Expect::Continue(1)),
        ("its further fields are left out", &[("traceparent", b"cc-TRACE-SPAN-01-more-x"), MARK], Expect::Continue(1)),
        ("white space around a traceparent", &[("traceparent", b" \t00-TRACE-SPAN-00 \t"), MARK], Expect::Continue(1)),
        (
            "header names in any case",
            &[("TraceParent", b"00-TRACE-SPAN-00"), ("TRACESTATE", b"checkly=true")],
            Expect::Continue(1),
        ),
        ("mark at the end", &[VALID, ("tracestate", b"a=1,b=2,checkly=true")], Expect::Continue(1)),
        ("mark in the middle", &[VALID, ("tracestate", b"a=1,checkly=true,b=2")], Expect::Continue(1)),
        ("mark on another line", &[VALID, ("tracestate", b"a=1"), MARK, ("Tracestate", b"b=2")], Expect::Continue(1)),
        ("white space around members", &[VALID, ("tracestate", b"a=1 \t,  checkly=true\t , b=2")], Expect::Continue(1)),
        ("empty members", &[VALID, ("tracestate", b",,checkly=true, ,")], Expect::Continue(1)),
        ("an empty line beside it", &[VALID, ("tracestate", b""), MARK], Expect::Continue(1)),
        ("32 members", &[VALID, ("tracestate", full.as_bytes())], Expect::Continue(1)),
        ("more than 512 characters", &[VALID, ("tracestate", long.as_bytes())], Expect::Continue(1)),
        ("multi-tenant keys", &[VALID, ("tracestate", b"0tenant@vendor=1,checkly=true")], Expect::Continue(1)),
        ("baggage in several lines", &[VALID, MARK, ("baggage", b"a=1"), ("Baggage", b"b=2;p")], Expect::Continue(1)),
    ];
    judge_all(Scene::start().await, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_resembles_a_mark_is_forwarded() {
    let too_many: Vec<String> = (0..32).map(|n| format!("k{n}=v{n}")).collect();
    let too_many = format!("checkly=true,{}", too_many.join(","));
    let key = format!("{}=1,checkly=true", "k".repeat(257));
    let rows: &[Row<'_>] = &[
        ("no context", &[], Expect::Forward),
        ("no mark", &[VALID], Expect::Forward),
        ("another member", &[VALID, ("tracestate", b"a=1")], Expect::Forward),
        ("longer value", &[VALID, ("tracestate", b"checkly=truex")], Expect::Forward),
        ("longer key", &[VALID, ("tracestate", b"xcheckly=true")], Expect::Forward),
        ("a space belongs to the value", &[VALID, ("tracestate", b"checkly= true")], Expect::Forward),
        ("a space is no part of a key", &[VALID, ("tracestate", b"checkly =true")], Expect::Forward),
        ("values have case", &[VALID, ("tracestate", b"checkly=True")], Expect::Forward),
        ("keys are lower-case", &[VALID, ("tracestate", b"Checkly=true")], Expect::Forward),
        ("a vendor's tenant", &[VALID, ("tracestate", b"checkly@x=true")], Expect::Forward),
        ("a tenant of the vendor", &[VALID, ("tracestate", b"x@checkly=true")], Expect::Forward),
        ("no value", &[VALID, ("tracestate", b"checkly")], Expect::Forward),
        ("false", &[VALID, ("tracestate", b"checkly=false")], Expect::Forward),
        ("inside another value", &[VALID, ("tracestate", b"a=checkly;true")], Expect::Forward),
        ("in baggage", &[VALID, ("baggage", b"checkly=true")], Expect::Forward),
        ("in another header", &[VALID, ("x-tracestate", b"checkly=true")], Expect::Forward),
        ("33 members", &[VALID, ("tracestate", too_many.as_bytes())], Expect::Forward),
        ("a key of 257 characters", &[VALID, ("tracestate", key.as_bytes())], Expect::Forward),
        ("a bad key beside it", &[VALID, ("tracestate", b"checkly=true,Bad=1")], Expect::Forward),
        ("a bad value beside it", &[VALID, ("tracestate", b"checkly=true,a=b=c")], Expect::Forward),
        ("a key twice beside it", &[VALID, ("tracestate", b"checkly=true,a=1,a=2")], Expect::Forward),
        ("bytes that are not ASCII", &[VALID, ("tracestate", b"checkly=true,a=\xff")], Expect::Forward),
    ];
    judge_all(Scene::start().await, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_without_a_valid_traceparent_is_forwarded() {
    let long = [b"00-TRACE-SPAN-01-".as_slice(), &[b'x'; 8000]].concat();
    let two: &[super::Line<'_>] = &[VALID, ("traceparent", b"00-TRACE-SPAN-01"), MARK];
    let rows: &[Row<'_>] = &[
        ("none", &[MARK], Expect::Forward),
        ("empty", &[("traceparent", b""), MARK], Expect::Forward),
        ("not one", &[("traceparent", b"hello"), MARK], Expect::Forward),
        (
            "trace id of zeros",
            &[("traceparent", b"00-00000000000000000000000000000000-SPAN-01"), MARK],
            Expect::Forward,
        ),
        ("parent id of zeros", &[("traceparent", b"00-TRACE-0000000000000000-01"), MARK], Expect::Forward),
        ("upper case", &[("traceparent", b"00-ABCDEF0123456789ABCDEF0123456789-SPAN-01"), MARK], Expect::Forward),
        ("version ff", &[("traceparent", b"ff-TRACE-SPAN-01"), MARK], Expect::Forward),
        ("version 00 with more", &[("traceparent", b"00-TRACE-SPAN-01-more"), MARK], Expect::Forward),
        ("a dash at the end", &[("traceparent", b"00-TRACE-SPAN-01-"), MARK], Expect::Forward),
        ("a short trace id", &[("traceparent", b"00-0123456789abcdef-SPAN-01"), MARK], Expect::Forward),
        (
            "55 characters, too few dashes",
            &[("traceparent", b"00-0123456789abcdef0123456789abcdef0SPAN-01"), MARK],
            Expect::Forward,
        ),
        ("a sign is no hexadecimal digit", &[("traceparent", b"00-TRACE-SPAN-+1"), MARK], Expect::Forward),
        ("flags of one digit", &[("traceparent", b"00-TRACE-SPAN-1"), MARK], Expect::Forward),
        ("a higher version joined wrongly", &[("traceparent", b"cc-TRACE-SPAN-01.more"), MARK], Expect::Forward),
        ("two in one line", &[("traceparent", b"00-TRACE-SPAN-01,00-TRACE-SPAN-01"), MARK], Expect::Forward),
        ("bytes that are not UTF-8", &[("traceparent", b"00-\xff\xfe-SPAN-01"), MARK], Expect::Forward),
        ("eight kilobytes", &[("traceparent", &long), MARK], Expect::Forward),
        ("another name", &[("trace-parent", b"00-TRACE-SPAN-01"), MARK], Expect::Forward),
        ("two lines", two, Expect::Forward),
    ];
    judge_all(Scene::start().await, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rejections_are_counted_by_reason() {
    let scene = Scene::start().await;
    let rows: &[(&str, &[super::Line<'_>], &str, &str)] = &[
        ("two lines", &[VALID, VALID], "throughline_traceparent_rejections", "several_lines"),
        ("too short", &[("traceparent", b"00-12")], "throughline_traceparent_rejections", "too_short"),
        ("version ff", &[("traceparent", b"ff-TRACE-SPAN-01")], "throughline_traceparent_rejections", "version_ff"),
        ("a key twice", &[VALID, ("tracestate", b"a=1,a=2")], "throughline_tracestate_rejections", "duplicate_key"),
        ("no value", &[VALID, ("tracestate", b"a")], "throughline_tracestate_rejections", "missing_equals"),
    ];
    for (number, (why, row, metric, reason)) in rows.iter().enumerate() {
        let before = scene.agent.count(metric, &[("reason", reason)]);
        scene.judge(why, &format!("/reason/{number}"), &super::lines(row), Expect::Forward).await;
        assert_eq!(scene.agent.count(metric, &[("reason", reason)]), before + 1, "{why}");
    }
    assert_eq!(scene.agent.count("throughline_requests", &[("action", "forward"), ("mark", "none")]), 5);
    scene.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn context_that_connection_nominates_counts_as_absent() {
    let scene = Scene::start().await;
    for (number, nominated) in ["traceparent", "tracestate", "keep-alive, TraceParent"].iter().enumerate() {
        let mut row = super::lines(&[VALID, MARK]);
        row.push(("connection", nominated.as_bytes().to_vec()));
        let (_, _, answer) = scene.get(&format!("/nominated/{number}"), &row).await;
        assert_eq!(answer.status(), 200, "Connection: {nominated}");
    }
    assert!(scene.agent.count("throughline_nominated_context", &[]) >= 2, "nominated traceparents are counted");
    scene.finish(0).await;
}

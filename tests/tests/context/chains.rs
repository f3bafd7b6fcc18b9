//! Several proxies on the way of one request, and the key grammar of Level 2.

use std::collections::HashSet;

use throughline::trace::decision::RecordMode;
use throughline_tests::context::Traceparent;
use throughline_tests::{Expect, Scene};

use super::{Line, Row, judge_all, lines};

const VALID: Line<'static> = ("traceparent", b"00-TRACE-SPAN-00");

#[tokio::test(flavor = "multi_thread")]
async fn keys_follow_the_grammar_of_level_2() {
    let longest = format!("{}@v=1", "t".repeat(254));
    let too_long = format!("{}=1", "z".repeat(257));
    let state = |value: &'static str| ("tracestate", value.as_bytes());
    let (longest, too_long) = (longest.as_bytes(), too_long.as_bytes());
    let rows: &[Row<'_>] = &[
        ("an at sign at the end", &[VALID, state("foo@=1,bar=2")], Expect::Continue(0)),
        ("two at signs", &[VALID, state("foo@@bar=1,bar=2")], Expect::Continue(0)),
        ("at signs anywhere", &[VALID, state("foo@bar@baz=1,bar=2")], Expect::Continue(0)),
        ("256 characters", &[VALID, ("tracestate", longest)], Expect::Continue(0)),
        ("every character a key may have", &[VALID, state("0a_-*/@z=1")], Expect::Continue(0)),
        (
            "every kind of character a value may have",
            &[VALID, state("a=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~ x")],
            Expect::Continue(0),
        ),
        ("not an at sign first", &[VALID, state("@foo=1,bar=2")], Expect::ContinueWithoutTracestate(0)),
        ("257 characters", &[VALID, state("foo=1"), ("tracestate", too_long)], Expect::ContinueWithoutTracestate(0)),
        ("a dot", &[VALID, state("foo.bar=1")], Expect::ContinueWithoutTracestate(0)),
        ("an empty value", &[VALID, state("foo=,bar=3")], Expect::ContinueWithoutTracestate(0)),
    ];
    judge_all(Scene::with(|config| config.proxies[0].record = RecordMode::All).await, rows).await;
}

/// A service copies the context it received to three calls of its own: a proxy behind it gives each another parent.
#[tokio::test(flavor = "multi_thread")]
async fn copied_context_gets_a_parent_of_its_own_for_each_call() {
    let record_all = |config: &mut throughline::config::Config| config.proxies[0].record = RecordMode::All;
    let (ingress, egress) = (Scene::with(record_all).await, Scene::with(record_all).await);
    let rows: &[(&str, &[Line<'_>])] = &[
        ("a valid context", &[VALID, ("tracestate", b"a=1")]),
        ("no context", &[]),
        ("an invalid one", &[("traceparent", b"00-00000000000000000000000000000000-SPAN-01")]),
    ];
    for (number, (why, row)) in rows.iter().enumerate() {
        let (_, at_service, _) = ingress.get(&format!("/in/{number}"), &lines(row)).await;
        let received = at_service.head.value("traceparent");
        let copied = [("traceparent", received.clone().into_bytes())];
        let (mut traces, mut parents) = (HashSet::new(), HashSet::from([Traceparent::parse(&received).parent_id]));
        for call in 0..3 {
            let (_, arrived, _) = egress.get(&format!("/out/{number}/{call}"), &copied).await;
            let context = Traceparent::parse(&arrived.head.value("traceparent"));
            traces.insert(context.trace_id);
            parents.insert(context.parent_id);
        }
        assert_eq!(traces, HashSet::from([Traceparent::parse(&received).trace_id]), "{why}: one trace");
        assert_eq!(parents.len(), 4, "{why}: each call has a parent of its own");
    }
    ingress.finish(6).await;
    egress.finish(18).await;
}

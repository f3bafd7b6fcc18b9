//! W3C Trace Context Level 2 (<https://www.w3.org/TR/trace-context-2/>), rule by rule, at a proxy that records every
//! request and so has to make every decision the specification leaves to those who take part in a trace.
//!
//! The rules are those that the working group's validation service examines at its strictest level; cases and words
//! are our own, so that this holds without it. What the proxy does to requests it does not record is not judged here.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use throughline::trace::decision::RecordMode;
use throughline_tests::context::Traceparent;
use throughline_tests::scene::lines;
use throughline_tests::table::{Line, Row, judge_all};
use throughline_tests::{Expect, Scene};

const VALID: Line<'static> = ("traceparent", b"00-TRACE-SPAN-00");

async fn everything() -> Scene {
    Scene::with(|config| config.proxies.first_mut().expect("a proxy").record = RecordMode::All).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_traceparent_is_continued() {
    let rows: &[(&str, Line<'_>, u8)] = &[
        ("no flag", VALID, 0),
        ("sampled is the caller's to say", ("traceparent", b"00-TRACE-SPAN-01"), 1),
        ("random says how the trace id was made", ("traceparent", b"00-TRACE-SPAN-02"), 2),
        ("both", ("traceparent", b"00-TRACE-SPAN-03"), 3),
        ("flags without a meaning are zeroed", ("traceparent", b"00-TRACE-SPAN-fd"), 1),
        ("a name of capitals", ("TRACEPARENT", b"00-TRACE-SPAN-01"), 1),
        ("a name of both", ("tRacePaRent", b"00-TRACE-SPAN-01"), 1),
        ("spaces around the value", ("traceparent", b"   00-TRACE-SPAN-01  "), 1),
        ("tabs around the value", ("traceparent", b"\t00-TRACE-SPAN-01\t"), 1),
        ("both, mixed", ("traceparent", b" \t 00-TRACE-SPAN-01\t \t"), 1),
        ("the next version is read as this one", ("traceparent", b"01-TRACE-SPAN-01"), 1),
        ("the last version", ("traceparent", b"fe-TRACE-SPAN-01"), 1),
        ("a field that a later version adds", ("traceparent", b"01-TRACE-SPAN-01-5"), 1),
        ("several, even empty ones", ("traceparent", b"a7-TRACE-SPAN-01--x-"), 1),
    ];
    let rows: Vec<Row<'_>> =
        rows.iter().map(|(why, line, flags)| (*why, std::slice::from_ref(line), Expect::Continue(*flags))).collect();
    judge_all(everything().await, &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_traceparent_restarts_the_trace_without_its_tracestate() {
    let rows: &[(&str, &[u8])] = &[
        ("empty", b""),
        ("version ff is reserved", b"ff-TRACE-SPAN-01"),
        ("even with more", b"ff-TRACE-SPAN-01-x"),
        ("a version of one digit", b"0-TRACE-SPAN-01"),
        ("a version of three", b"001-TRACE-SPAN-01"),
        ("a version of four", b"0100-TRACE-SPAN-01"),
        ("a letter that is no digit", b"0g-TRACE-SPAN-01"),
        ("a dot", b".1-TRACE-SPAN-01"),
        ("a version in capitals", b"CC-TRACE-SPAN-01"),
        ("version 00 has four fields", b"00-TRACE-SPAN-01-x"),
        ("not even an empty fifth", b"00-TRACE-SPAN-01-"),
        ("nor another character", b"00-TRACE-SPAN-01~"),
        ("a later version goes on with a dash", b"cc-TRACE-SPAN-01~x"),
        ("a later version is no shorter", b"cc-TRACE-SPAN-0"),
        ("a trace id of zeros", b"00-00000000000000000000000000000000-SPAN-01"),
        ("zeros in a later version", b"cc-00000000000000000000000000000000-SPAN-01"),
        ("a trace id of 31 digits", b"00-4bf92f3577b34da6a3ce929d0e0e473-SPAN-01"),
        ("a trace id of 33", b"00-4bf92f3577b34da6a3ce929d0e0e47360-SPAN-01"),
        ("a dot first in it", b"00-.bf92f3577b34da6a3ce929d0e0e4736-SPAN-01"),
        ("a dot last in it", b"00-4bf92f3577b34da6a3ce929d0e0e473.-SPAN-01"),
        ("a trace id in capitals", b"00-4BF92F3577B34DA6A3CE929D0E0E4736-SPAN-01"),
        ("a parent id of zeros", b"00-TRACE-0000000000000000-01"),
        ("a parent id of 15 digits", b"00-TRACE-0f067aa0ba902b7-01"),
        ("a parent id of 17", b"00-TRACE-00f067aa0ba902b70-01"),
        ("a dot first in the parent id", b"00-TRACE-.0f067aa0ba902b7-01"),
        ("a dot last in the parent id", b"00-TRACE-00f067aa0ba902b.-01"),
        ("a parent id in capitals", b"00-TRACE-00F067AA0BA902B7-01"),
        ("flags of one digit", b"00-TRACE-SPAN-1"),
        ("flags of three", b"00-TRACE-SPAN-001"),
        ("flags with a dot first", b"00-TRACE-SPAN-.1"),
        ("flags with a dot last", b"00-TRACE-SPAN-0."),
        ("flags in capitals", b"00-TRACE-SPAN-0B"),
        ("another separator", b"00_TRACE_SPAN_01"),
        ("two in one line", b"00-TRACE-SPAN-01,00-TRACE-SPAN-01"),
    ];
    let state: Line<'_> = ("tracestate", b"rojo=1");
    let mut cases: Vec<(&str, Vec<Line<'_>>)> =
        rows.iter().map(|(why, value)| (*why, vec![("traceparent", *value), state])).collect();
    cases.push(("two lines, of which neither counts", vec![VALID, ("traceparent", b"00-TRACE-SPAN-01"), state]));
    cases.push(("two equal lines", vec![VALID, VALID, state]));
    cases.push(("a name with a dash", vec![("trace-parent", b"00-TRACE-SPAN-01"), state]));
    cases.push(("a name with a dot", vec![("trace.parent", b"00-TRACE-SPAN-01"), state]));
    cases.push(("no traceparent", vec![state]));
    cases.push(("no traceparent, and a list", vec![("tracestate", b"rojo=1,congo=2"), state]));
    cases.push(("nothing at all", vec![]));
    judge_cases(&cases, Expect::New).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_tracestate_goes_on_byte_for_byte() {
    let every_key_byte = "z0123456789abcdefghijklmnopqrstuvwxy_-*/@";
    let every_value_byte: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
    let (keys, values) = (format!("{every_key_byte}=1"), format!("rojo={every_value_byte}"));
    let (key, value) = (format!("{}=1", "k".repeat(256)), format!("k={}", "v".repeat(256)));
    let (tenant, system) = (format!("{}@v=1", "t".repeat(254)), format!("t@{}=1", "v".repeat(254)));
    let (list, long) = (numbered(1, 32), format!("{},{}", "a=".to_owned() + &"1".repeat(250), numbered(1, 31)));
    let parts = [numbered(1, 9), numbered(10, 18), numbered(19, 27), numbered(28, 32)];
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let rows: &[(&str, &[&str])] = &[
        ("one member", &["rojo=1"]),
        ("several keep their order", &["rojo=1,congo=2,baz=3"]),
        ("several lines are one list", &["rojo=1,congo=2", "baz=3", "z=4,y=5"]),
        ("an empty line", &[""]),
        ("an empty line first", &["", "rojo=1"]),
        ("an empty line last", &["rojo=1", ""]),
        ("empty members", &[",rojo=1,,congo=2 , ,"]),
        ("spaces around members", &["rojo=1  ,  congo=2 , baz=3"]),
        ("tabs around members", &["rojo=1\t,\tcongo=2\t \t,\t \tbaz=3"]),
        ("white space around the line", &[" \trojo=1\t "]),
        ("spaces that begin a value are part of it", &["rojo=  1"]),
        ("every character of a key", &[&keys]),
        ("every character of a value", &[&values]),
        ("a digit first", &["7rojo=1"]),
        ("tenant and system", &["acme@rojo=1"]),
        ("an at sign last", &["rojo@=1,congo=2"]),
        ("two at signs together", &["acme@@rojo=1,congo=2"]),
        ("two at signs apart", &["a@b@rojo=1,congo=2"]),
        ("a key of 256 characters", &["rojo=1", &key]),
        ("before an at sign there is no other limit", &["rojo=1", &tenant]),
        ("nor behind it", &["rojo=1", &system]),
        ("a value of 256 characters", &[&value]),
        ("32 members", &[&list]),
        ("32 members over four lines", &parts),
        ("more than 512 characters", &[&long]),
        ("the same member twice: keeping keys single is for those who add them", &["rojo=1,rojo=1"]),
        ("a key with two values", &["rojo=1,rojo=2"]),
        ("the same member on two lines", &["rojo=1", "rojo=1"]),
        ("a key with two values on two lines", &["rojo=1", "rojo=2"]),
    ];
    let mut cases: Vec<(&str, Vec<Line<'_>>)> =
        rows.iter().map(|(why, values)| (*why, with_tracestate(VALID, values))).collect();
    cases.push(("names of any case", vec![VALID, ("TRACESTATE", b"rojo=1"), ("TraceState", b"congo=2")]));
    cases.push(("a name with a dash is another header", vec![VALID, ("trace-state", b"rojo=1")]));
    cases.push(("a name with a dot is another header", vec![VALID, ("trace.state", b"rojo=1")]));
    judge_cases(&cases, Expect::Continue(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_tracestate_is_dropped_whole_and_the_trace_goes_on() {
    let (key, value) = (format!("{}=1", "k".repeat(257)), format!("k={}", "v".repeat(257)));
    let (list, tenant) = (numbered(1, 33), format!("{}@v=1", "t".repeat(255)));
    let parts = [numbered(1, 16), numbered(17, 32)];
    let rows: &[(&str, &[&str])] = &[
        ("33 members", &[&list]),
        ("33 members over three lines", &[&parts[0], &parts[1], "one=more"]),
        ("a key of 257 characters", &["rojo=1", &key]),
        ("a tenant that makes it 257", &["rojo=1", &tenant]),
        ("a value of 257 characters", &["rojo=1", &value]),
        ("a capital in a key", &["Rojo=1"]),
        ("a dot in a key", &["rojo.es=1"]),
        ("a space behind a key", &["rojo =1"]),
        ("an at sign first", &["@rojo=1,congo=2"]),
        ("an underscore first", &["_rojo=1,congo=2"]),
        ("a key without a value", &["rojo,congo=2"]),
        ("an empty key", &["=1,congo=2"]),
        ("an empty value", &["rojo=,congo=2"]),
        ("a value of spaces", &["rojo=  ,congo=2"]),
        ("two equals signs", &["rojo=a=b"]),
        ("a tab in a value", &["rojo=a\tb"]),
        ("a letter that is not ASCII", &["rojo=\u{e4}"]),
        ("a good line does not save a bad one", &["rojo=1", "CONGO=2"]),
    ];
    let sampled: Line<'_> = ("traceparent", b"00-TRACE-SPAN-01");
    let cases: Vec<(&str, Vec<Line<'_>>)> =
        rows.iter().map(|(why, values)| (*why, with_tracestate(sampled, values))).collect();
    judge_cases(&cases, Expect::ContinueWithoutTracestate(1)).await;
}

/// A service that copies the context lines it received, with a proxy before it and one behind it.
#[tokio::test(flavor = "multi_thread")]
async fn the_calls_of_one_request_have_parent_ids_of_their_own() {
    let rows: &[(&str, &[Line<'_>])] = &[
        ("a valid context", &[("traceparent", b"00-TRACE-SPAN-01"), ("tracestate", b"rojo=1")]),
        ("no context", &[]),
        ("a context that cannot be used", &[("traceparent", b"00-00000000000000000000000000000000-SPAN-01")]),
    ];
    let (inbound, outbound) = (everything().await, everything().await);
    let mut traces = BTreeSet::new();
    for (number, (why, row)) in rows.iter().enumerate() {
        let (_, service, _) = inbound.get(&format!("/in/{number}"), &lines(row)).await;
        let received = Traceparent::parse(&service.head.value("traceparent"));
        let copied: Vec<(&str, Vec<u8>)> = ["traceparent", "tracestate"]
            .into_iter()
            .flat_map(|name| service.head.lines_of(name).into_iter().map(move |line| (name, line.value)))
            .collect();
        let mut parents = BTreeSet::from([received.parent_id.clone()]);
        for call in 0..3 {
            let (_, callee, _) = outbound.get(&format!("/out/{number}/{call}"), &copied).await;
            let context = Traceparent::parse(&callee.head.value("traceparent"));
            assert_eq!(context.trace_id, received.trace_id, "{why}: call {call} is in the trace of the request");
            assert!(parents.insert(context.parent_id), "{why}: call {call} has a parent-id of its own");
        }
        assert!(traces.insert(received.trace_id), "{why}: no two requests share a trace");
    }
    inbound.finish(3 * 2).await;
    outbound.finish(9 * 2).await;
}

async fn judge_cases(cases: &[(&str, Vec<Line<'_>>)], expect: Expect) {
    let rows: Vec<Row<'_>> = cases.iter().map(|(why, lines)| (*why, lines.as_slice(), expect)).collect();
    judge_all(everything().await, &rows).await;
}

fn with_tracestate<'a>(traceparent: Line<'a>, values: &[&'a str]) -> Vec<Line<'a>> {
    let states = values.iter().map(|value| ("tracestate", value.as_bytes()));
    std::iter::once(traceparent).chain(states).collect()
}

/// Members `m<first>` to `m<last>`.
fn numbered(first: usize, last: usize) -> String {
    (first..=last).map(|n| format!("m{n}=v{n}")).collect::<Vec<_>>().join(",")
}

//! The harness itself, without an agent: what upstreams and collectors record must be what was sent.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use throughline_tests::client::{get, head};
use throughline_tests::live::traffic::Traffic;
use throughline_tests::load::Load;
use throughline_tests::upstream::Habits;
use throughline_tests::{Answer, Client, Collector, Reply, Upstream, ask};

#[tokio::test]
async fn an_upstream_records_heads_exactly_and_bodies_by_their_framing() {
    let upstream = Upstream::start(|_| Answer::Echo).await;
    let mut client = Client::connect(upstream.addr()).await;
    client.send(b"POST /a HTTP/1.1\r\nX-Odd:  \xff \r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n").await;
    assert_eq!(client.answer().await.text(), "abcde", "an echo of a chunked body");
    let seen = upstream.last().await;
    assert_eq!(seen.head.lines_of("x-odd")[0].value, b"\xff", "a value that is not UTF-8, trimmed");
    assert_eq!((seen.body_len, seen.complete), (5, true));
}

#[tokio::test]
async fn an_upstream_misbehaves_as_scripted() {
    let upstream = Upstream::start(|head| match head.path().as_str() {
        "/reset" => Answer::Reset,
        "/close" => Answer::Close,
        "/short" => Answer::RawThenClose(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour".to_vec()),
        "/interim" => Answer::Interim(3),
        "/early" => Answer::Early(Box::new(Answer::text(413, "too much"))),
        _ => Answer::ok(),
    })
    .await;
    for path in ["/reset", "/close"] {
        let mut client = Client::connect(upstream.addr()).await;
        client.send(&get(path, &[])).await;
        assert!(client.try_answer(false).await.is_err(), "{path} gives no answer");
    }
    let short = ask(upstream.addr(), &get("/short", &[])).await;
    assert_eq!((short.body.len, short.body.complete), (4, false), "a body cut short");
    assert_eq!(ask(upstream.addr(), &get("/interim", &[])).await.interim.len(), 3);
    let early = head("POST", "/early", &[("Content-Length", "1000000")]);
    assert_eq!(ask(upstream.addr(), &early).await.status(), 413, "an answer before the body");
    assert_eq!(ask(upstream.addr(), &head("HEAD", "/", &[])).await.body.len, 0, "HEAD has no body");
}

#[tokio::test]
async fn load_counts_every_outcome() {
    let habits = Habits { close_after: Some(10), idle: None };
    let upstream = Upstream::with(habits, |_| Answer::ok()).await;
    let outcome = Load::bounded(4, 100, |n| get(&format!("/{n}"), &[])).run(upstream.addr()).await;
    assert_eq!(outcome.answers.len() + outcome.failures.len(), 100);
    assert!(!outcome.failures.is_empty(), "a server that closes unannounced fails requests on a direct connection");
    assert!(outcome.latency(99) >= outcome.latency(50));
}

#[tokio::test]
async fn a_collector_remembers_only_what_it_acknowledged() {
    let collector = Collector::start().await;
    let (span, body) = one_span();
    let addr = collector.endpoint().trim_start_matches("http://").parse().unwrap();
    let length = body.len().to_string();
    let mut request = head(
        "POST",
        "/v1/traces",
        &[("Content-Type", "application/x-protobuf"), ("Content-Length", &length), ("X-Key", "k")],
    );
    request.extend_from_slice(&body);
    let plan =
        [(Reply::Fail(503), 503, 0), (Reply::Throttle(1), 429, 0), (Reply::Reject(1), 200, 0), (Reply::Accept, 200, 1)];
    for (reply, status, spans) in plan {
        collector.next_replies(&[reply]);
        assert_eq!(ask(addr, &request).await.status(), status, "{reply:?}");
        assert_eq!(collector.spans().len(), spans, "{reply:?}");
    }
    collector.reply(Reply::Late(Duration::from_millis(1)));
    ask(addr, &request).await;
    assert_eq!((collector.spans().len(), collector.distinct(), collector.rejected()), (2, 1, 1));
    assert_eq!(collector.spans()[0].id(), throughline_tests::span::hex(&span));
    assert_eq!(collector.received()[0].headers["x-key"], "k");
}

fn one_span() -> (Vec<u8>, Vec<u8>) {
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    let span = Span { trace_id: vec![1; 16], span_id: vec![2; 8], ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    (vec![2; 8], ExportTraceServiceRequest { resource_spans }.encode_to_vec())
}

#[test]
fn traffic_follows_from_its_seed() {
    let traffic = Traffic { seed: 7, connections: 4, requests: 400, each: 40, pipelining: true, tunnels: 2 };
    let ((first, _), (second, _)) = (traffic.run(), traffic.run());
    assert_eq!(first.failures, Vec::<String>::new());
    assert_eq!((first.clients, first.servers, first.bytes), (second.clients, second.servers, second.bytes));
    assert_eq!(first.count(), traffic.requests + traffic.tunnels);
    assert_ne!((Traffic { seed: 8, ..traffic }).run().0.clients, first.clients, "another seed is other traffic");
}

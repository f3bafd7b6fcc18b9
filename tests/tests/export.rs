//! Whatever the collector does, no proxied request fails, and the numbers add up with counts taken outside the agent.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use throughline::config::Config;
use throughline::config::export::{ExportTarget, OtlpProtocol, Secret};
use throughline_tests::agent::{Ledger, config, otlp};
use throughline_tests::context::{MARK, Traceparent, marked_get};
use throughline_tests::load::Load;
use throughline_tests::message::Head;
use throughline_tests::upstream::nobody;
use throughline_tests::{Agent, Answer, Collector, Reply, Upstream, ask};

const REQUESTS: usize = 1500;

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_add_up_whatever_the_collector_does() {
    let half = Duration::from_millis(100);
    let rows: &[(&str, Option<Reply>, OtlpProtocol)] = &[
        ("healthy", Some(Reply::Accept), OtlpProtocol::HttpProtobuf),
        ("healthy over gRPC", Some(Reply::Accept), OtlpProtocol::Grpc),
        ("absent", None, OtlpProtocol::HttpProtobuf),
        ("absent over gRPC", None, OtlpProtocol::Grpc),
        ("hanging", Some(Reply::Hang), OtlpProtocol::HttpProtobuf),
        ("hanging over gRPC", Some(Reply::Hang), OtlpProtocol::Grpc),
        ("late", Some(Reply::Late(half)), OtlpProtocol::HttpProtobuf),
        ("429 with Retry-After", Some(Reply::Throttle(1)), OtlpProtocol::HttpProtobuf),
        ("503", Some(Reply::Fail(503)), OtlpProtocol::HttpProtobuf),
        ("unavailable over gRPC", Some(Reply::Fail(503)), OtlpProtocol::Grpc),
        ("400, which no retry helps", Some(Reply::Fail(400)), OtlpProtocol::HttpProtobuf),
        ("partial success", Some(Reply::Reject(3)), OtlpProtocol::HttpProtobuf),
        ("partial success over gRPC", Some(Reply::Reject(3)), OtlpProtocol::Grpc),
    ];
    for (why, reply, protocol) in rows {
        let upstream = Upstream::ok().await;
        let collector = Collector::replying(reply.unwrap_or(Reply::Accept)).await;
        let agent = agent(&upstream, &collector, |config| {
            let ExportTarget::Otlp(target) = &mut config.export.target else { return };
            target.timeout = Duration::from_millis(400);
            target.protocol = *protocol;
            target.endpoint = match reply {
                Some(_) => collector.otlp(*protocol).endpoint,
                None => otlp(*protocol, &format!("http://{}/v1/traces", nobody())).endpoint,
            };
        })
        .await;
        let outcome = marked_load(REQUESTS).run(agent.addr()).await;
        outcome.assert_all_ok(REQUESTS);
        assert!(outcome.latency(99) < Duration::from_secs(1), "{why}: slowed down to {:?}", outcome.latency(99));
        // While nothing can be delivered, spans wait in flight for better times; a stop ends that.
        let ledger = agent.stop().await;
        assert_counts(why, &ledger, &upstream, &collector);
        assert_eq!(ledger.in_flight, 0, "{why}: {ledger:?}");
        let delivers = matches!(reply, Some(Reply::Accept | Reply::Late(_) | Reply::Reject(_)));
        assert_eq!(ledger.exported > 0, delivers, "{why}: {ledger:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_dies_mid_run_fails_no_request() {
    for protocol in [OtlpProtocol::HttpProtobuf, OtlpProtocol::Grpc] {
        let upstream = Upstream::ok().await;
        let mut collector = Collector::start().await;
        let agent = agent(&upstream, &collector, |config| {
            config.export.target = ExportTarget::Otlp(collector.otlp(protocol));
        })
        .await;
        marked_load(REQUESTS).run(agent.addr()).await.assert_all_ok(REQUESTS);
        throughline_tests::eventually("spans at the collector", || (collector.distinct() > 0).then_some(())).await;
        collector.die();
        marked_load(REQUESTS).run(agent.addr()).await.assert_all_ok(REQUESTS);
        let ledger = agent.stop().await;
        ledger.assert_adds_up();
        assert_eq!(ledger.started, 2 * continued(&upstream), "{protocol:?}: {ledger:?}");
        // What the collector took with its last breath may be unknown to the agent: one batch.
        let (exported, distinct) = (ledger.exported as usize, collector.distinct());
        assert!(exported <= distinct && distinct - exported <= 512, "{protocol:?}: {exported} of {distinct}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_batch_waits_as_long_as_it_was_told() {
    let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
    let agent = agent(&upstream, &collector, |config| config.export.queue.timeout = Duration::from_secs(10)).await;
    collector.next_replies(&[Reply::Throttle(1)]);
    ask(agent.addr(), &marked_get("/", &Traceparent::fresh(1))).await;
    let ledger = agent.settled().await;
    assert_eq!((ledger.exported, ledger.dropped), (2, 0), "a throttled batch is sent again");
    let received = collector.received();
    let waited = received[1].at.duration_since(received[0].at);
    assert!(waited >= Duration::from_secs(1), "Retry-After: 1, but sent again after {waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_survives_answers_that_promise_better_times() {
    for status in [408, 429, 502, 503, 504] {
        let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
        let agent = agent(&upstream, &collector, |config| config.export.queue.timeout = Duration::from_secs(10)).await;
        collector.next_replies(&[Reply::Fail(status)]);
        ask(agent.addr(), &marked_get("/", &Traceparent::fresh(1))).await;
        let ledger = agent.settled().await;
        let retried = status != 408;
        assert_eq!(ledger.exported == 2, retried, "after {status}: {ledger:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn export_requests_bear_the_headers_and_the_compression_asked_for() {
    for (protocol, gzip) in
        [(OtlpProtocol::HttpProtobuf, false), (OtlpProtocol::HttpProtobuf, true), (OtlpProtocol::Grpc, true)]
    {
        let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
        let agent = agent(&upstream, &collector, |config| {
            let mut target = collector.otlp(protocol);
            target.gzip = gzip;
            target.headers = vec![("authorization".to_owned(), Secret::new("the key".to_owned()))];
            config.export.target = ExportTarget::Otlp(target);
        })
        .await;
        ask(agent.addr(), &marked_get("/", &Traceparent::fresh(1))).await;
        assert_eq!(agent.settled().await.exported, 2, "{protocol:?}");
        let received = &collector.received()[0];
        assert_eq!(received.headers["authorization"], "the key");
        assert!(received.headers["user-agent"].to_lowercase().contains("throughline"), "{:?}", received.headers);
        if protocol == OtlpProtocol::HttpProtobuf {
            assert_eq!(received.headers["content-type"], "application/x-protobuf");
            assert_eq!(received.headers.get("content-encoding").map(String::as_str), gzip.then_some("gzip"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_delivers_what_waits() {
    let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
    let agent = agent(&upstream, &collector, |config| config.export.queue.delay = Duration::from_secs(600)).await;
    marked_load(100).run(agent.addr()).await.assert_all_ok(100);
    let ledger = agent.stop().await;
    assert_eq!((ledger.started, ledger.exported), (200, 200), "{ledger:?}");
    assert_eq!(collector.distinct(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_before_a_collector_that_hangs_is_bounded() {
    let (upstream, collector) = (Upstream::ok().await, Collector::replying(Reply::Hang).await);
    let agent = agent(&upstream, &collector, |config| {
        config.stop.flush = Duration::from_millis(300);
        config.export.queue.timeout = Duration::from_secs(60);
    })
    .await;
    marked_load(50).run(agent.addr()).await.assert_all_ok(50);
    let began = Instant::now();
    let ledger = agent.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "the stop took {:?}", began.elapsed());
    ledger.assert_adds_up();
    assert_eq!((ledger.exported, ledger.in_flight), (0, 0), "what is not delivered is given up: {ledger:?}");
}

async fn agent(upstream: &Upstream, collector: &Collector, change: impl FnOnce(&mut Config)) -> Agent {
    let mut config = config(upstream.addr(), ExportTarget::Otlp(collector.otlp(OtlpProtocol::HttpProtobuf)));
    config.proxies[0].admission = None;
    config.export.queue.timeout = Duration::from_secs(1);
    config.stop.flush = Duration::from_secs(1);
    change(&mut config);
    Agent::of(config).await
}

/// Marked requests on 8 connections, each in a trace of its own whose caller's parent-id is `cafe...`.
fn marked_load(requests: usize) -> Load {
    Load::bounded(8, requests, |_| {
        let context = Traceparent { parent_id: CALLER.to_owned(), ..Traceparent::fresh(1) };
        marked_get("/", &context)
    })
}

const CALLER: &str = "cafecafecafecafe";

/// How many requests the upstream saw with another parent-id than the caller's.
fn continued(upstream: &Upstream) -> u64 {
    let parent_id = |head: &Head| Traceparent::parse(&head.value("traceparent")).parent_id;
    upstream.seen().iter().filter(|seen| parent_id(&seen.head) != CALLER).count() as u64
}

fn assert_counts(why: &str, ledger: &Ledger, upstream: &Upstream, collector: &Collector) {
    let seen = upstream.seen();
    assert!(seen.iter().all(|seen| seen.head.value("tracestate") == MARK), "{why}: the mark always goes on");
    let continued = continued(upstream);
    assert!(continued > 0, "{why}: requests are continued at least at first");
    assert_eq!(ledger.started, 2 * continued, "{why}: two spans for each request continued: {ledger:?}");
    assert_eq!(ledger.exported, collector.distinct() as u64, "{why}: exported = distinct spans acknowledged");
    assert_eq!(ledger.rejected, collector.rejected(), "{why}: rejected, as the collector counts it");
    ledger.assert_adds_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn unmarked_traffic_makes_no_export_request() {
    let (upstream, collector) = (Upstream::start(|_| Answer::text(204, "")).await, Collector::start().await);
    let agent = agent(&upstream, &collector, |_| ()).await;
    let load = Load::bounded(4, 400, |_| throughline_tests::client::get("/", &[]));
    assert_eq!(load.run(agent.addr()).await.with_status(204), 400);
    assert_eq!(agent.stop().await.started, 0);
    assert!(collector.received().is_empty(), "nothing to export, nothing sent");
}

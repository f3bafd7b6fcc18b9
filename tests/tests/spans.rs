//! What the spans say, attribute by attribute, at a collector that decodes them.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use throughline::trace::decision::RecordMode;
use throughline_tests::client::{get, head};
use throughline_tests::context::{MARK, Traceparent, marked_get};
use throughline_tests::span::Span;
use throughline_tests::upstream::nobody;
use throughline_tests::{Answer, Client, Scene, Upstream, ask};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_described_by_the_stable_conventions() {
    let scene = Scene::start().await;
    let context = Traceparent::fresh(0);
    let traceparent = context.to_string();
    let headers = [("User-Agent", "check/1.0"), ("traceparent", &traceparent), ("tracestate", MARK)];
    let target = "/cart?item=7&sig=abc&X-Amz-Signature=def&password=hunter2&flag";
    ask(scene.agent.addr(), &head("GET", target, &headers)).await;
    let (server, attempts) = scene.collector.request(&context.trace_id, 2).await;

    let texts = [
        ("http.request.method", "GET"),
        ("url.path", "/cart"),
        ("url.query", "item=7&sig=REDACTED&X-Amz-Signature=REDACTED&password=REDACTED&flag"),
        ("url.scheme", "http"),
        ("server.address", "service.test"),
        ("client.address", "127.0.0.1"),
        ("network.peer.address", "127.0.0.1"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "check/1.0"),
        ("user_agent.synthetic.type", "test"),
    ];
    for (key, value) in texts {
        assert_eq!(server.text(key), value, "{key} of the SERVER span");
    }
    assert_eq!(server.int("http.response.status_code"), Some(200), "a status is a number");
    assert!(server.int("network.peer.port").is_some_and(|port| port > 0));
    assert_eq!(server.raw.name, "GET", "a name without a path");
    for absent in ["http.route", "error.type", "http.request.resend_count"] {
        assert!(!server.attributes.contains_key(absent), "{absent} is not guessed");
    }
    assert_eq!(server.status(), StatusCode::Unset);

    let attempt = &attempts[0];
    let upstream = i64::from(scene.upstream.addr().port());
    assert_eq!(attempt.text("server.address"), "127.0.0.1");
    assert_eq!(attempt.int("server.port"), Some(upstream));
    assert_eq!(attempt.text("network.peer.address"), "127.0.0.1");
    assert_eq!(attempt.int("network.peer.port"), Some(upstream));
    assert_eq!(attempt.int("http.response.status_code"), Some(200));
    assert_eq!(attempt.int("http.request.resend_count"), None, "only from the second attempt on");
    assert_eq!(attempt.attributes.get("throughline.upstream.connection_reused"), Some(&Value::BoolValue(false)));

    let resource = |key: &str| match server.resource.get(key) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(resource("service.name"), "shop", "the service behind");
    assert_eq!(resource("deployment.environment.name"), "test", "what the user adds");
    assert_eq!(resource("telemetry.distro.name"), "throughline");
    assert_eq!(resource("process.pid"), std::process::id().to_string());
    assert!(!resource("host.name").is_empty());
    scene.finish(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_statuses_follow_the_conventions() {
    let upstream = Upstream::start(|head| Answer::text(head.path()[1..].parse().unwrap_or(200), "")).await;
    let scene = Scene::before(upstream, |config| config.proxies[0].record = RecordMode::All).await;
    let rows = [
        ("POST", 200, "POST", StatusCode::Unset, ""),
        ("DELETE", 204, "DELETE", StatusCode::Unset, ""),
        ("GET", 304, "GET", StatusCode::Unset, ""),
        ("GET", 404, "GET", StatusCode::Unset, ""),
        ("GET", 429, "GET", StatusCode::Unset, ""),
        ("GET", 500, "GET", StatusCode::Error, "500"),
        ("GET", 503, "GET", StatusCode::Error, "503"),
        ("BREW", 418, "_OTHER", StatusCode::Unset, ""),
        ("get", 201, "_OTHER", StatusCode::Unset, ""),
    ];
    for (method, code, told, status, error) in rows {
        let path = format!("/{code}");
        ask(scene.agent.addr(), &head(method, &path, &[])).await;
        let find =
            || scene.collector.spans().into_iter().rfind(|span| span.is_server() && span.text("url.path") == path);
        let why = format!("{method} {code}");
        let server =
            throughline_tests::eventually(&why, || find().filter(|span| span.text("http.request.method") == told))
                .await;
        assert_eq!(server.raw.name, if told == "_OTHER" { "HTTP" } else { told }, "{why}: name");
        let original = if told == "_OTHER" { method } else { "" };
        assert_eq!(server.text("http.request.method_original"), original, "{why}: the method as it came");
        assert_eq!(server.int("http.response.status_code"), Some(code), "{why}");
        assert_eq!((server.status(), server.text("error.type").as_str()), (status, error), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_connect_is_a_span_and_so_is_its_retry() {
    let addr = nobody();
    let scene = Scene::with(|config| config.proxies[0].upstream.port = addr.port()).await;
    let context = Traceparent::fresh(1);
    assert_eq!(ask(scene.agent.addr(), &marked_get("/", &context)).await.status(), 502);
    let (server, attempts) = scene.collector.request(&context.trace_id, 3).await;
    assert_eq!(server.text("error.type"), "connect_refused");
    assert_eq!((server.int("http.response.status_code"), server.status()), (Some(502), StatusCode::Error));
    let counts: Vec<Option<i64>> = attempts.iter().map(|attempt| attempt.int("http.request.resend_count")).collect();
    assert_eq!(counts, [None, Some(1)], "two attempts, the second one a resend");
    for attempt in &attempts {
        assert_eq!(attempt.parent(), server.id());
        assert_eq!((attempt.text("error.type").as_str(), attempt.status()), ("connect_refused", StatusCode::Error));
        assert_eq!(attempt.int("http.response.status_code"), None, "nobody answered");
        assert_eq!(attempt.raw.trace_state, MARK, "trace_state on every span");
    }
    assert_eq!(scene.agent.count("throughline_retries", &[]), 1);
    scene.finish(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_the_status_unset() {
    let scene = Scene::before(Upstream::start(|_| Answer::Zeros(200_000_000)).await, |_| ()).await;
    let context = Traceparent::fresh(1);
    let mut client = Client::connect(scene.agent.addr()).await;
    client.send(&marked_get("/large", &context)).await;
    assert!(!client.some().await.expect("the answer begins").is_empty());
    client.reset();
    let (server, _) = scene.collector.request(&context.trace_id, 2).await;
    assert_eq!((server.status(), server.text("error.type").as_str()), (StatusCode::Unset, "client_abort"));
    scene.agent.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_cut_off_by_a_stop_still_ends_its_spans() {
    let scene = Scene::before(Upstream::start(|_| Answer::Hang).await, |config| {
        config.stop.drain = Duration::from_millis(200);
    })
    .await;
    let context = Traceparent::fresh(1);
    let mut client = Client::connect(scene.agent.addr()).await;
    client.send(&marked_get("/", &context)).await;
    scene.upstream.last().await;
    let ledger = scene.agent.stop().await;
    ledger.assert_adds_up();
    assert_eq!((ledger.started, ledger.in_flight), (2, 0), "{ledger:?}");
    let (server, attempts) = scene.collector.request(&context.trace_id, 2).await;
    assert!(!server.text("error.type").is_empty(), "the cause is told: {server:?}");
    assert_eq!(attempts[0].parent(), server.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_last_until_the_last_byte() {
    let pause = Duration::from_millis(60);
    let upstream = Upstream::start(move |_| Answer::Paced(vec!["a", "b", "c"], pause)).await;
    let scene = Scene::before(upstream, |_| ()).await;
    let context = Traceparent::fresh(1);
    let before = now();
    ask(scene.agent.addr(), &marked_get("/", &context)).await;
    let (server, attempts) = scene.collector.request(&context.trace_id, 2).await;
    let after = now();
    let attempt = &attempts[0];
    assert!(server.duration() >= pause * 3, "the body took longer than {:?}", server.duration());
    assert!(attempt.duration() >= pause * 3, "the body took longer than {:?}", attempt.duration());
    let (start, end) = (server.raw.start_time_unix_nano, server.raw.end_time_unix_nano);
    assert!(start >= before && end <= after, "wall-clock time: {before} {start} {end} {after}");
    let inside = |inner: &Span, outer: &Span| {
        inner.raw.start_time_unix_nano >= outer.raw.start_time_unix_nano
            && inner.raw.end_time_unix_nano <= outer.raw.end_time_unix_nano
    };
    assert!(inside(attempt, &server), "an attempt lies inside its request");
    let first_byte = attempt.attributes.get("throughline.upstream.first_byte.duration");
    let Some(Value::DoubleValue(first_byte)) = first_byte else { panic_with(first_byte) };
    assert!(*first_byte < pause.as_secs_f64() * 3.0, "the head comes before the body's end: {first_byte} s");
    scene.finish(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_says_that_the_connection_was_there() {
    let scene = Scene::start().await;
    let mut client = Client::connect(scene.agent.addr()).await;
    client.send(&get("/", &[])).await;
    client.answer().await;
    let context = Traceparent::fresh(1);
    client.send(&marked_get("/", &context)).await;
    client.answer().await;
    let (_, attempts) = scene.collector.request(&context.trace_id, 2).await;
    assert_eq!(attempts[0].attributes.get("throughline.upstream.connection_reused"), Some(&Value::BoolValue(true)));
    scene.finish(2).await;
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64)
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn panic_with(value: Option<&Value>) -> ! {
    panic!("the first byte's time is {value:?}")
}

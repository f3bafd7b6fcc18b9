//! Upstreams and collectors behind TLS, with certificates made by the test: who is trusted, what is said of who is not,
//! and what the spans tell of the handshake.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "tls/binary.rs"]
mod binary;

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use throughline::config::proxy::Upstream as UpstreamConfig;
use throughline_tests::client::get;
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::span::Span;
use throughline_tests::{Answer, Authority, Client, Scene, TlsFront, Upstream, ask, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const CONNECT: &str = "throughline.upstream.connect.duration";
const TLS: &str = "throughline.upstream.tls.duration";
const REUSED: &str = "throughline.upstream.connection_reused";

/// A scene whose agent reaches `upstream` over TLS by the name `host`.
async fn scene(upstream: Upstream, front: &TlsFront, host: &str, trusted: &Authority) -> Scene {
    let to = UpstreamConfig { tls: true, host: host.to_owned(), port: front.addr().port(), ca: Some(trusted.file()) };
    Scene::before(upstream, |config| config.proxies[0].upstream = to).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_reached_by_name_and_by_address() {
    let authority = Authority::new("trusted");
    for (why, host, names) in [
        ("a name", "localhost", &["localhost"][..]),
        ("an address that the certificate names", "127.0.0.1", &["127.0.0.1"]),
        ("one of several names", "localhost", &["shop.test", "127.0.0.1", "localhost"]),
    ] {
        let upstream = Upstream::start(|_| Answer::Echo).await;
        let front = TlsFront::before(upstream.addr(), &authority, names);
        let scene = scene(upstream, &front, host, &authority).await;
        let context = Traceparent::fresh(1);
        let length = [("Content-Length", "5"), ("traceparent", &context.to_string()), ("tracestate", "checkly=true")];
        let request = [throughline_tests::client::head("POST", "/", &length), b"cargo".to_vec()].concat();
        let answer = ask(scene.agent.addr(), &request).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "cargo"), "{why}");
        let (server, attempts) = scene.collector.request(&context.trace_id, 2).await;
        let arrived = Traceparent::parse(&scene.upstream.last().await.head.value("traceparent"));
        assert_eq!(arrived.parent_id, attempts[0].id(), "{why}: the context goes on inside TLS");
        assert_eq!(server.text("url.scheme"), "http", "{why}: the client's side is clear text");
        assert_eq!(attempts[0].text("server.address"), host, "{why}");
        scene.finish(2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_is_measured_once_and_its_connection_is_used_again() {
    let (authority, upstream) = (Authority::new("trusted"), Upstream::ok().await);
    let front = TlsFront::before(upstream.addr(), &authority, &["localhost"]);
    let scene = scene(upstream, &front, "localhost", &authority).await;
    let mut client = Client::connect(scene.agent.addr()).await;
    for (number, reused) in [false, true, true].into_iter().enumerate() {
        let context = Traceparent::fresh(1);
        client.send(&marked_get("/", &context)).await;
        assert_eq!(client.answer().await.status(), 200);
        let (server, attempts) = scene.collector.request(&context.trace_id, 2).await;
        let attempt = &attempts[0];
        assert_eq!(attempt.attributes.get(REUSED), Some(&Value::BoolValue(reused)), "request {number}");
        let (connect, tls) = (seconds(attempt, CONNECT), seconds(attempt, TLS));
        assert_eq!((connect.is_some(), tls.is_some()), (!reused, !reused), "request {number}: {attempt:?}");
        let both = connect.unwrap_or_default() + tls.unwrap_or_default();
        assert!(both <= server.duration().as_secs_f64(), "request {number}: {both} s of {:?}", server.duration());
        assert!(reused || tls > Some(0.0), "a handshake takes time: {tls:?}");
    }
    assert_eq!(front.connections(), 1, "one handshake for three requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clear_text_upstream_has_no_handshake() {
    let scene = Scene::start().await;
    let context = Traceparent::fresh(1);
    ask(scene.agent.addr(), &marked_get("/", &context)).await;
    let (_, attempts) = scene.collector.request(&context.trace_id, 2).await;
    assert_eq!(seconds(&attempts[0], TLS), None);
    assert!(seconds(&attempts[0], CONNECT).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_trusted_gets_no_request_and_the_span_says_why() {
    let (trusted, other) = (Authority::new("trusted"), Authority::new("other"));
    let rows: &[(&str, &str, &Authority, &[&str], &str)] = &[
        ("an unknown issuer", "localhost", &other, &["localhost"], "UnknownIssuer"),
        ("another name", "localhost", &trusted, &["shop.test"], "not valid for"),
        ("a name where an address was asked for", "127.0.0.1", &trusted, &["localhost"], "not valid for"),
        ("another address", "127.0.0.1", &trusted, &["127.0.0.2"], "not valid for"),
    ];
    for (why, host, signer, names, words) in rows {
        let upstream = Upstream::ok().await;
        let front = TlsFront::before(upstream.addr(), signer, names);
        let scene = scene(upstream, &front, host, &trusted).await;
        assert_refused(&scene, why, words).await;
        assert_eq!(scene.upstream.count(), 0, "{why}: nothing is sent to it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_does_not_speak_tls_is_502() {
    let authority = Authority::new("trusted");
    for (why, says) in [
        ("an answer in clear text", Says::Bytes(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")),
        ("another protocol", Says::Bytes(b"220 mail.test ESMTP\r\n")),
        ("the end of the connection", Says::Nothing),
    ] {
        let port = plain(says).await;
        let ca = Some(authority.file());
        let to = UpstreamConfig { tls: true, host: "localhost".to_owned(), port, ca };
        let scene = Scene::with(|config| config.proxies[0].upstream = to).await;
        assert_refused(&scene, why, "").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_end_is_504() {
    let (authority, port) = (Authority::new("trusted"), plain(Says::Silence).await);
    let to = UpstreamConfig { tls: true, host: "localhost".to_owned(), port, ca: Some(authority.file()) };
    let scene = Scene::with(|config| {
        config.proxies[0].upstream = to;
        config.proxies[0].timeouts.connect = Duration::from_millis(500);
    })
    .await;
    let began = Instant::now();
    let answer = ask(scene.agent.addr(), &get("/", &[])).await;
    assert_eq!(answer.status(), 504, "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(5), "the limit for connecting holds: {:?}", began.elapsed());
}

/// A marked request gets 502, its spans name TLS and bear these words of the library; a second one fares alike.
async fn assert_refused(scene: &Scene, why: &str, words: &str) {
    for _ in 0..2 {
        let context = Traceparent::fresh(1);
        let answer = ask(scene.agent.addr(), &marked_get("/", &context)).await;
        assert_eq!(answer.status(), 502, "{why}: {}", answer.text());
        assert!(answer.text().contains("TLS") && !answer.text().contains("127.0.0.1"), "{why}: {}", answer.text());
        let spans = eventually("the spans of a refused request", || {
            Some(scene.collector.trace(&context.trace_id)).filter(|spans| spans.len() >= 2)
        })
        .await;
        for span in &spans {
            assert_eq!(span.text("error.type"), "tls", "{why}: {span:?}");
            let message = span.raw.status.as_ref().map(|status| status.message.clone()).unwrap_or_default();
            assert!(message.contains(words) && message.len() > 20, "{why}: {words:?} in {message:?}");
        }
    }
    assert!(scene.agent.count("throughline_failures", &[("cause", "tls")]) >= 2, "{why}: counted");
}

fn seconds(span: &Span, key: &str) -> Option<f64> {
    match span.attributes.get(key) {
        Some(Value::DoubleValue(seconds)) => Some(*seconds),
        _ => None,
    }
}

/// What a server says that does not speak TLS.
#[derive(Clone, Copy)]
enum Says {
    Bytes(&'static [u8]),
    /// It closes.
    Nothing,
    /// It waits.
    Silence,
}

/// The port of such a server.
async fn plain(says: Says) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            // The client may be gone by now.
            let _ = stream.read(&mut [0; 4096]).await;
            match says {
                Says::Bytes(bytes) => _ = stream.write_all(bytes).await,
                Says::Nothing => {}
                Says::Silence => waiting.push(stream),
            }
        }
    });
    port
}

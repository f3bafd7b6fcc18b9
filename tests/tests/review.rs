//! What an adversary tries first: framing that two parties read differently, old clients, and tunnels that never talk.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use throughline_tests::client::head;
use throughline_tests::context::Traceparent;
use throughline_tests::{Answer, Client, DEADLINE, Scene, Upstream, ask, eventually};

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_coding_that_cannot_be_passed_on_is_refused() {
    let rows = [
        ("Transfer-Encoding: gzip, chunked", 501, "the coding would get lost on the way, and the body be misread"),
        ("Transfer-Encoding: chunked, chunked", 501, "chunked twice is forbidden, and read in two ways"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501, "the same in two lines"),
        ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", 501, "a coding that is no more"),
        ("Transfer-Encoding: Chunked", 200, "names of codings have no case"),
    ];
    let scene = Scene::start().await;
    for (lines, status, why) in rows {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n0\r\n\r\n");
        assert_eq!(ask(scene.agent.addr(), request.as_bytes()).await.status(), status, "{lines}: {why}");
    }
    assert_eq!(scene.agent.count("throughline_refusals", &[("reason", "transfer_encoding")]), 4);
    assert_eq!(scene.upstream.count(), 1, "nothing refused is forwarded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_chunked_as_announced_is_counted_as_such() {
    let scene = Scene::start().await;
    for body in ["+5\r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "10000000000000005\r\nhello"] {
        let request = [head("POST", "/", &[("Transfer-Encoding", "chunked")]), body.as_bytes().to_vec()].concat();
        assert_eq!(ask(scene.agent.addr(), &request).await.status(), 400, "{body:?}");
    }
    assert_eq!(scene.agent.count("throughline_refusals", &[("reason", "bad_connection_header")]), 0);
    assert_eq!(scene.agent.count("throughline_refusals", &[("reason", "malformed_body")]), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_http_1_0_gets_no_chunks_and_no_interim_answers() {
    let upstream = Upstream::start(|head| match head.path().as_str() {
        "/chunked" => Answer::Raw(CHUNKED.to_vec()),
        "/until-close" => Answer::RawThenClose(b"HTTP/1.1 200 OK\r\n\r\nhello".to_vec()),
        "/interim" => Answer::Interim(3),
        _ => Answer::ok(),
    });
    let scene = Scene::before(upstream.await, |_| ()).await;
    for path in ["/chunked", "/until-close", "/interim", "/length"] {
        for connection in ["", "Connection: keep-alive\r\n"] {
            let request = format!("GET {path} HTTP/1.0\r\nHost: a\r\n{connection}\r\n");
            let answer = ask(scene.agent.addr(), request.as_bytes()).await;
            let why = format!("{path} {connection:?}: {:?}", answer.head);
            assert!(answer.interim.is_empty(), "{why}");
            assert_eq!((answer.status(), answer.body.complete), (200, true), "{why}");
            assert!(answer.head.values("transfer-encoding").is_empty(), "{why}");
            if path != "/interim" {
                assert_eq!(answer.text(), "hello", "{why}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_http_1_0_without_host_gets_one() {
    let scene = Scene::start().await;
    let answer = ask(scene.agent.addr(), b"OPTIONS / HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer.status(), 200);
    let arrived = scene.upstream.last().await.head;
    assert_eq!(arrived.values("host"), [scene.upstream.addr().to_string()], "HTTP/1.1 demands Host: {arrived:?}");
    assert!(arrived.values("x-forwarded-host").is_empty(), "the client named none");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_before_the_protocol_changes_leaves_nothing_behind() {
    let scene = Scene::before(Upstream::start(|_| Answer::Hang).await, |_| ()).await;
    let mut client = Client::connect(scene.agent.addr()).await;
    client.send(&head("GET", "/socket", &[("Connection", "Upgrade"), ("Upgrade", "websocket")])).await;
    scene.upstream.requests_for("/socket", 1).await;
    drop(client);
    eventually("the connection to be given up", || {
        (scene.agent.count("throughline_connections_open", &[]) == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_may_be_silent_for_longer_than_an_answer() {
    let upstream = Upstream::start(|_| Answer::Tunnel("websocket")).await;
    let scene = Scene::before(upstream, |config| {
        config.proxies[0].timeouts.read = Duration::from_millis(100);
    })
    .await;
    let mut client = Client::connect(scene.agent.addr()).await;
    client.send(&head("GET", "/socket", &[("Connection", "Upgrade"), ("Upgrade", "websocket")])).await;
    assert_eq!(client.answer().await.status(), 101);
    // Ordinary requests run into the limit meanwhile; the tunnel does not.
    for _ in 0..5 {
        let stalled = ask(scene.agent.addr(), &head("POST", "/", &[("Content-Length", "5")])).await;
        assert_eq!(stalled.status(), 408);
    }
    client.send(b"still there?").await;
    assert_eq!(client.some().await.expect("the tunnel stands"), b"still there?");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_though_clients_keep_coming() {
    let scene = Scene::with(|config| config.threads = 1).await;
    let (addr, go_on) = (scene.agent.addr(), Arc::new(AtomicBool::new(true)));
    let flood: Vec<_> = (0..4)
        .map(|_| {
            let go_on = Arc::clone(&go_on);
            std::thread::spawn(move || {
                while go_on.load(Relaxed) {
                    // What becomes of it does not matter; that it comes does.
                    let _ = std::net::TcpStream::connect(addr);
                }
            })
        })
        .collect();
    eventually("a flood", || (scene.agent.count("throughline_connections", &[]) > 1000).then_some(())).await;
    let stopped = tokio::time::timeout(DEADLINE, scene.agent.stop()).await;
    go_on.store(false, Relaxed);
    for thread in flood {
        thread.join().expect("it only connects");
    }
    stopped.expect("the listener closes while connections still come");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_cut_off_by_a_stop_keeps_the_status_its_client_got() {
    let scene = Scene::before(Upstream::start(|_| Answer::Tunnel("websocket")).await, |config| {
        config.stop.drain = Duration::from_millis(100);
    })
    .await;
    let context = Traceparent::fresh(1).to_string();
    let wish = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("traceparent", context.as_str()),
        ("tracestate", "checkly=true"),
    ];
    let mut client = Client::connect(scene.agent.addr()).await;
    client.send(&head("GET", "/socket", &wish)).await;
    assert_eq!(client.answer().await.status(), 101);
    scene.agent.stop().await.assert_adds_up();
    let spans = scene.collector.spans();
    let server = spans.iter().find(|span| span.is_server()).expect("a cut-off request has its spans");
    assert_eq!((server.text("error.type").as_str(), server.int("http.response.status_code")), ("cancelled", Some(101)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_target_is_forwarded_whole_and_recorded_in_part() {
    let scene = Scene::start().await;
    let (path, query) = (format!("/{}", "a".repeat(20_000)), format!("b={}&token=s3cret", "c".repeat(20_000)));
    let (target, agent) = (format!("{path}?{query}"), "d".repeat(20_000));
    let context = Traceparent::fresh(1).to_string();
    let lines = [("traceparent", context.as_str()), ("tracestate", "checkly=true"), ("user-agent", agent.as_str())];
    assert_eq!(ask(scene.agent.addr(), &head("GET", &target, &lines)).await.status(), 200);
    assert!(scene.upstream.last().await.head.0.starts_with(format!("GET {target} ").as_bytes()), "traffic is not cut");
    scene.agent.settled().await;
    let spans = scene.collector.spans();
    let server = spans.iter().find(|span| span.is_server()).expect("a marked request has its spans");
    for (key, whole) in [("url.path", &path), ("url.query", &query), ("user_agent.original", &agent)] {
        let kept = server.text(key);
        assert!(whole.starts_with(&kept) && kept.len() == 8192, "{key}: {} bytes", kept.len());
    }
}

//! What an adversary tries first: framing that two parties read differently, old clients, and tunnels that never talk.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use throughline_tests::client::head;
use throughline_tests::{Answer, Client, Scene, Upstream, ask, eventually};

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

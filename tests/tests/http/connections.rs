//! Connections: kept, pipelined, half-closed, slow, given up; and requests that look absurd but are legal.

use std::time::Duration;

use throughline_tests::client::{get, head};
use throughline_tests::upstream::Habits;
use throughline_tests::{Answer, Client, Scene, Upstream, ask, eventually};

use super::assert_serves;

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_many_requests() {
    let scene = Scene::start().await;
    let mut client = Client::connect(scene.agent.addr()).await;
    for number in 0..20 {
        client.send(&get(&format!("/{number}"), &[])).await;
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.closes()), (200, false), "request {number}");
    }
    assert_eq!(scene.upstream.connections(), 1, "the upstream connection is kept");
    assert_eq!(scene.agent.count("throughline_connections", &[]), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_http_1_0_keeps_its_connection_only_by_asking() {
    let scene = Scene::start().await;
    let mut client = Client::connect(scene.agent.addr()).await;
    for (number, (asks, kept)) in [("keep-alive", true), ("Keep-Alive", true), ("", false)].into_iter().enumerate() {
        let ask = if asks.is_empty() { String::new() } else { format!("Connection: {asks}\r\n") };
        client.send(format!("GET /{number} HTTP/1.0\r\nHost: service.test\r\n{ask}\r\n").as_bytes()).await;
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"), "request {number}");
        let told = answer.head.value("connection").to_ascii_lowercase();
        assert!(!kept || told == "keep-alive", "request {number}: a client of 1.0 must be told: {:?}", answer.head);
    }
    assert!(client.is_closed().await, "who does not ask is closed");
    let arrived = scene.upstream.seen();
    assert!(arrived.iter().all(|seen| seen.head.start_line().ends_with("HTTP/1.1")), "{arrived:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_all_answered_in_order() {
    let upstream = Upstream::start(|head| Answer::Text(200, head.path())).await;
    let scene = Scene::before(upstream, |_| ()).await;
    let mut client = Client::connect(scene.agent.addr()).await;
    let all: Vec<u8> = (0..30).flat_map(|number| get(&format!("/{number}"), &[])).collect();
    client.send(&all).await;
    for number in 0..30 {
        assert_eq!(client.answer().await.text(), format!("/{number}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_half_closes_still_gets_its_answer() {
    let upstream = Upstream::start(|_| Answer::after(Duration::from_millis(200), Answer::ok())).await;
    let scene = Scene::before(upstream, |_| ()).await;
    let body = [head("POST", "/", &[("Content-Length", "3")]), b"abc".to_vec()].concat();
    for request in [get("/", &[]), body] {
        let mut client = Client::connect(scene.agent.addr()).await;
        client.send(&request).await;
        client.half_close().await;
        assert_eq!(client.answer().await.text(), "hello");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_come_byte_by_byte() {
    let scene = Scene::before(Upstream::start(|_| Answer::Echo).await, |_| ()).await;
    let mut client = Client::connect(scene.agent.addr()).await;
    let request = [head("POST", "/", &[("Content-Length", "4")]), b"slow".to_vec()].concat();
    client.drip(&request, Duration::from_millis(1)).await.expect("the connection stands");
    assert_eq!(client.answer().await.text(), "slow");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_to_its_end_is_given_up() {
    let limit = Duration::from_millis(300);
    let scene = Scene::with(|config| config.proxies[0].timeouts.downstream_idle = limit).await;
    for start in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: service.test\r\n"] {
        let mut client = Client::connect(scene.agent.addr()).await;
        client.send(start.as_bytes()).await;
        while !client.some().await.unwrap_or_default().is_empty() {}
    }
    assert_eq!(scene.upstream.seen().len(), 0, "no part of a request is forwarded");
    assert_serves(&scene, "clients that never end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_go_away_disturb_nobody() {
    let upstream = Upstream::start(|head| match head.path().as_str() {
        "/hang" => Answer::Hang,
        "/large" => Answer::Zeros(50_000_000),
        _ => Answer::ok(),
    });
    let scene = Scene::before(upstream.await, |config| {
        config.proxies[0].timeouts.read = Duration::from_millis(500);
    })
    .await;
    let unfinished = head("POST", "/", &[("Content-Length", "1000")]);
    for request in [get("/hang", &[]), get("/large", &[]), unfinished, b"GET / HT".to_vec()] {
        for reset in [false, true] {
            let mut client = Client::connect(scene.agent.addr()).await;
            client.send(&request).await;
            if reset { client.reset() } else { drop(client) }
        }
    }
    assert_serves(&scene, "eight aborts").await;
    eventually("all connections of the clients to be closed", || {
        (scene.agent.count("throughline_connections_open", &[]) == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_never_sent_twice_to_an_upstream_that_closes_unannounced() {
    let habits = Habits { close_after: Some(1), idle: None };
    let scene = Scene::before(Upstream::with(habits, |_| Answer::ok()).await, |_| ()).await;
    let mut client = Client::connect(scene.agent.addr()).await;
    for number in 0..60 {
        let method = if number % 2 == 0 { "POST" } else { "GET" };
        let path = format!("/{number}");
        let request = head(method, &path, &[("Content-Length", "0")]);
        client.send(&request).await;
        let answer = client.answer().await;
        assert!([200, 502].contains(&answer.status()), "request {number}: {:?}", answer.head);
        let arrived = scene.upstream.seen().iter().filter(|seen| seen.head.path() == path).count();
        assert!(arrived <= 1, "{method} {path} arrived {arrived} times");
        if answer.closes() {
            client = Client::connect(scene.agent.addr()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_but_legal_requests_arrive_as_they_are() {
    let scene = Scene::start().await;
    let long = format!("/{}", "a".repeat(8000));
    let rows = [
        ("an extension method", "PROPFIND", "/"),
        ("a method of the proxy's own time", "BREW", "/pot"),
        ("a lower-case method is another method", "get", "/"),
        ("a long method", "ABSURDLYLONGMETHODNAMETHATNOBODYUSES", "/"),
        ("dots", "GET", "/a/../b/./c"),
        ("slashes", "GET", "//a//b//"),
        ("escapes stay as they are", "GET", "/%2e%2E/%00/%zz"),
        ("bytes beyond the grammar", "GET", "/a|b\\c^d{e}"),
        ("UTF-8", "GET", "/grüße"),
        ("a query of questions", "GET", "/?a=1?b&&&=;%20"),
        ("eight kilobytes", "GET", &long),
    ];
    for (why, method, target) in rows {
        let answer = ask(scene.agent.addr(), &head(method, target, &[])).await;
        assert_eq!(answer.status(), 200, "{why}: {:?}", answer.head);
        let arrived = scene.upstream.last().await.head;
        assert_eq!((arrived.word(0).as_str(), arrived.word(1).as_str()), (method, target), "{why}");
        assert_eq!(arrived.values("host"), ["service.test"], "{why}: Host is kept");
    }
}

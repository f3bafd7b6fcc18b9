//! Servers that users run, nginx and Node.js, behind the proxy: kept connections, bodies, streams and upgrades.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use throughline::config::export::{ExportTarget, OtlpProtocol};
use throughline_tests::agent::config;
use throughline_tests::binary::Binary;
use throughline_tests::client::{get, head};
use throughline_tests::context::{MARK, Traceparent, marked_get};
use throughline_tests::load::Load;
use throughline_tests::real::{program, script, skipped};
use throughline_tests::upstream::nobody;
use throughline_tests::{Agent, Client, Collector, ask, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn node_is_served_through_the_proxy() {
    let Some(node) = program("node") else { return skipped("node_is_served_through_the_proxy", "no node in PATH") };
    let (_node, addr) = script(&node, "server.js", &[]).await;
    let (agent, collector) = before(addr).await;

    let load = Load::bounded(8, 1000, |_| marked_get("/load", &Traceparent::fresh(1)));
    load.run(agent.addr()).await.assert_all_ok(1000);

    let context = Traceparent::fresh(0);
    let told: Value = serde_json::from_str(&ask(agent.addr(), &marked_get("/told", &context)).await.text())
        .expect("the server answers with JSON");
    let (_, attempts) = collector.request(&context.trace_id, 2).await;
    let received = Traceparent::parse(told["traceparent"].as_str().unwrap_or_default());
    assert_eq!(received.parent_id, attempts[0].id(), "parent-id at the server = id of the attempt span");
    assert_eq!(told["tracestate"], MARK);

    let body = vec![b'x'; 300_000];
    let with_length = head("POST", "/echo", &[("Content-Length", "300000")]);
    let echoed = ask(agent.addr(), &[with_length, body.clone()].concat()).await;
    assert!(echoed.body.complete && echoed.body.bytes == body, "an echo in chunks");

    let mut client = Client::connect(agent.addr()).await;
    client.send(&get("/stream", &[])).await;
    let mut got = Vec::new();
    while !got.windows(5).any(|window| window == b"first") {
        let bytes = client.some().await.expect("the connection stands");
        assert!(!bytes.is_empty(), "closed after {}", got.escape_ascii());
        got.extend(bytes);
    }

    let mut client = Client::connect(agent.addr()).await;
    client.send(&head("GET", "/socket", &[("Connection", "Upgrade"), ("Upgrade", "websocket")])).await;
    assert_eq!(client.answer().await.status(), 101);
    client.send(b"there and back").await;
    assert_eq!(client.some().await.expect("the tunnel stands"), b"there and back");
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_is_served_through_the_proxy() {
    let Some(nginx) = program("nginx") else { return skipped("nginx_is_served_through_the_proxy", "no nginx in PATH") };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let addr = nobody();
    let root = folder.path().display();
    let settings = format!(
        "daemon off; master_process off; pid {root}/pid; error_log stderr;
         events {{ worker_connections 256; }}
         http {{
           access_log off; keepalive_requests 50; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
           fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
           server {{ listen {addr}; root {root}; location = /context {{ return 200 \"$http_traceparent\"; }} }}
         }}"
    );
    std::fs::write(folder.path().join("nginx.conf"), settings).expect("the folder is writable");
    std::fs::write(folder.path().join("page.txt"), vec![b'n'; 100_000]).expect("the folder is writable");
    let mut command = Command::new(nginx);
    command.args(["-e", "stderr", "-p"]).arg(folder.path()).arg("-c").arg(folder.path().join("nginx.conf"));
    let nginx = Binary::of(command);
    eventually("nginx to listen", || std::net::TcpStream::connect(addr).ok()).await;
    let (agent, collector) = before(addr).await;

    // Fifty requests and nginx closes a connection: with an announcement, so none may fail.
    let load = Load::bounded(8, 1000, |_| marked_get("/page.txt", &Traceparent::fresh(1)));
    load.run(agent.addr()).await.assert_all_ok(1000);

    let context = Traceparent::fresh(1);
    let told = ask(agent.addr(), &marked_get("/context", &context)).await.text();
    let (_, attempts) = collector.request(&context.trace_id, 2).await;
    assert_eq!(Traceparent::parse(&told).parent_id, attempts[0].id(), "parent-id at the server");

    let page = ask(agent.addr(), &get("/page.txt", &[])).await;
    assert_eq!((page.body.len, page.body.complete), (100_000, true));
    let etag = page.head.value("etag");
    let mut client = Client::connect(agent.addr()).await;
    let rows = [
        (head("HEAD", "/page.txt", &[]), 200, 0),
        (get("/page.txt", &[("If-None-Match", &etag)]), 304, 0),
        (get("/page.txt", &[("Range", "bytes=0-9")]), 206, 10),
        (get("/page.txt", &[]), 200, 100_000),
    ];
    for (request, status, len) in rows {
        client.send(&request).await;
        let answer = client.answer_to(&request).await;
        assert_eq!((answer.status(), answer.body.len), (status, len), "{}", request.escape_ascii());
    }
    drop(nginx);
}

async fn before(upstream: SocketAddr) -> (Agent, Collector) {
    let collector = Collector::start().await;
    let mut config = config(upstream, ExportTarget::Otlp(collector.otlp(OtlpProtocol::HttpProtobuf)));
    config.proxies[0].admission = None;
    (Agent::of(config).await, collector)
}

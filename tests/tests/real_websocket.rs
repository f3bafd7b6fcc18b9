//! A real WebSocket library on both ends, with the proxy between them.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use throughline::config::export::{ExportTarget, OtlpProtocol};
use throughline_tests::agent::config;
use throughline_tests::binary::Binary;
use throughline_tests::context::Traceparent;
use throughline_tests::real::{python, script, skipped};
use throughline_tests::{Agent, Collector};

#[tokio::test(flavor = "multi_thread")]
async fn a_real_client_and_a_real_server_understand_each_other() {
    let test = "a_real_client_and_a_real_server_understand_each_other";
    let Some(python) = python() else {
        return skipped(test, "no Python environment; `cargo xtask test` prepares it");
    };
    let knows = Command::new(&python).args(["-c", "import websockets"]).output();
    if !knows.is_ok_and(|output| output.status.success()) {
        return skipped(test, "the Python environment has no websockets; `cargo xtask test` brings it up to date");
    }
    let (_server, server) = script(&python, "websocket.py", &["serve"]).await;
    let collector = Collector::start().await;
    let agent = Agent::of(config(server, ExportTarget::Otlp(collector.otlp(OtlpProtocol::HttpProtobuf)))).await;
    let context = Traceparent::fresh(1);
    let mut talk = Command::new(&python);
    talk.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("real/websocket.py"));
    talk.args(["talk", &format!("ws://{}/chat", agent.addr()), &context.to_string()]);
    let finished = Binary::of(talk).finished().await;
    assert!(finished.status.success(), "{}{}", finished.stdout, finished.stderr);

    let (server, attempts) = collector.request(&context.trace_id, 2).await;
    let attempt = attempts.first().expect("an attempt span");
    let told: Vec<&str> = finished.stdout.lines().collect();
    let expected = [
        &format!("traceparent 00-{}-{}-01", context.trace_id, attempt.id()),
        "subprotocol chat",
        "echo text",
        "echo empty",
        "echo binary",
        "echo compressible",
        "echo fragments",
        "pong",
        "order",
        "closed 4001 done here",
    ];
    assert_eq!(told, expected);
    for span in [&server, attempt] {
        assert_eq!(span.int("http.response.status_code"), Some(101));
        assert_eq!(span.text("error.type"), "", "a tunnel that ends is no failure: {span:?}");
    }
}

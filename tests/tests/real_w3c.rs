//! The validation service of the W3C working group, at its strictest, against proxies that record everything.
//!
//! It is not part of this repository: `THROUGHLINE_TEST_W3C` is the path of the folder `test` in a checkout of
//! `w3c/trace-context` of 2026-06-29 or later; older ones want keys by the grammar of Level 1. Our own cases for the
//! same rules are in the suite `w3c`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use throughline::config::export::{ExportTarget, OtlpProtocol};
use throughline::trace::decision::RecordMode;
use throughline_tests::agent::{Agent, config};
use throughline_tests::binary::Binary;
use throughline_tests::real::{python, script, skipped};
use throughline_tests::{Collector, DEADLINE};

/// One proxy before a service that copies headers, one behind it: three calls of a request that bear three parent-ids
/// are made by the second.
#[tokio::test(flavor = "multi_thread")]
async fn the_validation_service_passes_whole() {
    const TEST: &str = "the_validation_service_passes_whole";
    let Some(folder) = std::env::var_os("THROUGHLINE_TEST_W3C") else {
        return skipped(TEST, "THROUGHLINE_TEST_W3C names no folder `test` of a checkout of w3c/trace-context");
    };
    let Some(python) = python() else {
        return skipped(TEST, "there is no Python with the packages of tests/real/requirements.txt");
    };
    let (collector, callbacks) = (Collector::start().await, free_addr());
    let (_service, service) = script(&python, "copying_service.py", &[]).await;
    let inbound = recording_everything(service, &collector).await;
    let outbound = recording_everything(callbacks, &collector).await;

    let mut command = Command::new(&python);
    command.arg("test.py").arg(format!("http://{}/test", inbound.addr())).current_dir(folder);
    command.envs([("STRICT_LEVEL", "2"), ("SPEC_LEVEL", "2")]).env("HARNESS_TIMEOUT", DEADLINE.as_secs().to_string());
    command.env("HARNESS_PORT", outbound.addr().port().to_string());
    command.env("HARNESS_BIND_PORT", callbacks.port().to_string());
    let judged = Binary::of(command).finished().await;

    assert!(judged.status.success(), "{}", judged.stderr);
    assert_eq!(judged.stderr.lines().last(), Some("OK"), "nothing was left out: {}", judged.stderr);
    let exported = inbound.stop().await.exported + outbound.stop().await.exported;
    assert_eq!(collector.distinct() as u64, exported, "every id that went out is a span at the collector");
}

async fn recording_everything(upstream: SocketAddr, collector: &Collector) -> Agent {
    let mut config = config(upstream, ExportTarget::Otlp(collector.otlp(OtlpProtocol::HttpProtobuf)));
    config.proxies.first_mut().expect("a proxy").record = RecordMode::All;
    Agent::of(config).await
}

/// A port that was free a moment ago: the validation service has to be told one before it listens.
fn free_addr() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address")
}

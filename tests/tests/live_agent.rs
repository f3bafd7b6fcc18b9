//! The probe as part of an agent: beside a proxy, beside another agent of the same process, and while its file changes.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use throughline::config::workload::Selector;
use throughline::config::{ObserveConfig, ProbeConfig};
use throughline_tests::agent::sum;
use throughline_tests::binary::{Binary, metric};
use throughline_tests::client::{Client, get};
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::live::agent::{Privilege, beside_agent, until_listening};
use throughline_tests::real::{program, script, skipped};
use throughline_tests::wait::eventually_within;
use throughline_tests::{Agent, ask, eventually};

const THROUGH_PROXY: u64 = 10;
const AROUND_PROXY: u64 = 3;
/// On one connection.
const UNMARKED: u64 = 5;

async fn service() -> (Binary, SocketAddr) {
    let mut command = Command::new(beside_agent("live_service"));
    command.args(["--model", "threads", "--slowest", "5"]);
    let mut process = Binary::of(command);
    let address = until_listening(&mut process).await;
    (process, address)
}

/// An agent with a proxy before the service, whose process it watches; `None` where it may not.
async fn agent(test: &str, process: &Binary, address: SocketAddr) -> Option<Agent> {
    agent_with(test, process, address, ProbeConfig::default()).await
}

/// The same with other settings of the probe.
async fn agent_with(test: &str, process: &Binary, address: SocketAddr, probe: ProbeConfig) -> Option<Agent> {
    let probe = ProbeConfig { targets: vec![Selector::Pid(process.id())], ..probe };
    let agent = agent_for(test, address, probe).await?;
    eventually("the process to be watched", || (agent.count("throughline_probe_targets", &[]) == 1).then_some(()))
        .await;
    Some(agent)
}

/// The same, whoever is to be watched.
async fn agent_for(test: &str, address: SocketAddr, probe: ProbeConfig) -> Option<Agent> {
    let agent = Agent::without_export(address, |config| {
        config.observe = Some(ObserveConfig::default());
        config.probe = probe;
    });
    let agent = agent.await;
    if agent.count("throughline_probe_attached", &[]) == 0 {
        skipped(test, "the probe was refused");
        agent.stop_counted().await;
        return None;
    }
    Some(agent)
}

async fn ask_marked(address: SocketAddr, count: u64) {
    for _ in 0..count {
        assert_eq!(ask(address, &marked_get("/page", &Traceparent::fresh(1))).await.status(), 200);
    }
}

async fn ask_on(client: &mut Client, request: &[u8]) {
    client.send(request).await;
    assert_eq!(client.answer_to(request).await.status(), 200);
}

async fn has_seen(agent: &Agent, requests: u64) {
    let whole = [("completeness", "whole")];
    eventually("requests to be seen", || (agent.count("throughline_probe_requests", &whole) >= requests).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_and_probe_check_each_other() {
    let test = "proxy_and_probe_check_each_other";
    if let Some(reason) = Privilege::Own.lacking() {
        return skipped(test, &reason);
    }
    let (process, address) = service().await;
    let Some(agent) = agent(test, &process, address).await else { return };
    ask_marked(agent.addr(), THROUGH_PROXY).await;
    ask_marked(address, AROUND_PROXY).await;
    has_seen(&agent, THROUGH_PROXY + AROUND_PROXY).await;
    let samples = agent.stop_counted().await;
    let seen_by = |who: &str| sum(&samples, "throughline_probe_cross_checked", &[("seen_by", who)]);
    assert_eq!((seen_by("both"), seen_by("proxy"), seen_by("probe")), (THROUGH_PROXY, 0, AROUND_PROXY));
    assert_eq!(sum(&samples, "throughline_observations", &[("kind", "probe")]), THROUGH_PROXY + AROUND_PROXY);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_of_one_process_watch_by_themselves() {
    let test = "two_agents_of_one_process_watch_by_themselves";
    if let Some(reason) = Privilege::Own.lacking() {
        return skipped(test, &reason);
    }
    let (process, address) = service().await;
    let Some(first) = agent(test, &process, address).await else { return };
    let Some(second) = agent(test, &process, address).await else { return };
    ask_marked(address, 5).await;
    has_seen(&first, 5).await;
    has_seen(&second, 5).await;
    first.stop_counted().await;
    ask_marked(address, 5).await;
    has_seen(&second, 10).await;
    second.stop_counted().await;
}

/// Which end of a connection that was open before asks, and which answers, is learnt although nothing of it is captured:
/// so the first mark on it is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_mark_is_found_where_nothing_else_is_captured() {
    let test = "a_mark_is_found_where_nothing_else_is_captured";
    if let Some(reason) = Privilege::Own.lacking() {
        return skipped(test, &reason);
    }
    let (process, address) = service().await;
    let unmarked = get("/page", &[]);
    let mut open = Client::connect(address).await;
    ask_on(&mut open, &unmarked).await;
    let nothing = ProbeConfig { budget: 0, ..ProbeConfig::default() };
    let Some(agent) = agent_with(test, &process, address, nothing).await else { return };
    let mut fresh = Client::connect(address).await;
    for client in [&mut open, &mut fresh] {
        for _ in 0..UNMARKED {
            ask_on(client, &unmarked).await;
        }
    }
    for (client, seen) in [(&mut open, 1), (&mut fresh, 2)] {
        ask_on(client, &marked_get("/page", &Traceparent::fresh(1))).await;
        has_seen(&agent, seen).await;
    }
    let samples = agent.stop_counted().await;
    assert_eq!(
        sum(&samples, "throughline_probe_gated", &[]),
        2 * UNMARKED,
        "requests are counted, and not their answers"
    );
    assert_eq!(sum(&samples, "throughline_probe_requests", &[]), 2, "and none of them was captured");
}

/// Both where nothing but what was read is in the memory behind it, and where an older request is.
#[tokio::test(flavor = "multi_thread")]
async fn a_mark_is_found_wherever_it_stands_in_however_long_a_buffer() {
    let test = "a_mark_is_found_wherever_it_stands_in_however_long_a_buffer";
    if let Some(reason) = Privilege::Own.lacking() {
        return skipped(test, &reason);
    }
    let Some(python) = program("python3") else { return skipped(test, "no python3") };
    let before = [0, 20, 301, 1500, 2047, 3002, 3700];
    for buffer in ["fresh", "same"] {
        let (process, address) = script(&python, "live/buffers.py", &[buffer]).await;
        let nothing = ProbeConfig { budget: 0, gate: Duration::from_millis(1), ..ProbeConfig::default() };
        let Some(agent) = agent_with(test, &process, address, nothing).await else { return };
        let mut client = Client::connect(address).await;
        for (seen, before) in (1..).zip(before) {
            ask_on(&mut client, &behind(before, &marked_get("/page", &Traceparent::fresh(1)))).await;
            has_seen(&agent, seen).await;
            ask_on(&mut client, &get("/", &[])).await;
        }
        let samples = agent.stop_counted().await;
        let expected = before.len() as u64;
        assert_eq!(sum(&samples, "throughline_probe_marks", &[]), expected, "{buffer}");
        assert_eq!(sum(&samples, "throughline_probe_requests", &[]), expected, "{buffer}");
        assert_eq!(sum(&samples, "throughline_probe_gated", &[]), expected, "{buffer}");
    }
}

/// The request with a header of this length before all others.
fn behind(length: usize, request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let (line, rest) = text.split_once("\r\n").expect("a request line");
    let header = if length == 0 { String::new() } else { format!("X-Before: {}\r\n", "a".repeat(length)) };
    format!("{line}\r\n{header}{rest}").into_bytes()
}

/// Sooner than all processes are gone through again, ten seconds after the start.
#[tokio::test(flavor = "multi_thread")]
async fn who_begins_to_listen_later_is_watched() {
    let test = "who_begins_to_listen_later_is_watched";
    if let Some(reason) = Privilege::Own.lacking() {
        return skipped(test, &reason);
    }
    let Some(python) = program("python3") else { return skipped(test, "no python3") };
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it is bound");
    let probe = ProbeConfig { targets: vec![Selector::Port(free.port())], ..ProbeConfig::default() };
    let Some(agent) = agent_for(test, free, probe).await else { return };
    let (_process, _) = script(&python, "live/buffers.py", &["same", &free.port().to_string()]).await;
    eventually_within(Duration::from_secs(8), "the process to be watched", || {
        (agent.count("throughline_probe_targets", &[]) == 1).then_some(())
    })
    .await;
    agent.stop_counted().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_follow_the_file() {
    let test = "targets_follow_the_file";
    if let Some(reason) = Privilege::Own.lacking() {
        return skipped(test, &reason);
    }
    let ((one, _), (other, at_other)) = (service().await, service().await);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("agent.yaml");
    let write = |pids: &[u32]| {
        let targets: Vec<String> = pids.iter().map(|pid| format!("'pid:{pid}'")).collect();
        let targets = targets.join(", ");
        let text = format!("file_format: 1\nadmin: {{listen: '127.0.0.1:0'}}\nprobe: {{targets: [{targets}]}}\n");
        std::fs::write(&file, text).expect("the file can be written");
    };
    write(&[one.id()]);
    let mut binary = Binary::start(&["agent", "--config", file.to_str().expect("a path of text")]);
    let admin = binary.admin().await;
    let said = eventually("a word on the probe", || {
        let said = binary.stderr();
        (said.contains("probe attached") || said.contains("the probe does not run")).then_some(said)
    });
    if said.await.contains("does not run") {
        return skipped(test, "the probe was refused");
    }
    write(&[one.id(), other.id()]);
    binary.signal("HUP");
    let deadline = tokio::time::Instant::now() + throughline_tests::wait::DEADLINE;
    while metric(admin, "throughline_probe_targets").await < 2 {
        assert!(tokio::time::Instant::now() < deadline, "{}", binary.stderr());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ask(at_other, &get("/", &[])).await.status(), 200);
    while metric(admin, "throughline_probe_requests_total").await < 1 {
        assert!(tokio::time::Instant::now() < deadline, "{}", binary.stderr());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    binary.signal("TERM");
    let finished = binary.finished().await;
    assert!(finished.status.success() && !finished.stderr.contains("panicked"), "{}", finished.stderr);
}

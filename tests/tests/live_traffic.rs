//! The probe changes nothing: the same traffic with and without it has the same bytes, and nearly all of it is observed.
//! What is lost is counted, and makes nothing wrong.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use throughline_tests::live::agent::{Privilege, Refused, Watch, Watching};
use throughline_tests::live::traffic::{Happened, Took, Traffic};
use throughline_tests::random::Random;
use throughline_tests::real::skipped;
use tokio::sync::Mutex;

/// Settings with which everything is captured, whoever sends it and how much.
const EVERYTHING: &str = "  budget: 1000000\n  ring_bytes: 67108864\n";
/// A ring of sixteen pages, which a burst overruns.
const TINY: &str = "  budget: 1000000\n  ring_bytes: 65536\n";

/// One test at a time: each watches this process, and would see what the other sends.
static ALONE: Mutex<()> = Mutex::const_new(());

/// An agent that watches this very process, which has both ends of all traffic.
async fn watching(test: &str, settings: &str) -> Option<Watching> {
    if let Some(reason) = Privilege::Own.lacking() {
        skipped(test, &reason);
        return None;
    }
    let watch = Watch { processes: vec![std::process::id()], settings: settings.to_owned(), ..Watch::default() };
    match Watching::start(Privilege::Own, &watch).await {
        Ok(watching) => Some(watching),
        Err(Refused(reason)) => {
            skipped(test, &reason);
            None
        }
    }
}

async fn sent(traffic: Traffic) -> (Happened, Took) {
    tokio::task::spawn_blocking(move || traffic.run()).await.expect("the traffic ends")
}

fn requests(default: usize) -> usize {
    std::env::var("THROUGHLINE_TEST_REQUESTS").ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_changes_and_nearly_all_requests_are_observed() {
    let _alone = ALONE.lock().await;
    let test = "no_byte_changes_and_nearly_all_requests_are_observed";
    let seed = Random::for_suite(test).bits();
    let traffic = Traffic { seed, connections: 8, requests: requests(10_000), each: 50, pipelining: true, tunnels: 10 };
    let (before, without) = sent(traffic).await;
    let Some(watching) = watching(test, EVERYTHING).await else { return };
    let (after, with) = sent(traffic).await;
    settled(&watching).await;
    let reasons = lost(&watching.metrics().await);
    let (_, recording) = watching.stop().await;

    for (happened, when) in [(&before, "without"), (&after, "with")] {
        assert_eq!(happened.failures, Vec::<String>::new(), "{when} the probe nothing fails");
        assert_eq!(happened.count(), traffic.requests + traffic.tunnels);
    }
    assert_eq!((after.clients, after.servers, after.bytes), (before.clients, before.servers, before.bytes));
    assert!(with.slowest < Duration::from_secs(5), "a stall: {with:?}, without the probe {without:?}");
    let seen = whole(&recording);
    let (arrived, of): (usize, usize) = after
        .requests
        .iter()
        .map(|(port, requests)| (seen.get(port).copied().unwrap_or(0).min(*requests), *requests))
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    // What is inside of TLS goes on in clear text from this process to this process.
    let calls = of + traffic.tunnels * traffic.each;
    let called = recording.iter().filter(|line| is_whole(line) && text(line, "/dir") == Some("out")).count();
    figures(&[
        ("requests in clear text", of.to_string()),
        ("bytes", after.bytes.to_string()),
        ("arrivals observed whole", format!("{arrived} ({:.2} %)", 100.0 * arrived as f64 / of as f64)),
        ("calls observed whole", format!("{called} of {calls}")),
        ("lost, for any reason", reasons),
        ("time without and with", format!("{:.1} s, {:.1} s", without.all.as_secs_f64(), with.all.as_secs_f64())),
        ("slowest answer", format!("{} ms, {} ms", without.slowest.as_millis(), with.slowest.as_millis())),
    ]);
    assert!(arrived * 100 >= of * 99, "{arrived} of {of} requests were observed");
    assert!(called * 100 >= calls * 99, "{called} of {calls} calls were observed");
}

/// For each connection: all of its requests were observed whole, or something says of it that they were not. Both are
/// said where content was lost and nothing else, which is rare.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_tiny_ring_loses_is_counted_and_makes_nothing_wrong() {
    let _alone = ALONE.lock().await;
    let test = "what_a_tiny_ring_loses_is_counted_and_makes_nothing_wrong";
    let seed = Random::for_suite(test).bits();
    let Some(watching) = watching(test, TINY).await else { return };
    let storm = Traffic { seed, connections: 8, requests: 4000, each: 20, pipelining: false, tunnels: 0 };
    let (mut happened, _) = sent(storm).await;
    settled(&watching).await;
    // Few enough at a time for the ring to hold them, however long nobody empties it.
    for calm in 1..=5 {
        happened.add(sent(Traffic { seed: seed ^ calm, connections: 1, requests: 4, each: 2, ..storm }).await.0);
        settled(&watching).await;
    }
    let lost = watching.metric("throughline_probe_lost_total").await;
    let report = watching.report().await;
    let (_, recording) = watching.stop().await;

    assert_eq!(happened.failures, Vec::<String>::new());
    assert!(lost > 0, "a ring of sixteen pages was not overrun");
    let total = |name: &str| report.pointer(&format!("/totals/{name}")).and_then(Value::as_u64);
    assert_eq!((total("breaks"), total("errors")), (Some(0), Some(0)), "{report:#}");
    let (seen, unsure) = (whole(&recording), unsure(&recording));
    let (mut hit, mut untold, mut overtold) = (0, Vec::new(), Vec::new());
    // A port of the storm may be used again in the calm.
    let mut sent: HashMap<u16, usize> = HashMap::new();
    happened.requests.iter().for_each(|(port, requests)| *sent.entry(*port).or_default() += requests);
    for (port, requests) in &sent {
        let complete = seen.get(port).copied().unwrap_or(0);
        assert!(complete <= *requests, "port {port}: {complete} of {requests} requests");
        hit += usize::from(complete < *requests);
        match (complete < *requests, unsure.contains_key(port)) {
            (true, false) => untold.push((*port, complete, *requests)),
            (false, true) => overtold.push(*port),
            (true, true) | (false, false) => {}
        }
    }
    figures(&[
        ("records lost", lost.to_string()),
        ("connections, by port", sent.len().to_string()),
        ("of them observed in part", hit.to_string()),
        ("of them said to be unknown", unsure.len().to_string()),
        ("of those observed whole", overtold.len().to_string()),
    ]);
    assert!(untold.is_empty(), "observed in part, and nothing says so: {untold:?}");
    let headed = headed(&recording);
    assert!(overtold.iter().all(|port| !headed.contains_key(port)), "no head of these was lost: {overtold:?}");
    assert!(overtold.len() * 50 <= sent.len(), "observed whole, and said to be unknown: {overtold:?}");
    assert!(hit > 0 && hit < sent.len(), "of both kinds there are some: {hit}");
}

/// Arrivals that were observed whole, by the client's port.
fn whole(recording: &[Value]) -> HashMap<u16, usize> {
    by_port(recording.iter().filter(|line| is_whole(line)))
}

/// Those that were not.
fn unsure(recording: &[Value]) -> HashMap<u16, usize> {
    by_port(recording.iter().filter(|line| !is_whole(line)))
}

/// Those that were not, but whose heads were seen: no mere words that something was lost.
fn headed(recording: &[Value]) -> HashMap<u16, usize> {
    by_port(recording.iter().filter(|line| !is_whole(line) && text(line, "/method") != Some("{other}")))
}

fn by_port<'a>(lines: impl Iterator<Item = &'a Value>) -> HashMap<u16, usize> {
    let mut found = HashMap::new();
    for line in lines.filter(|line| text(line, "/dir") == Some("in")) {
        let port = text(line, "/peer/address").and_then(|text| text.rsplit(':').next()?.parse::<u16>().ok());
        if let Some(port) = port {
            *found.entry(port).or_insert(0) += 1;
        }
    }
    found
}

/// A line says only what is not whole.
fn is_whole(line: &Value) -> bool {
    text(line, "/completeness").is_none()
}

fn text<'a>(line: &'a Value, pointer: &str) -> Option<&'a str> {
    line.pointer(pointer)?.as_str()
}

/// What was lost, by reason.
fn lost(metrics: &str) -> String {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix("throughline_probe_lost_total{reason="));
    let counted: Vec<String> = lines.filter(|line| !line.ends_with(" 0")).map(|line| line.replace('}', "")).collect();
    if counted.is_empty() { "nothing".to_owned() } else { counted.join(", ") }
}

/// Waits until no more is observed but this very question, which is a request of a watched process.
async fn settled(watching: &Watching) {
    let mut before = 0;
    for _ in 0..60 {
        let now = watching.metric("throughline_observations_total").await;
        if now <= before + 4 && now > 0 {
            return;
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("observations do not end");
}

#[expect(clippy::print_stdout, reason = "figures are for whoever reads the output")]
fn figures(lines: &[(&str, String)]) {
    lines.iter().for_each(|(name, value)| println!("| {name:<32} {value}"));
}

//! Processes that misbehave under the eyes of the probe: the agent lives, does not grow, makes nothing up, and goes on
//! seeing the service beside them.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use throughline_tests::binary::Binary;
use throughline_tests::live::agent::{Privilege, Refused, Watch, Watching, beside_agent, until_listening};
use throughline_tests::live::drive::{Load, drive, plan};
use throughline_tests::live::judge::{percent, recall};
use throughline_tests::random::Random;
use throughline_tests::real::{program, real_script, skipped};
use throughline_tests::wait::{eventually, eventually_within};

/// What the agent may hold at most, whatever is done to it, in MiB: observations that are kept 64, the queue behind the
/// reader 45, ends of connections 25, the queue behind the keeper 16, the ring 16 because it is mapped twice, and the
/// program with what its engine remembers 58.
const MOST: u64 = 224 << 20;
/// Lengths of heads that are tried; the mark is in their last line.
const LENGTHS: [u32; 9] = [4095, 4096, 4097, 8191, 8192, 8193, 16_383, 16_384, 16_385];

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_lives_and_makes_nothing_up() {
    let test = "the_agent_lives_and_makes_nothing_up";
    if let Some(reason) = Privilege::Own.lacking() {
        return skipped(test, &reason);
    }
    let Some(python) = program("python3") else { return skipped(test, "no python3") };
    let mut random = Random::for_suite(test);
    let seconds = std::env::var("THROUGHLINE_TEST_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(15.0);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let begin = folder.path().join("begin");
    let mut command = Command::new(python);
    command.arg(real_script("live/hostile.py")).arg(&begin).arg(seconds.to_string());
    let hostile = Binary::of(command);
    eventually("the hostile process to be ready", || hostile.stdout().contains("ready").then_some(())).await;
    let mut well = Command::new(beside_agent("live_service"));
    well.args(["--slowest", "5"]);
    let mut well = Binary::of(well);
    let address = until_listening(&mut well).await;
    let watch = Watch {
        services: vec![(address, "well".to_owned())],
        // With all its children.
        described: vec!["command:*live/hostile.py*".to_owned()],
        ..Watch::default()
    };
    let mut watching = match Watching::start(Privilege::Own, &watch).await {
        Ok(watching) => watching,
        Err(Refused(reason)) => return skipped(test, &reason),
    };
    std::fs::write(&begin, "").expect("the folder is writable");
    let load = Load { seconds, marked: 40, noise: 10.0 };
    let driven = drive(address, plan(&mut random, load)).await;
    let finished = hostile.finished_within(Duration::from_secs(120)).await;
    assert!(finished.status.success(), "{finished:?}");
    // Everything that was under way is given up, or comes to its end.
    let mut before = u64::MAX;
    eventually_within(Duration::from_secs(60), "the agent to come to rest", || {
        let now = watching.process().peak_memory();
        let rests = now == before;
        before = now;
        rests.then_some(())
    })
    .await;
    let (metrics, report, peak) = (watching.metrics().await, watching.report().await, watching.process().peak_memory());
    assert!(watching.process().is_running(), "{}", watching.process().stderr());
    let (agent, recording) = watching.stop().await;

    let seen = recall(&recording, "well", &driven);
    show(&finished.stdout, &metrics, peak, percent(seen.arrived, seen.sent));
    assert!(!agent.stderr.contains("panicked"), "{}", agent.stderr);
    assert!(peak < MOST, "it held {peak} bytes");
    let total = |name: &str| report.pointer(&format!("/totals/{name}")).and_then(Value::as_u64);
    assert_eq!((total("breaks"), total("errors")), (Some(0), Some(0)), "{report:#}");
    assert_eq!(driven.statuses().keys().copied().collect::<Vec<_>>(), [200], "{:?}", driven.statuses());
    assert!(seen.arrived * 100 >= seen.sent * 99, "the service beside them: {seen:?}");
    for length in LENGTHS {
        let path = format!("/length/{length}");
        let of_length = recording.iter().filter(|line| {
            let route = line.pointer("/route").and_then(Value::as_str).unwrap_or_default();
            route == path || route == "/length/{}"
        });
        assert!(of_length.count() > 0, "heads of {length} bytes were not observed");
    }
}

#[expect(clippy::print_stdout, reason = "figures are for whoever reads the output")]
fn show(done: &str, metrics: &str, peak: u64, seen: f64) {
    println!("| memory {} MiB, seen of the service beside them {seen:.1} %", peak >> 20);
    done.lines().for_each(|line| println!("| {line}"));
    let ours =
        |line: &&str| ["throughline_probe", "throughline_observations"].iter().any(|name| line.starts_with(name));
    metrics.lines().filter(ours).for_each(|line| println!("| {line}"));
}

//! The probe beside small services of the project's own: four shapes of concurrency, each of which does a right or a
//! wrong thing with the context, all under load at once. Nothing that is reported may be wrong. And what is left in the
//! kernel when the agent is killed: nothing. Runs inside other kernels too (`cargo xtask test --kernels`), and needs no
//! other software.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use throughline_tests::live::agent::{Privilege, Refused, Watch, Watching};
use throughline_tests::live::batch::{Batch, shown};
use throughline_tests::live::bpf::{held, held_by};
use throughline_tests::live::cell::{Cell, MODES, Mode, Server};
use throughline_tests::live::drive::Load;
use throughline_tests::live::service::MODELS;
use throughline_tests::real::skipped;
use throughline_tests::wait::eventually;

/// Each shape once in each of these modes: what is found is different in each.
const FEW: [[Mode; 4]; 2] = [
    [Mode::Drop, Mode::Forward, Mode::Traceparent, Mode::Restart],
    [Mode::Stale, Mode::Drop, Mode::Restart, Mode::After],
];

#[tokio::test(flavor = "multi_thread")]
async fn as_root_nothing_is_wrong() {
    run("as_root_nothing_is_wrong", Privilege::Own, &FEW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_named_capabilities_nothing_is_wrong() {
    let [_, polling] = FEW;
    run("with_the_named_capabilities_nothing_is_wrong", Privilege::Named, &[polling]).await;
}

/// Programs are attached by descriptors of the agent's alone, so that they end with it, however it ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_leaves_nothing_in_the_kernel() {
    let test = "a_killed_agent_leaves_nothing_in_the_kernel";
    if let Some(reason) = Privilege::Own.lacking() {
        return skipped(test, &reason);
    }
    let before = match held() {
        Ok(before) => before,
        Err(reason) => return skipped(test, &reason),
    };
    let watch = Watch { processes: vec![std::process::id()], ..Watch::default() };
    let mut watching = match Watching::start(Privilege::Own, &watch).await {
        Ok(watching) => watching,
        Err(Refused(reason)) if std::env::var_os("THROUGHLINE_TEST_LIVE").is_none() => return skipped(test, &reason),
        Err(Refused(reason)) => panic!("{reason}"),
    };
    let own = held_by(watching.process().id());
    let listed = held().map(|now| now.left(&own, &before)).unwrap_or_default();
    for kind in ["program ", "map "] {
        let is_there = listed.iter().any(|line| line.starts_with(kind));
        assert!(is_there, "while it runs there is a {kind}of its own: {listed:?}");
    }
    watching.process().signal("KILL");
    eventually("the agent to be gone", || (!watching.process().is_running()).then_some(())).await;
    // The kernel frees them a moment later.
    let left = || held().map(|now| now.left(&own, &before)).unwrap_or_default();
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while !left().is_empty() {
        assert!(std::time::Instant::now() < end, "left behind: {:?}", left());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `THROUGHLINE_TEST_CELLS=all` runs every mode of every shape for a minute each, `few` one batch.
async fn run(test: &str, privilege: Privilege, few: &[[Mode; 4]]) {
    let servers = MODELS.map(|(_, model)| Server::Own(model));
    let wanted = std::env::var("THROUGHLINE_TEST_CELLS").unwrap_or_default();
    let each_in = |mode: Mode| servers.iter().map(|server| Cell { server: *server, mode }).collect();
    let one_each = |modes: &[Mode; 4]| {
        servers.iter().zip(modes).map(|(server, mode)| Cell { server: *server, mode: *mode }).collect()
    };
    let batches: Vec<Vec<Cell>> = match wanted.as_str() {
        "all" => MODES.iter().map(|mode| each_in(*mode)).collect(),
        "few" => few.iter().take(1).map(one_each).collect(),
        _ => few.iter().map(one_each).collect(),
    };
    let load = Load { seconds: if wanted == "all" { 60.0 } else { 20.0 }, marked: 40, noise: 10.0 };
    let batches = batches.into_iter().map(|cells| Batch { cells, privilege, load }).collect();
    if let Err(failure) = shown(test, privilege, batches).await {
        panic!("{failure}");
    }
}

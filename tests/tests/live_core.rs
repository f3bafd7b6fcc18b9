//! The probe beside small services of the project's own: four shapes of concurrency, each of which does a right or a
//! wrong thing with the context, all under load at once. Nothing that is reported may be wrong. Runs inside other kernels
//! too (`cargo xtask test --kernels`), and needs no other software.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use throughline_tests::live::agent::Privilege;
use throughline_tests::live::batch::{Batch, shown};
use throughline_tests::live::cell::{Cell, MODES, Mode, Server};
use throughline_tests::live::drive::Load;
use throughline_tests::live::service::MODELS;

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
    run("with_the_named_capabilities_nothing_is_wrong", Privilege::Named, &FEW[..1]).await;
}

/// `THROUGHLINE_TEST_CELLS=all` runs every mode of every shape.
async fn run(test: &str, privilege: Privilege, few: &[[Mode; 4]]) {
    let servers = MODELS.map(|(_, model)| Server::Own(model));
    let all = std::env::var("THROUGHLINE_TEST_CELLS").is_ok_and(|cells| cells == "all");
    let batches: Vec<Vec<Cell>> = if all {
        MODES.iter().map(|mode| servers.iter().map(|server| Cell { server: *server, mode: *mode }).collect()).collect()
    } else {
        let cells = |modes: &[Mode; 4]| {
            servers.iter().zip(modes).map(|(server, mode)| Cell { server: *server, mode: *mode }).collect()
        };
        few.iter().map(cells).collect()
    };
    let load = Load { seconds: if all { 60.0 } else { 20.0 }, marked: 40, noise: 10.0 };
    let batches = batches.into_iter().map(|cells| Batch { cells, privilege, load }).collect();
    if let Err(failure) = shown(test, privilege, batches).await {
        panic!("{failure}");
    }
}

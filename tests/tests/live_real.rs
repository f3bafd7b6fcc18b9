//! The probe beside real servers that know nothing of tracing: Flask, gunicorn, aiohttp, Node.js with both of its
//! clients, the JDK's server and client, nginx. Each is told what to do with the context, all are under load at once,
//! and nothing that is reported may be wrong.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use throughline_tests::live::agent::Privilege;
use throughline_tests::live::batch::{Batch, shown};
use throughline_tests::live::cell::{Cell, MODES, Mode, REAL, Server};
use throughline_tests::live::drive::Load;
use throughline_tests::real::{program, python, skipped};

/// Each server once in each of these modes; in the order of [`REAL`].
const FEW: [[Mode; 7]; 2] = [
    [Mode::Drop, Mode::Restart, Mode::Traceparent, Mode::Polls, Mode::Drop, Mode::Forward, Mode::Drop],
    [Mode::Stale, Mode::Drop, Mode::Drop, Mode::Traceparent, Mode::After, Mode::Drop, Mode::Forward],
];

#[tokio::test(flavor = "multi_thread")]
async fn as_root_nothing_is_wrong() {
    run("as_root_nothing_is_wrong", Privilege::Own, &FEW[..1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_named_capabilities_nothing_is_wrong() {
    run("with_the_named_capabilities_nothing_is_wrong", Privilege::Named, &FEW[1..]).await;
}

/// `THROUGHLINE_TEST_CELLS=all` runs every mode of every server, for longer.
async fn run(test: &str, privilege: Privilege, few: &[[Mode; 7]]) {
    let all = std::env::var("THROUGHLINE_TEST_CELLS").is_ok_and(|cells| cells == "all");
    let cells: Vec<Vec<Cell>> = if all {
        MODES.iter().map(|mode| REAL.iter().map(|server| Cell { server: *server, mode: *mode }).collect()).collect()
    } else {
        let one_each = |modes: &[Mode; 7]| {
            REAL.iter().zip(modes).map(|(server, mode)| Cell { server: *server, mode: *mode }).collect()
        };
        few.iter().map(one_each).collect()
    };
    let there = REAL.map(|server| (server, lacking(server)));
    for (server, lacks) in there {
        if let Some(what) = lacks {
            skipped(test, &format!("{} is left out: no {what}", server.name()));
        }
    }
    let can = |cell: &Cell| cell.server.can(cell.mode) && there.contains(&(cell.server, None));
    let load = Load { seconds: if all { 80.0 } else { 40.0 }, marked: 40, noise: 10.0 };
    let batches =
        cells.into_iter().map(|cells| Batch { cells: cells.into_iter().filter(can).collect(), privilege, load });
    if let Err(failure) = shown(test, privilege, batches.collect()).await {
        panic!("{failure}");
    }
}

/// What a server takes that this machine has not.
fn lacking(server: Server) -> Option<&'static str> {
    let python = python().map_or(Some("Python with the packages of tests/real"), |_| None);
    let needs = |name: &'static str| program(name).map_or(Some(name), |_| None);
    match server {
        Server::Own(_) => None,
        Server::Flask | Server::Gunicorn | Server::Aiohttp => python,
        Server::NodeHttp | Server::NodeFetch => needs("node"),
        Server::Jdk => needs("java"),
        Server::Nginx => python.or_else(|| needs("nginx")),
    }
}

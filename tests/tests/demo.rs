//! The demonstration as a newcomer runs it: what it prints is true, the services that break the trace are named, a killed
//! service shows, and nothing is left.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use throughline_tests::binary::{Binary, Finished, run};
use throughline_tests::eventually;

/// What it keeps: the services' logs as text, the collector's bytes as hex digits.
struct Kept {
    logs: String,
    bytes: String,
}

/// It takes a quarter of a minute, and up to three times as long where the report is not sure before.
async fn patiently(arguments: &[&str]) -> Finished {
    Binary::start(arguments).finished_within(Duration::from_secs(180)).await
}

async fn demo(folder: &Path, more: &[&str]) -> (Finished, Kept) {
    let mut arguments = vec!["demo", "--keep", folder.to_str().unwrap()];
    arguments.extend(more);
    let finished = patiently(&arguments).await;
    let mut kept = Kept { logs: String::new(), bytes: String::new() };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let content = std::fs::read(&path).unwrap();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("log") => kept.logs += &String::from_utf8(content).unwrap(),
            Some("bin") => kept.bytes.extend(content.iter().map(|byte| format!("{byte:02x}"))),
            _ => {}
        }
    }
    (finished, kept)
}

/// Every word of 16 or 32 hex digits.
fn ids(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| matches!(word.len(), 16 | 32) && word.chars().all(|c| c.is_ascii_hexdigit())).collect()
}

/// Services that still run, by the folder in their arguments, and proxies that still listen, by their own words.
fn left(folder: &Path) -> Vec<String> {
    let mut left = Vec::new();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        if arguments.contains(folder.to_str().unwrap()) {
            left.push(arguments);
        }
    }
    let said = std::fs::read_to_string(folder.join("agent.stderr")).unwrap();
    let listening = said.lines().filter_map(|line| line.split_once(" listening on "));
    for (what, address) in listening {
        let address = address.split([',', ' ']).next().unwrap().parse::<SocketAddr>().unwrap();
        if TcpStream::connect(address).is_ok() {
            left.push(format!("{what} on {address}"));
        }
    }
    left
}

#[tokio::test]
async fn every_printed_id_is_in_the_collectors_bytes_and_in_a_services_log() {
    let folder = tempfile::tempdir().unwrap();
    let (finished, kept) = demo(folder.path(), &[]).await;
    let Finished { status, stdout, stderr } = &finished;
    assert!(status.success(), "{stdout}{stderr}");
    assert_eq!(stderr, "", "no progress where there is no terminal");
    let ids = ids(stdout);
    assert!(ids.len() >= 4 + 4, "four traces, each with at least one attempt: {stdout}");
    for id in ids {
        assert!(kept.bytes.contains(id), "{id} is not in the bytes received");
        assert!(kept.logs.contains(id), "{id} is in no log");
    }
    for figure in ["answered with 200", "arrived at running services", "context exactly as its sender sent it"] {
        let line = stdout.lines().find_map(|line| line.trim_start().strip_prefix(figure)).unwrap();
        let (part, whole) = line.trim().split_once(" of ").unwrap();
        assert!(part == whole && whole.parse::<u32>().unwrap() > 50, "{figure}: {stdout}");
    }
    assert!(stdout.lines().any(|line| line.split_whitespace().eq(["spans", "0"])), "{stdout}");
    assert_eq!(left(folder.path()), Vec::<String>::new(), "still running");
}

/// The service whose line on the stage says so.
fn that(stdout: &str, does: &str) -> String {
    let line = stdout.lines().find(|line| line.contains(" proxy ") && line.ends_with(does));
    line.and_then(|line| line.split_whitespace().next()).unwrap().to_owned()
}

#[tokio::test]
async fn the_report_names_the_services_that_break_the_trace() {
    let mut droppers = BTreeSet::new();
    for seed in ["1", "2", "3", "4", "5"] {
        let Finished { status, stdout, stderr } = patiently(&["demo", "--seed", seed]).await;
        assert!(status.success(), "seed {seed}: {stdout}{stderr}");
        let (drops, unmarks) = (that(&stdout, "sending no context on"), that(&stdout, "copying traceparent alone"));
        for (code, service) in [("G101", &drops), ("G103", &unmarks)] {
            let named: Vec<_> = stdout.lines().filter(|line| line.starts_with(code)).collect();
            assert!(!named.is_empty(), "seed {seed}: {code} is not reported: {stdout}");
            let blamed = |line: &str| line.split_whitespace().nth(1) == Some(service);
            assert!(named.iter().all(|line| blamed(line)), "seed {seed}: {code} is {service}'s: {named:?}");
        }
        droppers.insert(drops);
    }
    assert!(droppers.len() > 1, "which service it is follows from the seed: {droppers:?}");
}

#[tokio::test]
async fn a_killed_service_changes_the_picture() {
    for service in ["cart", "shop"] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["--requests", "50", "--kill", service];
        let (Finished { status, stdout, stderr }, _) = demo(folder.path(), &arguments).await;
        assert!(status.success(), "{service}: {stdout}{stderr}");
        assert!(stdout.contains("connect_refused"), "{service}: the cause is shown: {stdout}");
        assert!(stdout.contains(" 502 "), "{service}: the status is shown: {stdout}");
        let lines = stdout.lines().filter(|line| line.starts_with(&format!("  {service} ")));
        assert!(lines.clone().any(|line| line.contains("killed before the first request")), "{service}: {stdout}");
        assert_eq!(left(folder.path()), Vec::<String>::new(), "still running");
    }
}

#[tokio::test]
async fn however_it_ends_its_processes_end_too() {
    for signal in ["INT", "TERM", "HUP", "KILL"] {
        let folder = tempfile::tempdir().unwrap();
        let keep = folder.path().to_str().unwrap();
        let binary = Binary::start(&["demo", "--requests", "600", "--keep", keep]);
        // The first service's log has lines once requests are under way.
        let log = folder.path().join("shop.log");
        eventually("the first arrivals", || std::fs::metadata(&log).ok().filter(|log| log.len() > 0)).await;
        binary.signal(signal);
        let finished = binary.finished().await;
        assert!(!finished.status.success(), "SIG{signal}");
        eventually("its processes to end", || left(folder.path()).is_empty().then_some(())).await;
    }
}

#[tokio::test]
async fn arguments_that_cannot_be_used() {
    let full = tempfile::tempdir().unwrap();
    std::fs::write(full.path().join("a"), "").unwrap();
    for (arguments, word, reason) in [
        (["--kill", "bank"], "cart", "no such service: those that exist are named"),
        (["--requests", "0"], "600", "too few: the range is named"),
        (["--requests", "601"], "600", "too many"),
        (["--keep", full.path().to_str().unwrap()], "empty", "a folder with files in it"),
    ] {
        let [flag, value] = arguments;
        let Finished { status, stdout, stderr } = run(&["demo", flag, value], &[]).await;
        assert_eq!(status.code(), Some(2), "{reason}: {stderr}");
        assert_eq!((stdout.as_str(), stderr.trim_end().lines().count()), ("", 1), "{reason}: one line: {stderr}");
        assert!(stderr.contains(flag) && stderr.contains(word), "{reason}: {stderr}");
    }
}

//! The kernel probe where this process may not have it: a clear message, and the agent goes on without or does not start.

use throughline_tests::binary::{Binary, metric};
use throughline_tests::client::{ask, get};
use throughline_tests::real::{program, skipped};
use throughline_tests::{Upstream, eventually};

use super::{File, file_of};

/// The words that take every capability from the program they start. Without `setpriv` only a user without any will do.
fn powerless(test: &str) -> Option<Vec<String>> {
    use std::os::unix::fs::MetadataExt as _;

    let Some(setpriv) = program("setpriv") else {
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        if is_root {
            skipped(test, "no setpriv, which takes capabilities away");
        }
        return (!is_root).then(|| vec!["env".to_owned()]);
    };
    let words = ["--bounding-set", "-all", "--inh-caps", "-all"].map(str::to_owned);
    let is_allowed = std::process::Command::new(&setpriv).args(&words).arg("true").output();
    let words = if is_allowed.is_ok_and(|output| output.status.success()) { words.to_vec() } else { Vec::new() };
    Some(std::iter::once(setpriv.display().to_string()).chain(words).collect())
}

fn start(wrapper: &[String], arguments: &[&str]) -> Binary {
    Binary::within(&wrapper.iter().map(String::as_str).collect::<Vec<_>>(), arguments, &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_rights_an_agent_goes_on_without_its_probe_and_says_why() {
    let Some(wrapper) = powerless("without_the_rights_an_agent_goes_on_without_its_probe_and_says_why") else { return };
    let upstream = Upstream::ok().await;
    let file = File::new(&file_of(&[("shop", upstream.addr(), "")], "export: {to: none}\nprobe: {targets: all}"));
    let mut binary = start(&wrapper, &["agent", "--config", file.path()]);
    let (proxy, admin) = (binary.proxy().await, binary.admin().await);
    eventually("a word on the probe", || binary.stderr().contains("the probe does not run").then_some(())).await;
    assert_eq!(ask(proxy, &get("/", &[])).await.status(), 200, "the proxy serves");
    assert_eq!(metric(admin, "throughline_probe_attached").await, 0);
    let ledger = ask(admin, &get("/v1/probe", &[])).await.text();
    assert!(ledger.contains("\"state\": \"refused\"") && ledger.contains("\"reason\": "), "{ledger}");
    let report = ask(admin, &get("/v1/report", &[])).await.text();
    assert!(report.contains("\"probe\": {"), "{report}");
    file.write(&file_of(&[("shop", upstream.addr(), "")], "export: {to: none}\nprobe: {targets: ['pid:1']}"));
    binary.signal("HUP");
    eventually("the file to be read again", || binary.stderr().contains("was read again").then_some(())).await;
    binary.signal("TERM");
    let finished = binary.finished().await;
    assert!(finished.status.success(), "{}", finished.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_rights_a_probe_that_has_to_run_keeps_the_agent_from_starting() {
    let test = "without_the_rights_a_probe_that_has_to_run_keeps_the_agent_from_starting";
    let Some(wrapper) = powerless(test) else { return };
    let upstream = Upstream::ok().await;
    let sections = "export: {to: none}\nprobe: {enabled: true, targets: all}";
    let file = File::new(&file_of(&[("shop", upstream.addr(), "")], sections));
    for (arguments, reason) in [
        (&["agent", "--config", file.path()][..], "enabled: true"),
        (&["agent", "--target", "all", "--admin", "127.0.0.1:0"], "nothing else to run"),
    ] {
        let finished = start(&wrapper, arguments).finished().await;
        assert_eq!(finished.status.code(), Some(4), "{reason}: {}", finished.stderr);
        assert_eq!(finished.stderr.lines().count(), 1, "{reason}: {}", finished.stderr);
        assert!(finished.stderr.starts_with("error: probe: "), "{reason}: {}", finished.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_checked_before_anything_starts() {
    for (arguments, expected, reason) in [
        (&["agent"][..], "--config <FILE>", "nothing to do"),
        (&["agent", "--target", "8080"], "write all, or KIND:VALUE", "a port, or a process?"),
        (&["agent", "--target", "port:0"], "write a port from 1 to 65535", "no port"),
    ] {
        let finished = throughline_tests::binary::run(arguments, &[]).await;
        assert_eq!(finished.status.code(), Some(2), "{reason}: {}", finished.stderr);
        assert!(finished.stderr.contains(expected), "{reason}: {}", finished.stderr);
    }
}

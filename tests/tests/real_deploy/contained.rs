//! The agent in the DaemonSet's container: it sees a gap of services outside of it; and less one capability, it says
//! which, and goes on.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use throughline_tests::binary::Binary;
use throughline_tests::live::agent::{Privilege, beside_agent, until_listening};
use throughline_tests::live::drive::{Load, drive, plan};
use throughline_tests::random::Random;
use throughline_tests::real::skipped;
use throughline_tests::wait::{DEADLINE, eventually_within};

use crate::bundle::Bundle;
use crate::rendered::rendered;

/// Attaching takes less than a second; on a busy machine, longer.
const ATTACHING: Duration = Duration::from_secs(60);
const LOAD: Load = Load { seconds: 10.0, marked: 30, noise: 10.0 };

/// The container, less one capability; `Err` with what this machine lacks.
fn container(without: Option<&str>, targets: &str) -> Result<Bundle, &'static str> {
    Bundle::of(&rendered("agent")?, without, targets)
}

/// What the agent says of its probe, once it does.
async fn said(agent: &mut Binary) -> String {
    eventually_within(ATTACHING, "the probe to attach, or the agent to say why not", || {
        let text = agent.stderr();
        let told = ["probe attached", "probe: ", "the probe does not run"];
        let line = text.lines().find(|line| told.iter().any(|words| line.contains(words)));
        let ended = line.is_none() && !agent.is_running();
        assert!(!ended, "it ended: {text}");
        line.map(str::to_owned)
    })
    .await
}

/// A service on this machine, outside of the container.
async fn service(words: &[&str]) -> (Binary, SocketAddr) {
    let mut all = vec![beside_agent("live_service")];
    all.extend(words.iter().map(|word| (*word).to_owned()));
    let mut process = Binary::of(Privilege::Own.command(&all));
    let address = until_listening(&mut process).await;
    (process, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_daemon_sets_capabilities_a_gap_is_seen() {
    let test = "with_the_daemon_sets_capabilities_a_gap_is_seen";
    let (_stock, stock) = service(&["--model", "threads"]).await;
    let calls = format!("{stock}/stock");
    let (_shop, shop) = service(&["--model", "threads", "--calls", &calls, "--context", "drop"]).await;
    let (shop_port, stock_port) = (format!("port:{}", shop.port()), format!("port:{}", stock.port()));
    let targets = format!(
        "targets: [\"{shop_port}\", \"{stock_port}\"]\n  names: [{{when: \"{shop_port}\", name: shop}}, \
         {{when: \"{stock_port}\", name: stock}}]"
    );
    let bundle = match container(None, &targets) {
        Ok(bundle) => bundle,
        Err(lacking) => return skipped(test, lacking),
    };
    let mut agent = bundle.start();
    let said = said(&mut agent).await;
    if !said.contains("probe attached") {
        assert!(std::env::var_os("THROUGHLINE_TEST_LIVE").is_none(), "{said}");
        return skipped(test, &said);
    }
    let checked = bundle.exec(&["check", "--config", "/etc/throughline/throughline.yaml", "--offline", "--no-trial"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));

    drive(shop, plan(&mut Random::for_suite(test), LOAD)).await;
    let begun = Instant::now();
    loop {
        let report = bundle.exec(&[
            "report",
            "http://127.0.0.1:9464",
            "--token-file",
            "/etc/throughline-admin/token",
            "-o",
            "json",
        ]);
        let text = String::from_utf8_lossy(&report.stdout).into_owned();
        let report: Value = serde_json::from_str(&text).unwrap_or_default();
        let hops = report["hops"].as_array().cloned().unwrap_or_default();
        if hops.iter().any(|hop| hop["service"] == "shop" && hop["peer"] == "stock" && hop["verdict"] == "breaks") {
            assert!(text.contains("G101"), "{text}");
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "no gap was reported: {text}; {}", agent.stderr());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    agent.signal("TERM");
    assert!(agent.finished().await.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_one_capability_it_is_named() {
    let test = "without_one_capability_it_is_named";
    for (without, attaches, reason) in [
        ("BPF", false, "nothing can be loaded"),
        ("PERFMON", false, "nothing can be attached"),
        ("SYS_PTRACE", true, "some names are missing"),
        ("DAC_READ_SEARCH", true, "some names are missing"),
    ] {
        let bundle = match container(Some(without), "targets: [\"pid:1\"]") {
            Ok(bundle) => bundle,
            Err(lacking) => return skipped(test, lacking),
        };
        let mut agent = bundle.start();
        let said = said(&mut agent).await;
        assert!(!attaches || said.contains("probe attached"), "{reason}: {said}");
        assert!(attaches || said.contains(&format!("CAP_{without}")), "{reason}: {said}");
        assert!(agent.is_running(), "without {without} it goes on: {}", agent.stderr());
        let checked = bundle.exec(&["check", "--offline", "--no-trial"]);
        let text = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(text.contains(&format!("CAP_{without}")) && text.contains("missing"), "{reason}: {text}");
        assert_eq!(checked.status.code(), Some(if attaches { 0 } else { 4 }), "{reason}: {text}");
        agent.signal("TERM");
        assert!(agent.finished().await.status.success(), "{reason}");
    }
}

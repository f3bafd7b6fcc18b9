//! `throughline report` as a process: recordings on disk and scripted agents in, tables, JSON and exit codes out.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

#[path = "report/agents.rs"]
mod agents;
#[path = "report/bad_input.rs"]
mod bad_input;

use std::path::{Path, PathBuf};

use serde_json::Value;
use throughline_tests::binary::{Finished, run};
use throughline_tests::recording::{Behaviour, Recording, SECOND, now};

/// Marked requests in a recording: enough for any conclusion.
const REQUESTS: u64 = 60;

/// A recording of shop -> cart and cart -> stock, the newest request a minute old.
fn shop_and_cart(shop: Behaviour, cart: Behaviour) -> String {
    let mut recording = Recording::new("agent-1");
    let begin = now() - (REQUESTS * 6 + 60) * SECOND;
    for number in 0..REQUESTS {
        recording.hop("shop", "cart", begin + number * 6 * SECOND, shop, "v1");
        recording.hop("cart", "stock", begin + (number * 6 + 3) * SECOND, cart, "v1");
    }
    recording.text().to_owned()
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the folder is writable");
    path
}

async fn report(args: &[&str]) -> Finished {
    run(&[&["report"], args].concat(), &[]).await
}

async fn json(args: &[&str]) -> (Option<i32>, Value) {
    let finished = report(&[args, &["-o", "json"]].concat()).await;
    let value = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    (finished.status.code(), value)
}

/// `service -> peer: verdict` and the codes of the findings, in the report's order.
fn verdicts(hops: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let hops = hops.as_array().expect("a list of hops");
    hops.iter()
        .map(|hop| {
            let findings = hop["findings"].as_array().expect("a list of findings");
            let codes: Vec<String> = findings
                .iter()
                .map(|found| format!(" {} {}", text(&found["code"]), text(&found["confidence"])))
                .collect();
            format!("{} -> {}: {}{}", text(&hop["service"]), text(&hop["peer"]), text(&hop["verdict"]), codes.concat())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_mark_is_named_with_its_fix() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = write(folder.path(), "a.ndjson", &shop_and_cart(Behaviour::Forwards, Behaviour::LosesMark));
    let recording = recording.to_str().expect("a path");
    let finished = report(&[recording]).await;
    assert_eq!(finished.status.code(), Some(0), "findings fail nothing unless asked: {finished:?}");
    assert_eq!(finished.stderr, "", "a whole recording gives no message");
    let page = &finished.stdout;
    for expected in [
        "\nErrors\n",
        "G103  cart -> stock  GET /stock/{}  60 of 60",
        "confirmed\n      mark lost; seen ",
        "fix: in cart, pass tracestate on beside traceparent",
        "\nForwards: traces that arrived whole, of those judged\n  shop -> cart  GET /cart/{}  60 of 60\n",
        "2 of 2 judged",
        "throughline explain G103",
    ] {
        assert!(page.contains(expected), "{expected:?} is missing in:\n{page}");
    }
    assert!(page.lines().all(|line| line.chars().count() <= 80), "80 columns without a terminal:\n{page}");
    assert!(!page.contains('\x1b'), "no colours without a terminal");
    let (code, value) = json(&[recording]).await;
    assert_eq!((code, &value["schema"], &value["version"]), (Some(0), &"throughline.report".into(), &1.into()));
    assert_eq!(verdicts(&value["hops"])[0], "cart -> stock: breaks G103 confirmed");
    assert!(verdicts(&value["hops"])[1].starts_with("shop -> cart: forwards"), "{:?}", verdicts(&value["hops"]));
    let evidence = report(&[recording, "--evidence"]).await.stdout;
    assert!(evidence.contains("        in   00-") && evidence.contains("             checkly=true\n"), "{evidence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_follow_what_was_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let broken = write(folder.path(), "broken", &shop_and_cart(Behaviour::Forwards, Behaviour::LosesMark));
    let whole = write(folder.path(), "whole", &shop_and_cart(Behaviour::Forwards, Behaviour::Forwards));
    let silent = write(folder.path(), "silent", Recording::new("agent-1").text());
    let list = |name: &str, text: &str| write(folder.path(), name, text).to_str().expect("a path").to_owned();
    let met = list("met.yaml", "# what we rely on\n- shop -> cart\n");
    let both = list("both.json", "[\"shop -> cart\", \"cart -> stock GET /stock/{}\"]");
    let never = list("never.yaml", "- shop -> billing\n");
    let [broken, whole, silent] = [&broken, &whole, &silent].map(|path| path.to_str().expect("a path"));
    let rows: &[(&[&str], i32, &str, &str)] = &[
        (&[whole, "--fail-on", "error", "--expect", &both], 0, "met       shop -> cart", "all is well"),
        (&[broken, "--fail-on", "error"], 1, "1 finding of severity error", "a confirmed error"),
        (&[broken, "--fail-on", "error", "--suppress", "G103"], 0, "--suppress G103 hides 1 finding", "known"),
        (&[broken, "--fail-on", "error", "--suppress", "G103=shop"], 1, "hides nothing", "known elsewhere"),
        (&[broken, "--fail-on", "error", "--service", "shop"], 0, "1 of 1 judged", "another hop was asked for"),
        (&[broken, "--expect", &met], 0, "met       shop -> cart", "an expected hop forwards"),
        (&[broken, "--expect", &both], 1, "is broken", "an expected hop is broken"),
        (&[whole, "--expect", &never], 3, "unjudged  shop -> billing", "an expected hop was never seen"),
        (&[broken, "--fail-on", "error", "--expect", &never], 1, "was not judged", "1 wins over 3, and both are named"),
        (&[silent], 3, "no hop was judged", "no traffic is never a green build"),
        (&[silent, "--fail-on", "error", "--expect", &met], 3, "no such call was seen", "not even with expectations"),
        (&[whole, "--since", "1s"], 3, "nothing was observed", "what is older is left out"),
        (&[whole, "--since", "1h"], 0, "2 of 2 judged", "and what is newer is not"),
    ];
    for (args, code, said, reason) in rows {
        let finished = report(args).await;
        assert_eq!(finished.status.code(), Some(*code), "{reason}: {finished:?}");
        assert!(finished.stdout.contains(said), "{reason}: {said:?} is missing in:\n{}", finished.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_context_is_likely_from_traffic_as_it_came() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = write(folder.path(), "a.ndjson", &shop_and_cart(Behaviour::Drops, Behaviour::Forwards));
    let (_, value) = json(&[recording.to_str().expect("a path")]).await;
    let hop = &verdicts(&value["hops"])[0];
    assert!(hop.starts_with("shop -> cart: breaks G101 likely"), "{hop}");
    assert_eq!(value["next"][1]["command"], "throughline test URL", "and the way to be sure is named");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_service_turns_green_and_keeps_its_history() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut recording = Recording::new("agent-1");
    let begin = now() - (REQUESTS * 8 + 60) * SECOND;
    for number in 0..REQUESTS {
        recording.hop("shop", "cart", begin + number * 4 * SECOND, Behaviour::LosesMark, "v1");
    }
    for number in REQUESTS..REQUESTS * 2 {
        recording.hop("shop", "cart", begin + number * 4 * SECOND, Behaviour::Forwards, "v2");
    }
    let recording = write(folder.path(), "a.ndjson", recording.text());
    let recording = recording.to_str().expect("a path");
    let (code, value) = json(&[recording, "--fail-on", "error"]).await;
    assert_eq!(code, Some(0), "{value:#}");
    assert!(verdicts(&value["hops"])[0].starts_with("shop -> cart: forwards"), "{:?}", verdicts(&value["hops"]));
    assert_eq!(verdicts(&value["history"]), ["shop -> cart: breaks G103 confirmed"]);
    assert_eq!((&value["hops"][0]["epoch"], &value["history"][0]["epoch"]), (&"v2".into(), &"v1".into()));
    let page = report(&[recording]).await.stdout;
    assert!(
        page.contains("History, before the last restart\n  shop -> cart GET /cart/{}  broke: G103, until "),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn several_recordings_are_one_report() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = shop_and_cart(Behaviour::Forwards, Behaviour::LosesMark);
    let lines: Vec<&str> = whole.lines().collect();
    let at = |service: &str| {
        let own = lines.iter().filter(|line| line.contains(&format!("\"service\":\"{service}\",\"source\"")));
        [vec![lines[0]], own.copied().collect(), vec![""]].concat().join("\n")
    };
    let paths = ["shop", "cart", "stock"].map(|service| write(folder.path(), service, &at(service)));
    let [shop, cart, stock] = paths.each_ref().map(|path| path.to_str().expect("a path"));
    let (code, apart) = json(&[stock, shop, cart]).await;
    let whole = write(folder.path(), "whole", &whole);
    let (_, together) = json(&[whole.to_str().expect("a path")]).await;
    assert_eq!(code, Some(0));
    assert_eq!(apart["hops"], together["hops"], "merged by time, in whatever order they are named");
    assert_eq!(apart["sources"].as_array().map(Vec::len), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn formats_go_where_they_are_sent() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = write(folder.path(), "a.ndjson", &shop_and_cart(Behaviour::Forwards, Behaviour::Forwards));
    let recording = recording.to_str().expect("a path");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (a, b) = (format!("json={}", file("a.json")), format!("table={}", file("b.txt")));
    let finished = report(&[recording, "-o", "table", "-o", &a, "-o", &b]).await;
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    assert_eq!(read("b.txt"), finished.stdout, "the same table");
    let value: Value = serde_json::from_str(&read("a.json")).expect("JSON");
    assert_eq!(value["totals"]["forwards"], 2);
    let names: Vec<_> =
        folder.path().read_dir().expect("a folder").map(|entry| entry.expect("a file").file_name()).collect();
    assert_eq!(names.len(), 3, "nothing is left beside them: {names:?}");
}

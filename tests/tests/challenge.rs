//! `throughline test` as a process: a page that is really requested, and scripted agents that say where the requests
//! arrived and what they caused.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use throughline_tests::binary::{Binary, Finished};
use throughline_tests::recording::{Behaviour, MILLISECOND, Recording, now};
use throughline_tests::upstream::nobody;
use throughline_tests::{Answer, Upstream};

/// Pairs: enough to be sure.
const REQUESTS: &str = "14";

/// A test sends nothing for ten seconds, then a request or none every few hundred milliseconds.
const LONGEST: Duration = Duration::from_secs(90);

/// When a request arrived at the page, and its `traceparent`.
type Log = Arc<Mutex<Vec<(u64, String)>>>;

/// A page, and what arrived there.
async fn page() -> (Upstream, Log) {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let page = Upstream::start(move |head| {
        let text = String::from_utf8_lossy(&head.0).into_owned();
        let value =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).map(str::to_owned);
        assert_eq!(value("tracestate").as_deref(), Some("checkly=true"), "every request is marked: {text}");
        seen.lock().expect("no poison").push((now(), value("traceparent").expect("a traceparent")));
        Answer::ok()
    })
    .await;
    (page, log)
}

/// An agent whose proxies stand before the page, called shop, and before cart, which shop calls. Something else calls
/// cart too, all the time.
async fn agent(log: Log, behaviour: Behaviour) -> Upstream {
    Upstream::start(move |head| {
        if !head.word(1).starts_with("/v1/observations?since=") {
            return Answer::text(404, "not found\n");
        }
        let mut recording = Recording::new("agent-1");
        let arrived = log.lock().expect("no poison").clone();
        for (at, traceparent) in &arrived {
            recording.marked("shop", "cart", *at, traceparent, behaviour, "v1");
        }
        let poller = json!({"peer": {"service": "poller", "resolved": "socket"}});
        let (first, last) = (arrived.first().map_or(0, |(at, _)| *at), arrived.last().map_or(0, |(at, _)| *at));
        let polls = (first..last).step_by(100 * MILLISECOND as usize);
        polls.for_each(|at| recording.arrival("cart", at, None, &poller));
        Answer::text(200, recording.text())
    })
    .await
}

async fn test(page: &str, agents: &[&str], more: &[&str]) -> Finished {
    let flags: Vec<&str> = agents.iter().flat_map(|agent| ["--agent", agent]).collect();
    let args = [&["test", page, "--requests", REQUESTS], &flags[..], more].concat();
    Binary::start(&args).finished_within(LONGEST).await
}

/// Standard output with its lines joined: sentences wrap anywhere.
fn words(finished: &Finished) -> String {
    finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn url(upstream: &Upstream) -> String {
    format!("http://{}", upstream.addr())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_context_is_confirmed() {
    let (page, log) = page().await;
    let agent = agent(Arc::clone(&log), Behaviour::Drops).await;
    let finished = test(&format!("{}/checkout/1", url(&page)), &[&url(&agent)], &[]).await;
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    for expected in [
        "14 marked requests, ",
        "; 14 answered 200",
        "shop                          14 of 14 traces arrived",
        "  breaks      -> cart  GET /cart/{}",
        "G101 context lost: ",
        "confirmed by challenge",
        "fix: in shop, copy traceparent and tracestate",
        "cart                          0 of 14 traces arrived",
        "throughline explain G101",
    ] {
        assert!(finished.stdout.contains(expected), "{expected:?} is missing in:\n{}", finished.stdout);
    }
    assert_eq!(finished.stderr, "", "no progress without a terminal");
    let traces: std::collections::BTreeSet<String> =
        log.lock().expect("no poison").iter().map(|(_, line)| line[3..35].to_owned()).collect();
    assert_eq!(traces.len(), 20, "six to measure with, and fourteen of their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_mark_is_confirmed_and_a_whole_path_is_a_success() {
    let run = async |behaviour| {
        let (page, log) = page().await;
        let agent = agent(log, behaviour).await;
        test(&url(&page), &[&url(&agent)], &["-o", "json"]).await
    };
    let (lost, whole) = tokio::join!(run(Behaviour::LosesMark), run(Behaviour::Forwards));
    for (finished, code, verdict, arrived) in [(lost, 1, "breaks", 14), (whole, 0, "forwards", 14)] {
        assert_eq!(finished.status.code(), Some(code), "{finished:?}");
        let value: Value = serde_json::from_str(&finished.stdout).expect("JSON");
        assert_eq!((&value["schema"], &value["exit"]["code"]), (&"throughline.test".into(), &code.into()));
        let services = value["services"].as_array().expect("a list");
        assert_eq!((&services[0]["service"], &services[1]["service"]), (&"shop".into(), &"cart".into()));
        assert_eq!((&services[0]["calls"][0]["verdict"], &services[1]["arrived"]), (&verdict.into(), &arrived.into()));
        assert_eq!(value["sent"]["statuses"]["200"], 14);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_are_missing_or_saw_nothing_are_no_success() {
    let (page, log) = page().await;
    let behind = agent(log, Behaviour::Forwards).await;
    let gone = format!("http://{}", nobody());
    let elsewhere = Upstream::start(|_| Answer::text(200, Recording::new("agent-2").text())).await;
    let (target, behind, elsewhere) = (url(&page), url(&behind), url(&elsewhere));
    let (other_page, _) = self::page().await;
    let other_target = url(&other_page);
    let (both, missing, wrong) = ([behind.as_str(), &gone], [gone.as_str()], [elsewhere.as_str()]);
    let (partial, all_gone, unseen) =
        tokio::join!(test(&target, &both, &[]), test(&other_target, &missing, &[]), test(&other_target, &wrong, &[]));
    assert_eq!(partial.status.code(), Some(3), "{partial:?}");
    assert!(partial.stdout.contains("Missing\n") && partial.stdout.contains("forwards    -> cart"), "{partial:?}");
    assert!(partial.stderr.starts_with(&format!("warning: {gone}: unreachable")), "{partial:?}");

    assert_eq!(all_gone.status.code(), Some(3), "{all_gone:?}");
    assert!(words(&all_gone).contains(&format!("curl -s {gone}/readyz")), "{all_gone:?}");
    assert!(!words(&all_gone).contains("no agent saw"), "who was not asked saw nothing: {all_gone:?}");
    assert_eq!(unseen.status.code(), Some(3), "{unseen:?}");
    for expected in ["no agent saw any of the traces", "the agents saw no request at all", "--agent URL"] {
        assert!(words(&unseen).contains(expected), "{expected:?} is missing in:\n{}", unseen.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_there_ends_the_test_at_once() {
    let (_, log) = page().await;
    let agent = agent(log, Behaviour::Forwards).await;
    let finished = test(&format!("http://{}/x?secret=1", nobody()), &[&url(&agent)], &[]).await;
    assert_eq!(finished.status.code(), Some(3), "{finished:?}");
    assert!(words(&finished).contains("no request was answered: connection refused"), "{finished:?}");
    assert!(!finished.stdout.contains("secret"), "queries may hold what is not to be shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_methods_are_sent_as_asked() {
    let page = Upstream::ok().await;
    let agent = agent(Log::default(), Behaviour::Forwards).await;
    let more = ["--method", "HEAD", "--header", "cookie=session=1", "--header", "x-a=b", "--requests", "1"];
    let (target, asked) = (url(&page), url(&agent));
    let args = [&["test", &target, "--agent", &asked][..], &more].concat();
    let finished = Binary::start(&args).finished_within(LONGEST).await;
    assert_eq!(finished.status.code(), Some(3), "one request proves nothing: {finished:?}");
    assert!(finished.stdout.contains("fewer than 10"), "{finished:?}");
    let head = String::from_utf8_lossy(&page.last().await.head.0).into_owned();
    assert!(head.starts_with("HEAD / HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("cookie: session=1\r\n") && head.contains("x-a: b\r\n"), "{head}");
}

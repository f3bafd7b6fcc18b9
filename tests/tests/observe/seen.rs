//! Each kind of request, read back from the recording.

use std::time::{Duration, SystemTime};

use throughline::gap::observation::{Completeness, Direction, Observation, Resolved, SourceKind};
use throughline::trace::marker::Mark;
use throughline::trace::traceparent::TraceparentError;
use throughline_tests::agent::sum;
use throughline_tests::client::{get, head};
use throughline_tests::context::Traceparent;
use throughline_tests::{Agent, Answer, Client, Upstream, ask};

use super::{of_route, recorded, to};

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos() as u64
}

/// One request a row, on a connection of its own, and what was observed of them.
async fn observe(requests: Vec<Vec<u8>>, trust: &[&str]) -> Vec<Observation> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let upstream = Upstream::start(|head| match head.path().as_str() {
        "/slow" => Answer::after(Duration::from_millis(120), Answer::ok()),
        "/missing" => Answer::text(404, "no such thing"),
        _ => Answer::ok(),
    });
    let upstream = upstream.await;
    let agent = Agent::without_export(upstream.addr(), |config| {
        config.observe = to(&path);
        config.proxies[0].trust = trust.iter().map(|net| net.parse().expect("a range")).collect();
    });
    let agent = agent.await;
    let count = requests.len();
    for request in requests {
        ask(agent.addr(), &request).await;
    }
    let samples = agent.stop_counted().await;
    assert_eq!(sum(&samples, "throughline_observations", &[]), count as u64);
    assert_eq!(sum(&samples, "throughline_requests", &[]), count as u64);
    assert_eq!(sum(&samples, "throughline_recording_written", &[]), count as u64);
    recorded(&path)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_one_observation() {
    let (marked, valid) = (Traceparent::fresh(1), Traceparent::fresh(0));
    let (marked, valid) = (marked.to_string(), valid.to_string());
    let upper = valid.to_uppercase();
    let later = valid.replacen("00-", "01-", 1);
    let before = now();
    let requests = vec![
        get("/marked/42?secret=1", &[("traceparent", &marked), ("tracestate", "a=b"), ("tracestate", "checkly=true")]),
        get("/valid/42", &[("traceparent", &valid)]),
        get("/valid-with-state", &[("traceparent", &valid), ("tracestate", "a=b")]),
        get("/later", &[("traceparent", &later)]),
        get("/none", &[]),
        get("/state-alone", &[("tracestate", "checkly=true")]),
        get("/upper", &[("traceparent", &upper), ("tracestate", "checkly=true")]),
        get("/twice", &[("traceparent", &valid), ("traceparent", &valid)]),
        get("/nominated", &[("traceparent", &valid), ("Connection", "traceparent")]),
        head("PROPFIND", "/odd", &[]),
        head("POST", "/missing", &[("Content-Length", "0")]),
        get("/slow", &[]),
        get("/monitor", &[("User-Agent", "Mozilla/5.0 checkly-probe")]),
        get("/relayed", &[("Via", "1.1 cdn")]),
        get("/forwarded", &[("X-Forwarded-For", "192.0.2.1")]),
    ];
    let count = requests.len();
    let seen = observe(requests, &[]).await;
    let after = now();
    assert_eq!(seen.len(), count);
    let mut numbers: Vec<u64> = seen.iter().map(|seen| seen.origin.sequence).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..count as u64).collect::<Vec<_>>(), "numbered without a gap");
    assert!(seen.is_sorted_by_key(|seen| seen.start), "one after the other");
    for one in &seen {
        let end = one.end.expect("it is over");
        assert!(before <= one.start && one.start < end && end <= after, "by the wall clock");
        assert_eq!((one.direction, &*one.service, one.origin.kind), (Direction::In, "shop", SourceKind::Proxy));
        assert_eq!(one.completeness, Completeness::Whole);
        assert!(one.peer.address.is_some_and(|address| address.ip().is_loopback() && address.port() > 0));
        assert_eq!(one.synthetic, &*one.route == "/monitor", "{}", one.route);
        let relayed = ["/relayed", "/forwarded"].contains(&&*one.route);
        assert_eq!(
            one.peer.resolved,
            if relayed { Resolved::Intermediary } else { Resolved::Unknown },
            "{}",
            one.route
        );
    }
    let lines = |route: &str| {
        let context = &of_route(&seen, route).context;
        let texts = |lines: &[std::sync::Arc<str>]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
        (texts(&context.traceparent), texts(&context.tracestate), context.mark.0, context.problem)
    };
    let none = Vec::<String>::new;
    let state = vec!["checkly=true".to_owned()];
    let two = vec!["a=b".to_owned(), "checkly=true".to_owned()];
    assert_eq!(lines("/marked/{}"), (vec![marked.clone()], two, Mark::Other, None));
    assert_eq!(lines("/valid/{}"), (vec![valid.clone()], none(), Mark::None, None));
    assert_eq!(lines("/valid-with-state"), (vec![valid.clone()], none(), Mark::None, None));
    assert_eq!(lines("/later"), (vec![later], none(), Mark::None, None));
    assert_eq!(lines("/none"), (none(), none(), Mark::None, None));
    assert_eq!(lines("/state-alone"), (none(), none(), Mark::None, None));
    assert_eq!(lines("/upper"), (vec![upper], state, Mark::None, Some(TraceparentError::UpperCase)));
    let several = Some(TraceparentError::SeveralLines);
    assert_eq!(lines("/twice"), (vec![valid.clone(), valid], none(), Mark::None, several));
    assert_eq!(lines("/nominated"), (none(), none(), Mark::None, None));
    let state_of = |route: &str| {
        let context = &of_route(&seen, route).context;
        (context.has_tracestate, context.tracestate_kept)
    };
    assert_eq!(state_of("/marked/{}"), (true, true));
    assert_eq!(state_of("/valid-with-state"), (true, false), "it came, and a note has no room for it");
    assert_eq!(state_of("/none"), (false, true));
    let status = |route: &str| (of_route(&seen, route).method.to_string(), of_route(&seen, route).status);
    assert_eq!(status("/odd"), ("PROPFIND".to_owned(), Some(200)));
    assert_eq!(status("/missing"), ("POST".to_owned(), Some(404)));
    let slow = of_route(&seen, "/slow");
    assert!(slow.end.expect("an end") - slow.start >= 120_000_000, "how long it took");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_from_elsewhere_is_not_trusted_and_a_trusted_source_is_a_monitor() {
    let context = Traceparent::fresh(1).to_string();
    let marked = || get("/", &[("traceparent", &context), ("tracestate", "checkly=true")]);
    let seen = observe(vec![marked()], &["192.0.2.0/24"]).await;
    assert_eq!((seen[0].context.mark.0, seen[0].synthetic), (Mark::Untrusted, false));
    assert_eq!(seen[0].context.traceparent.len(), 1, "and known by its ids");
    let seen = observe(vec![marked(), get("/unmarked", &[])], &["127.0.0.0/8"]).await;
    assert_eq!((seen[0].context.mark.0, seen[0].synthetic), (Mark::Trusted, true));
    assert_eq!((seen[1].context.mark.0, seen[1].synthetic), (Mark::None, true), "a monitor's request without a mark");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_connection_are_known_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let upstream = Upstream::ok().await;
    let agent = Agent::without_export(upstream.addr(), |config| config.observe = to(&path)).await;
    let mut client = Client::connect(agent.addr()).await;
    for path in ["/a", "/b"] {
        let request = get(path, &[]);
        client.send(&request).await;
        client.answer_to(&request).await;
    }
    ask(agent.addr(), &get("/c", &[])).await;
    agent.stop().await;
    let seen = recorded(&path);
    let connection = |route: &str| of_route(&seen, route).connection.expect("a connection");
    assert!(connection("/a") == connection("/b") && connection("/b") != connection("/c"));
    assert_eq!(of_route(&seen, "/a").peer.address, of_route(&seen, "/b").peer.address);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_cut_off_or_fails_is_observed_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let upstream = Upstream::start(|_| Answer::after(Duration::from_secs(60), Answer::ok())).await;
    let agent = Agent::without_export(upstream.addr(), |config| {
        config.observe = to(&path);
        config.stop.drain = Duration::from_millis(50);
    });
    let agent = agent.await;
    let mut client = Client::connect(agent.addr()).await;
    client.send(&get("/cut", &[])).await;
    upstream.requests_for("/cut", 1).await;
    let samples = agent.stop_counted().await;
    assert_eq!(sum(&samples, "throughline_observations", &[]), 1);
    let seen = recorded(&path);
    assert_eq!((&*seen[0].route, seen[0].status), ("/cut", None), "nothing was answered");
    let second = folder.path().join("second");
    let agent = Agent::without_export(throughline_tests::upstream::nobody(), |config| config.observe = to(&second));
    let agent = agent.await;
    assert_eq!(ask(agent.addr(), &get("/failed", &[])).await.status(), 502);
    agent.stop().await;
    assert_eq!(recorded(&second)[0].status, Some(502));
}

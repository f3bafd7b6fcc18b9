//! Volume and hostility: page loads, forged floods, large bodies, slow clients, loops, and the emergency switch.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "limits/loops.rs"]
mod loops;
#[path = "limits/memory.rs"]
mod memory;
#[path = "limits/switch.rs"]
mod switch;

use std::time::{Duration, Instant};

use throughline::trace::admission::AdmissionConfig;
use throughline_tests::client::get;
use throughline_tests::context::{MARK, Traceparent, marked_get};
use throughline_tests::load::Load;
use throughline_tests::{Answer, Client, Scene, Upstream, ask};

#[tokio::test(flavor = "multi_thread")]
async fn page_loads_are_recorded_without_holes() {
    let scene = default_scene().await;
    let loads: Vec<_> = (0..5)
        .map(|_| {
            let context = Traceparent::fresh(1);
            let load = Load::bounded(6, 60, {
                let context = context.clone();
                move |n| marked_get(&format!("/asset/{n}"), &context)
            });
            let addr = scene.agent.addr();
            (context, tokio::spawn(async move { load.run(addr).await }))
        })
        .collect();
    for (context, load) in loads {
        load.await.expect("the load ends").assert_all_ok(60);
        let spans = throughline_tests::eventually("a whole page load", || {
            Some(scene.collector.trace(&context.trace_id)).filter(|spans| spans.len() >= 120)
        })
        .await;
        assert_eq!(spans.len(), 120, "a SERVER and an attempt span for each of 60 requests");
        let servers: Vec<_> = spans.iter().filter(|span| span.is_server()).collect();
        assert!(servers.iter().all(|span| span.parent() == context.parent_id), "all under the page's span");
        assert_eq!(servers.len(), 60);
    }
    scene.finish(600).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_flood_stays_within_admission_and_harms_nobody() {
    let scene = default_scene().await;
    let known = Traceparent::fresh(1);
    ask(scene.agent.addr(), &marked_get("/known", &known)).await;

    let began = Instant::now();
    let addr = scene.agent.addr();
    let flood = Load::bounded(8, 5000, |_| marked_get("/flood", &Traceparent::fresh(1)));
    let flood = tokio::spawn(async move { flood.run(addr).await });
    let mut slowest = Duration::ZERO;
    let mut client = Client::connect(addr).await;
    for number in 0..50 {
        let request = if number % 2 == 0 { get("/unmarked", &[]) } else { marked_get("/known", &known) };
        let sent = Instant::now();
        client.send(&request).await;
        assert_eq!(client.answer().await.status(), 200, "a request beside the flood");
        slowest = slowest.max(sent.elapsed());
    }
    flood.await.expect("the flood ends").assert_all_ok(5000);
    let seconds = began.elapsed().as_secs_f64();
    assert!(slowest < Duration::from_secs(1), "a request beside the flood took {slowest:?}");

    let limits = AdmissionConfig::default();
    let ledger = scene.agent.settled().await;
    let flooded = ledger.started / 2 - 26;
    let most = f64::from(limits.burst) + limits.rate * seconds + 1.0;
    assert!(flooded as f64 <= most, "{flooded} new traces recorded in {seconds:.1} s, at most {most:.0} admitted");
    assert_eq!(scene.collector.trace(&known.trace_id).len(), 52, "an admitted trace stays whole");
    assert_eq!(scene.agent.count("throughline_admissions", &[("outcome", "over_rate")]), 5000 - flooded);
    let forwarded = scene.upstream.seen().iter().filter(|seen| seen.head.value("tracestate") == MARK).count();
    assert_eq!(forwarded, 5026, "what is not recorded is forwarded with its mark");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_has_at_most_so_many_requests() {
    let limits = AdmissionConfig { per_trace: 30, ..AdmissionConfig::default() };
    let scene = Scene::with(|config| config.proxies[0].admission = Some(limits)).await;
    let context = Traceparent::fresh(1);
    let load = Load::bounded(4, 100, move |_| marked_get("/", &context));
    load.run(scene.agent.addr()).await.assert_all_ok(100);
    assert_eq!(scene.agent.count("throughline_admissions", &[("outcome", "over_trace")]), 70);
    scene.finish(60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_hold_nobody_up() {
    let scene = Scene::before(Upstream::start(|_| Answer::Echo).await, |_| ()).await;
    let addr = scene.agent.addr();
    let slow: Vec<_> = (0..100)
        .map(|number| {
            tokio::spawn(async move {
                let mut client = Client::connect(addr).await;
                let request = [get("/slow", &[("Content-Length", "5")]), b"hello".to_vec()].concat();
                client.drip(&request, Duration::from_millis(10 + number % 5)).await.expect("the connection stands");
                client.answer().await.text()
            })
        })
        .collect();
    for number in 0..100 {
        let began = Instant::now();
        assert_eq!(ask(addr, &get("/fast", &[])).await.status(), 200);
        assert!(began.elapsed() < Duration::from_secs(1), "request {number} waited {:?}", began.elapsed());
    }
    for client in slow {
        assert_eq!(client.await.expect("the client ends"), "hello", "a slow client is served");
    }
}

/// With the default admission.
async fn default_scene() -> Scene {
    Scene::with(|config| config.proxies[0].admission = Some(AdmissionConfig::default())).await
}

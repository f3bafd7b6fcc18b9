//! Where spans could not be exported, the context is forwarded untouched: a parent-id that no span bears is an orphan.

use std::time::{Duration, Instant};

use throughline::config::export::ExportTarget;
use throughline::trace::admission::AdmissionConfig;
use throughline_tests::scene::CONTEXT_FIELDS;
use throughline_tests::{DEADLINE, Expect, Reply, Scene};

use super::{Line, lines};

const MARKED: &[Line<'static>] = &[("traceparent", b"00-TRACE-SPAN-00"), ("tracestate", b"checkly=true")];

#[tokio::test(flavor = "multi_thread")]
async fn marked_requests_are_forwarded_where_nothing_is_exported() {
    let scene = Scene::with(|config| config.export.target = ExportTarget::None).await;
    for number in 0..3 {
        scene.judge("export is off", &format!("/off/{number}"), &lines(MARKED), Expect::Forward).await;
    }
    assert_eq!(scene.agent.count("throughline_requests_without_room", &[("reason", "export_off")]), 3);
    scene.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marked_requests_are_forwarded_while_the_circuit_is_open_and_continued_when_it_closes() {
    let scene = Scene::with(|config| {
        config.export.queue.timeout = Duration::from_millis(100);
        if let ExportTarget::Otlp(otlp) = &mut config.export.target {
            otlp.timeout = Duration::from_millis(50);
        }
    })
    .await;
    scene.collector.reply(Reply::Fail(503));
    let without_room = || scene.agent.count("throughline_requests_without_room", &[("reason", "circuit_open")]);
    send_until(&scene, "the circuit to open", |_, _| without_room() > 0).await;
    scene.judge("the circuit is open", "/open", &lines(MARKED), Expect::Forward).await;
    scene.collector.reply(Reply::Accept);
    send_until(&scene, "the circuit to close", |sent, arrived| sent != arrived).await;
    let ledger = scene.agent.settled().await;
    assert_eq!(ledger.exported as usize, scene.collector.distinct(), "exported = distinct spans acknowledged");
    assert!(ledger.orphaned > 0 && ledger.orphaned <= ledger.dropped, "continued and lost is orphaned: {ledger:?}");
    scene.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marked_requests_are_forwarded_while_the_queue_is_full() {
    let scene = Scene::with(|config| {
        config.export.queue.capacity = 12;
        // Batches under way have left the queue; here none leaves.
        config.export.queue.delay = Duration::from_secs(600);
    })
    .await;
    scene.collector.reply(Reply::Hang);
    for number in 0..12 {
        let path = format!("/full/{number}");
        let (sent, arrived, answer) = scene.get(&path, &lines(MARKED)).await;
        assert_eq!(answer.status(), 200, "a full queue fails no request");
        let continued = arrived.head.lines_of("traceparent") != sent.lines_of("traceparent");
        assert!(!continued || number < 6, "request {number} has no place for its two spans");
        for field in CONTEXT_FIELDS.iter().skip(1) {
            assert_eq!(arrived.head.lines_of(field), sent.lines_of(field), "{field} is never changed");
        }
    }
    assert!(scene.agent.count("throughline_requests_without_room", &[("reason", "queue_full")]) >= 6);
    let ledger = scene.agent.ledger();
    ledger.assert_adds_up();
    assert!(ledger.in_flight <= 12, "the queue is bounded: {ledger:?}");
    scene.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marked_requests_of_traces_that_are_not_admitted_are_forwarded() {
    let admission = AdmissionConfig { rate: 0.0001, burst: 2, ..AdmissionConfig::default() };
    let scene = Scene::with(|config| config.proxies[0].admission = Some(admission)).await;
    let (first, second) = (lines(MARKED), lines(MARKED));
    scene.judge("first of the burst", "/1", &first, Expect::Continue(1)).await;
    scene.judge("second of the burst", "/2", &second, Expect::Continue(1)).await;
    scene.judge("a third new trace", "/3", &lines(MARKED), Expect::Forward).await;
    for number in 0..5 {
        let (_, arrived, _) = scene.get(&format!("/again/{number}"), &first).await;
        assert_ne!(arrived.head.value("traceparent").as_bytes(), first[0].1, "an admitted trace stays admitted");
    }
    assert_eq!(scene.agent.count("throughline_admissions", &[("outcome", "over_rate")]), 1);
    assert_eq!(scene.agent.count("throughline_admissions", &[("outcome", "known")]), 5);
    scene.finish(14).await;
}

/// Sends marked requests until `done`, which sees the `traceparent` as sent and as it arrived.
async fn send_until(scene: &Scene, what: &str, done: impl Fn(&str, &str) -> bool) {
    let end = Instant::now() + DEADLINE;
    for number in 0.. {
        let path = format!("/{}/{number}", what.replace(' ', "-"));
        let (sent, arrived, answer) = scene.get(&path, &lines(MARKED)).await;
        assert_eq!(answer.status(), 200, "waiting for {what}");
        if done(&sent.value("traceparent"), &arrived.head.value("traceparent")) {
            return;
        }
        assert!(Instant::now() < end, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

//! What a stop does to each kind of connection: answering, idle, upgraded.

use std::time::{Duration, Instant};

use throughline_tests::client::{get, head};
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::{Answer, Client, Scene, Upstream, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn answers_during_the_drain_say_that_the_connection_closes() {
    let upstream = Upstream::start(|_| Answer::after(Duration::from_millis(700), Answer::ok())).await;
    let Scene { upstream, agent, collector } = Scene::before(upstream, |_| ()).await;
    let addr = agent.addr();
    let context = Traceparent::fresh(1);
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(addr).await;
        client.send(&marked_get("/", &context)).await;
        clients.push(client);
    }
    upstream_has(&upstream, 3).await;
    let stopping = tokio::spawn(agent.stop());
    for mut client in clients {
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"));
        assert!(answer.closes(), "an answer after the signal advises to close: {:?}", answer.head);
        assert!(client.is_closed().await, "and the connection is closed");
    }
    let ledger = stopping.await.expect("the agent stops");
    assert_eq!((ledger.started, ledger.exported), (6, 6), "{ledger:?}");
    assert_eq!(collector.distinct(), 6, "no span is lost");
    assert!(Client::try_connect(addr).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_do_not_hold_a_stop_up() {
    let scene = Scene::with(|config| config.stop.drain = Duration::from_secs(60)).await;
    let mut clients = Vec::new();
    for number in 0..20 {
        let mut client = Client::connect(scene.agent.addr()).await;
        // Half of them have never said anything.
        if number % 2 == 0 {
            client.send(&get("/", &[])).await;
            assert!(!client.answer().await.closes(), "kept alive before the stop");
        }
        clients.push(client);
    }
    let open = || (scene.agent.count("throughline_connections_open", &[]) == 20).then_some(());
    eventually("the proxy to have all connections", open).await;
    let began = Instant::now();
    scene.agent.stop().await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "an idle connection has about one second, not the drain time: {took:?}");
    for mut client in clients {
        assert!(client.is_closed().await, "closed, and nothing was said before");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgraded_connection_is_cut_when_the_drain_time_runs_out() {
    let upstream = Upstream::start(|_| Answer::Tunnel("websocket")).await;
    let drain = Duration::from_millis(1500);
    let Scene { upstream: _upstream, agent, .. } = Scene::before(upstream, |config| config.stop.drain = drain).await;
    let mut client = Client::connect(agent.addr()).await;
    client.send(&head("GET", "/socket", &[("Connection", "Upgrade"), ("Upgrade", "websocket")])).await;
    assert_eq!(client.answer().await.status(), 101);
    let began = Instant::now();
    let stopping = tokio::spawn(agent.stop());
    let mut echoes = 0;
    while client.try_send(b"ping").await.is_ok() {
        match client.some().await {
            Ok(bytes) if !bytes.is_empty() => echoes += 1,
            _ => break,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let cut = began.elapsed();
    stopping.await.expect("the agent stops");
    assert!(echoes > 2 && cut >= drain - Duration::from_millis(200), "{echoes} echoes, cut after {cut:?}");
    assert!(began.elapsed() < drain + Duration::from_secs(10), "the stop is bounded: {:?}", began.elapsed());
}

async fn upstream_has(upstream: &Upstream, count: usize) {
    eventually("the requests at the upstream", || (upstream.count() >= count).then_some(())).await;
}

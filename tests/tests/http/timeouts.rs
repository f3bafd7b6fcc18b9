//! Time limits, each on its own: who was too slow is told, and nobody waits for longer than was said.

use std::time::{Duration, Instant};

use throughline_tests::client::{get, head};
use throughline_tests::context::{MARK, Traceparent};
use throughline_tests::{Answer, Client, Scene, Upstream};

use super::assert_serves;

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_does_not_take_the_body_is_504() {
    let upstream = Upstream::start(|head| match head.path().as_str() {
        // Reads the head and not a byte more.
        "/deaf" => Answer::Early(Box::new(Answer::after(Duration::from_secs(60), Answer::ok()))),
        _ => Answer::ok(),
    });
    let scene = Scene::before(upstream.await, |config| {
        let timeouts = &mut config.proxies[0].timeouts;
        // After a write that takes too long the upstream may have answered already: a read's time is waited for that.
        (timeouts.write, timeouts.read) = (SHORT, SHORT);
    })
    .await;
    let context = Traceparent::fresh(1);
    let (traceparent, length) = (context.to_string(), 40_000_000_u64);
    let headers =
        [("traceparent", traceparent.as_str()), ("tracestate", MARK), ("Content-Length", &length.to_string())];
    let mut client = Client::connect(scene.agent.addr()).await;
    client.send(&head("POST", "/deaf", &headers)).await;
    // The proxy may stop reading before the end; the answer stands in the socket either way.
    let _ = tokio::time::timeout(throughline_tests::DEADLINE, client.send_zeros(length)).await;
    let answer = client.answer().await;
    assert_eq!(answer.status(), 504, "{}", answer.text());
    let (server, attempts) = scene.collector.request(&context.trace_id, 2).await;
    assert_eq!(attempts[0].text("error.type"), "write_timeout");
    assert_eq!(
        (server.int("http.response.status_code"), server.text("error.type").as_str()),
        (Some(504), "write_timeout")
    );
    assert_eq!(scene.agent.count("throughline_failures", &[("cause", "write_timeout")]), 1);
    assert_serves(&scene, "an upstream that takes nothing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stalls_is_408_and_the_clients_doing() {
    let scene = Scene::with(|config| config.proxies[0].timeouts.read = SHORT).await;
    for framing in [("Content-Length", "5"), ("Transfer-Encoding", "chunked")] {
        let context = Traceparent::fresh(1);
        let traceparent = context.to_string();
        let mut client = Client::connect(scene.agent.addr()).await;
        client.send(&head("POST", "/", &[framing, ("traceparent", &traceparent), ("tracestate", MARK)])).await;
        client.send(if framing.1 == "chunked" { b"2\r\nab\r\n" } else { b"ab" }).await;
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.closes()), (408, true), "{framing:?}: {}", answer.text());
        let (server, attempts) = scene.collector.request(&context.trace_id, 2).await;
        assert_eq!(server.text("error.type"), "client_abort", "{framing:?}");
        assert_eq!(server.int("http.response.status_code"), Some(408), "{framing:?}");
        assert_eq!(attempts[0].int("http.response.status_code"), None, "{framing:?}: the upstream said nothing");
        assert_serves(&scene, "a body that stalls").await;
    }
    assert_eq!(scene.agent.count("throughline_failures", &[("cause", "client_abort")]), 2);
    assert!(scene.upstream.seen().iter().filter(|seen| seen.head.word(0) == "POST").all(|seen| !seen.complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_connection_is_closed_when_it_lies_idle() {
    let scene = Scene::with(|config| config.proxies[0].timeouts.downstream_idle = Duration::from_secs(1)).await;
    let mut client = Client::connect(scene.agent.addr()).await;
    for _ in 0..2 {
        client.send(&get("/", &[])).await;
        assert!(!client.answer().await.closes(), "kept alive");
    }
    let began = Instant::now();
    assert!(client.is_closed().await, "closed without a word");
    let idle = began.elapsed();
    assert!(idle >= Duration::from_millis(900) && idle < Duration::from_secs(10), "closed after {idle:?}");
    assert_serves(&scene, "an idle connection").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_connection_is_not_used_again_after_its_idle_time() {
    let idle = Duration::from_millis(200);
    let scene = Scene::with(|config| config.proxies[0].timeouts.upstream_idle = idle).await;
    let mut client = Client::connect(scene.agent.addr()).await;
    for number in 0..3 {
        client.send(&get(&format!("/{number}"), &[])).await;
        assert_eq!(client.answer().await.status(), 200);
        // This silence is what is tested.
        tokio::time::sleep(idle * 4).await;
    }
    let connections: Vec<usize> = scene.upstream.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 1, 2], "each request after a silence has a connection of its own");
    assert_eq!(scene.agent.count("throughline_retries", &[]), 0, "none was tried and found dead");
}

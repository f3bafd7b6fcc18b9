//! A stop under load: readiness fails first, every request that was sent is answered, every span is delivered.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "stop/drain.rs"]
mod drain;

use std::time::Instant;

use throughline_tests::binary::Binary;
use throughline_tests::client::get;
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::load::Load;
use throughline_tests::{Client, Collector, Upstream, ask, eventually};

const CONNECTIONS: usize = 64;
/// Requests answered before the signal.
const BEFORE: usize = 2_000;
const CALLER: &str = "cafecafecafecafe";

/// `THROUGHLINE_TEST_ROUNDS` says how often; five times by default.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_fails_no_request_and_loses_no_span() {
    let rounds = std::env::var("THROUGHLINE_TEST_ROUNDS").map_or(5, |rounds| rounds.parse().expect("a number"));
    for round in 0..rounds {
        stop_under_load(round).await;
    }
}

#[expect(clippy::print_stdout, reason = "the load that was reached is part of the result")]
async fn stop_under_load(round: usize) {
    let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
    let url = format!("http://{}", upstream.addr());
    let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--admin", "127.0.0.1:0", "--no-admission"];
    let args = [&args[..], &["--drain-delay", "200ms"]].concat();
    let mut binary = Binary::with_env(&args, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]);
    let (proxy, admin) = (binary.proxy().await, binary.admin().await);
    assert_eq!(ask(admin, &get("/readyz", &[])).await.status(), 200, "ready while it serves");

    let load = Load::endless(CONNECTIONS, |_| {
        marked_get("/", &Traceparent { parent_id: CALLER.to_owned(), ..Traceparent::fresh(1) })
    });
    let began = Instant::now();
    let running = tokio::spawn(async move { load.run(proxy).await });
    eventually("load", || (upstream.count() >= BEFORE).then_some(())).await;
    let rate = upstream.count() as f64 / began.elapsed().as_secs_f64();
    binary.signal("TERM");
    assert_readiness_fails_first(admin, proxy).await;

    let outcome = running.await.expect("the load ends");
    let finished = binary.finished().await;
    assert!(finished.status.success(), "round {round}: {}", finished.stderr);
    assert!(
        outcome.failures.is_empty(),
        "round {round}: {} failed: {:?}",
        outcome.failures.len(),
        outcome.failures.first()
    );
    assert_eq!(outcome.with_status(200), outcome.answers.len(), "round {round}: every answer is 200");
    assert_eq!(upstream.count() - 1, outcome.answers.len(), "round {round}: the upstream's count is the client's");
    let untouched = |parent_id: &str| parent_id == CALLER;
    let continued = upstream
        .seen()
        .iter()
        .filter(|seen| !untouched(&Traceparent::parse(&seen.head.value("traceparent")).parent_id))
        .count();
    assert_eq!(collector.distinct(), 2 * continued, "round {round}: two spans for each request continued");
    println!(
        "round {round}: {rate:.0} requests/s before the signal, {} in all, {continued} continued",
        upstream.count()
    );
}

/// After the signal, `/readyz` fails while new connections are still taken.
async fn assert_readiness_fails_first(admin: std::net::SocketAddr, proxy: std::net::SocketAddr) {
    let mut probe = Client::connect(admin).await;
    loop {
        probe.send(&get("/readyz", &[])).await;
        let answer = probe.answer().await;
        if answer.status() == 503 {
            break;
        }
        assert_eq!(answer.status(), 200);
    }
    let mut late = Client::try_connect(proxy).await.expect("the listener stays open for the delay");
    late.send(&get("/late", &[("traceparent", &format!("00-{:032x}-{CALLER}-01", 1))])).await;
    assert_eq!(late.answer().await.status(), 200, "who comes during the delay is served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_at_once() {
    let upstream = Upstream::start(|_| throughline_tests::Answer::Hang).await;
    let url = format!("http://{}", upstream.addr());
    let mut binary = Binary::start(&["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--export", "none"]);
    let mut client = Client::connect(binary.proxy().await).await;
    client.send(&get("/", &[])).await;
    upstream.last().await;
    binary.signal("TERM");
    eventually("the stop to begin", || binary.stderr().contains("stopping").then_some(())).await;
    let began = Instant::now();
    eventually("the end", || {
        let ended = !binary.is_running();
        if !ended {
            binary.signal("TERM");
        }
        ended.then_some(())
    })
    .await;
    assert!(began.elapsed().as_millis() > 500, "a signal that comes twice at once is one signal");
    let finished = binary.finished().await;
    assert!(!finished.status.success(), "who is stopped at once did not finish");
    assert!(began.elapsed().as_secs() < 10, "the drain time of 20 s is not waited for");
}

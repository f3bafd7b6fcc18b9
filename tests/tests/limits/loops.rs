//! Requests that come back to where they have been.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use throughline::app;
use throughline::config::export::{ExportTarget, OtlpProtocol};
use throughline_tests::agent::config;
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::upstream::nobody;
use throughline_tests::{Agent, Collector, ask};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_before_itself_is_refused_at_start() {
    for wildcard in [false, true] {
        let addr = nobody();
        let mut config = config(addr, ExportTarget::None);
        config.proxies[0].listen = if wildcard { SocketAddr::from(([0, 0, 0, 0], addr.port())) } else { addr };
        let Err(error) = app::start(config) else { unreachable_start(wildcard) };
        let text = format!("{error:#}");
        assert!(!text.contains('\n') && text.contains(&addr.port().to_string()), "one clear line: {text}");
        std::net::TcpListener::bind(addr).expect("nothing is left running");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_proxies_before_each_other_answer_508_in_bounded_time() {
    let collector = Collector::start().await;
    let (a, b) = (nobody(), nobody());
    let first = looped(a, b, &collector).await;
    let second = looped(b, a, &collector).await;
    assert_loop_ends(first.addr()).await;
    let ledgers = [first.settled().await, second.settled().await];
    assert!(ledgers.iter().all(|ledger| ledger.started <= 40), "bounded: {ledgers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_behind_one_balancer_answer_508_in_bounded_time() {
    let collector = Collector::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let balancer = listener.local_addr().expect("an address");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let replicas = [looped(any, balancer, &collector).await, looped(any, balancer, &collector).await];
    let balancing = tokio::spawn(balance(listener, replicas.each_ref().map(Agent::addr)));
    assert_loop_ends(balancer).await;
    balancing.abort();
}

async fn assert_loop_ends(addr: SocketAddr) {
    let began = Instant::now();
    let answer = ask(addr, &marked_get("/round", &Traceparent::fresh(1))).await;
    assert_eq!(answer.status(), 508, "{:?}", answer.head);
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
    assert!(answer.body.len < 300, "a short body: {}", answer.text());
}

async fn looped(listen: SocketAddr, upstream: SocketAddr, collector: &Collector) -> Agent {
    let mut config = config(upstream, ExportTarget::Otlp(collector.otlp(OtlpProtocol::HttpProtobuf)));
    config.proxies[0].listen = listen;
    Agent::of(config).await
}

/// Gives each connection to the next of `targets`.
async fn balance(listener: TcpListener, targets: [SocketAddr; 2]) {
    let next = Arc::new(AtomicUsize::new(0));
    while let Ok((mut client, _)) = listener.accept().await {
        let target = targets[next.fetch_add(1, Ordering::Relaxed) % targets.len()];
        tokio::spawn(async move {
            let mut server = TcpStream::connect(target).await?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await
        });
    }
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn unreachable_start(wildcard: bool) -> ! {
    panic!("a proxy before itself started (wildcard: {wildcard})")
}

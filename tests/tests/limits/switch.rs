//! The emergency switch, by request and by signal, and health that depends on nobody else.

use throughline_tests::binary::Binary;
use throughline_tests::client::{get, head};
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::upstream::nobody;
use throughline_tests::{Collector, Expect, Scene, Upstream, ask, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn the_switch_makes_the_proxy_forward_everything_untouched() {
    let marked: &[(&'static str, &[u8])] = &[("traceparent", b"00-TRACE-SPAN-00"), ("tracestate", b"checkly=true")];
    let lines = || throughline_tests::scene::lines(marked);
    let scene = Scene::start().await;
    let admin = scene.agent.admin();
    scene.judge("before", "/before", &lines(), Expect::Continue(1)).await;
    assert_eq!(ask(admin, &head("PUT", "/v1/bypass", &[])).await.status(), 200);
    scene.judge("switched on", "/on", &lines(), Expect::Forward).await;
    assert_eq!(ask(admin, &head("DELETE", "/v1/bypass", &[])).await.status(), 200);
    scene.judge("switched off", "/off", &lines(), Expect::Continue(1)).await;
    scene.finish(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_turns_the_switch() {
    let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
    let url = format!("http://{}", upstream.addr());
    let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--service", "shop", "--no-admission"];
    let mut binary = Binary::with_env(&args, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]);
    let proxy = binary.proxy().await;
    for (turn, touched) in [("on", false), ("off", true)] {
        let turned = "turned by SIGUSR1";
        let before = binary.stderr().matches(turned).count();
        binary.signal("USR1");
        eventually("the switch to be turned", || (binary.stderr().matches(turned).count() > before).then_some(()))
            .await;
        let context = Traceparent::fresh(1);
        ask(proxy, &marked_get(&format!("/{turn}"), &context)).await;
        let arrived = upstream.requests_for(&format!("/{turn}"), 1).await.remove(0).head;
        assert_eq!(arrived.value("traceparent") != context.to_string(), touched, "switched {turn}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_depends_neither_on_upstream_nor_on_collector() {
    let mut collector = Collector::start().await;
    let agent = throughline_tests::Agent::start(nobody(), &collector).await;
    collector.die();
    assert_eq!(ask(agent.addr(), &get("/", &[])).await.status(), 502);
    for path in ["/livez", "/readyz"] {
        assert_eq!(ask(agent.admin(), &get(path, &[])).await.status(), 200, "{path}");
    }
    let metrics = ask(agent.admin(), &get("/metrics", &[])).await.text();
    for line in ["throughline_spans_started_total 0", "throughline_requests_total{action=\"forward\",mark=\"none\"} 1"]
    {
        assert!(metrics.lines().any(|found| found == line), "{line} is among {metrics}");
    }
}

//! Addresses of version 6, listeners for both versions, and names that have several addresses.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use throughline_tests::binary::Binary;
use throughline_tests::client::get;
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::load::Load;
use throughline_tests::real::{skipped, with_hosts};
use throughline_tests::upstream::Habits;
use throughline_tests::{Answer, Scene, Upstream, ask};

const LOOPBACK: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

fn has_version_6() -> bool {
    std::net::TcpListener::bind((LOOPBACK, 0)).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn version_6_is_served_on_both_sides() {
    if !has_version_6() {
        return skipped("version_6_is_served_on_both_sides", "this machine has no ::1");
    }
    let upstream = Upstream::on(LOOPBACK, Habits::default(), |_| Answer::ok()).await;
    let scene = Scene::before(upstream, |config| {
        config.proxies[0].listen = SocketAddr::new(LOOPBACK, 0);
        config.proxies[0].trust = vec!["::1/128".parse().expect("a range")];
    })
    .await;
    assert!(scene.agent.addr().is_ipv6());
    let context = Traceparent::fresh(1);
    assert_eq!(ask(scene.agent.addr(), &marked_get("/", &context)).await.status(), 200);
    assert_eq!(scene.upstream.last().await.head.value("x-forwarded-for"), "::1", "without brackets or port");
    let (server, attempts) = scene.collector.request(&context.trace_id, 2).await;
    for key in ["client.address", "network.peer.address"] {
        assert_eq!(server.text(key), "::1", "{key} of the SERVER span");
    }
    for key in ["server.address", "network.peer.address"] {
        assert_eq!(attempts[0].text(key), "::1", "{key} of the attempt span");
    }
    scene.finish(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_takes_version_6_in_brackets() {
    if !has_version_6() {
        return skipped("the_binary_takes_version_6_in_brackets", "this machine has no ::1");
    }
    let upstream = Upstream::on(LOOPBACK, Habits::default(), |_| Answer::ok()).await;
    let url = format!("http://[::1]:{}", upstream.addr().port());
    let mut binary = Binary::start(&["proxy", "--listen", "[::1]:0", "--upstream", &url, "--export", "none"]);
    assert_eq!(ask(binary.proxy().await, b"GET / HTTP/1.0\r\n\r\n").await.status(), 200);
    let host = scene_host(&upstream).await;
    assert_eq!(host, format!("[::1]:{}", upstream.addr().port()), "a Host that is made up has its brackets");
}

async fn scene_host(upstream: &Upstream) -> String {
    upstream.last().await.head.value("host")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_version_4_keeps_its_address_on_a_listener_for_both() {
    if !has_version_6() {
        return skipped("a_client_of_version_4_keeps_its_address_on_a_listener_for_both", "this machine has no ::1");
    }
    let scene = Scene::with(|config| {
        config.proxies[0].listen = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);
        config.proxies[0].trust = vec!["127.0.0.0/8".parse().expect("a range")];
    })
    .await;
    let addr = SocketAddr::from(([127, 0, 0, 1], scene.agent.addr().port()));
    let context = Traceparent::fresh(1);
    assert_eq!(ask(addr, &marked_get("/", &context)).await.status(), 200);
    assert_eq!(scene.upstream.last().await.head.value("x-forwarded-for"), "127.0.0.1", "not ::ffff:127.0.0.1");
    let (server, _) = scene.collector.request(&context.trace_id, 2).await;
    assert_eq!(server.text("client.address"), "127.0.0.1", "and its range is trusted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_refuses_is_passed_over() {
    let test = "an_address_that_refuses_is_passed_over";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rows = [
        ("the first of two refuses", "127.0.0.2 twin.test\n127.0.0.1 twin.test"),
        ("the second of two refuses", "127.0.0.1 twin.test\n127.0.0.2 twin.test"),
    ];
    for (why, lines) in rows {
        let Some(wrapper) = with_hosts(folder.path(), lines) else {
            return skipped(test, "no mount namespace can be had, so no name with several addresses");
        };
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        let upstream = Upstream::ok().await;
        let url = format!("http://twin.test:{}", upstream.addr().port());
        let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--export", "none", "--threads", "2"];
        let mut binary = Binary::within(&wrapper, &args, &[]);
        let proxy = binary.proxy().await;
        Load::bounded(4, 400, |_| get("/", &[("Connection", "close")])).run(proxy).await.assert_all_ok(400);
        assert!(upstream.count() >= 400, "{why}");
    }
}

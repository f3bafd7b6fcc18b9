//! What a service sends through the listener it was given: where it may go, what arrives, and what is observed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use throughline::config::egress::Egress;
use throughline::config::proxy::Upstream as UpstreamConfig;
use throughline::config::{Config, ObserveConfig, ProxyConfig};
use throughline::gap::observation::{Completeness, Direction, Observation, Resolved};
use throughline::trace::marker::Mark;
use throughline_tests::client::{Response, get, head};
use throughline_tests::context::Traceparent;
use throughline_tests::{Agent, Client, Upstream, ask, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::read;

pub(super) const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub(super) fn upstream(addr: SocketAddr) -> UpstreamConfig {
    UpstreamConfig { tls: false, host: addr.ip().to_string(), port: addr.port(), ca: None }
}

pub(super) fn forward(allow: &[&str]) -> Option<Egress> {
    let allow = allow.iter().map(|rule| rule.parse().expect("a destination")).collect();
    Some(Egress { listen: ANY_PORT, upstream: None, allow })
}

/// `shop` with this egress listener, and `stock`, each before an upstream of its own.
async fn scene(egress: Option<Egress>, change: impl FnOnce(&mut Config)) -> (Agent, Upstream, Upstream) {
    let (shop, stock) = (Upstream::ok().await, Upstream::ok().await);
    let agent = Agent::without_export(shop.addr(), |config| {
        config.observe = Some(ObserveConfig::default());
        config.proxies[0].egress = egress;
        config.proxies.push(ProxyConfig::new(ANY_PORT, upstream(stock.addr()), "stock".to_owned()));
        change(config);
    });
    (agent.await, shop, stock)
}

pub(super) fn way_out(agent: &Agent) -> SocketAddr {
    agent.addrs().egress[0]
}

pub(super) async fn observed(agent: &Agent, count: usize) -> Vec<Observation> {
    let header = b"{\"schema\":\"throughline.observations\",\"version\":1}\n";
    let all = || read(&[header.as_slice(), &agent.recent(0)].concat()).0;
    eventually(&format!("{count} observations"), || Some(all()).filter(|all| all.len() >= count)).await
}

pub(super) async fn call(agent: &Agent, target: &str, headers: &[(&str, &str)]) -> Response {
    let host = target.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap_or("none");
    let mut lines = vec![("Proxy-Connection", "keep-alive")];
    lines.extend_from_slice(headers);
    let request = String::from_utf8(head("GET", target, &lines)).expect("a text");
    ask(way_out(agent), request.replacen("service.test", host, 1).as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_observed_as_it_leaves_and_known_when_it_arrives() {
    let (agent, _shop, stock) = scene(forward(&[]), |_| ()).await;
    let stock_proxy = agent.addrs().proxies[1];
    let context = Traceparent::fresh(1).to_string();
    let lines = [("traceparent", context.as_str()), ("tracestate", "a=b,checkly=true"), ("X-Mine", "1")];
    let answer = call(&agent, &format!("http://{stock_proxy}/stock/7?x=1"), &lines).await;
    assert_eq!(answer.status(), 200, "{:?}", answer.head);
    let arrived = stock.requests_for("/stock/7", 1).await.remove(0).head;
    assert_eq!(arrived.start_line(), "GET /stock/7?x=1 HTTP/1.1", "a target for a server");
    assert_eq!(arrived.values("traceparent"), [context.as_str()], "nothing is recorded: the context is as it was sent");
    assert_eq!((arrived.value("host"), arrived.value("x-mine")), (stock_proxy.to_string(), "1".to_owned()));
    assert!(arrived.values("proxy-connection").is_empty(), "meant for the proxy");
    let seen = observed(&agent, 2).await;
    let of = |direction| {
        let mut found = seen.iter().filter(|seen| seen.direction == direction);
        let first = found.next().expect("one in this direction");
        assert!(found.next().is_none());
        first
    };
    let (left, came) = (of(Direction::Out), of(Direction::In));
    assert_eq!((&*left.service, left.peer.service.as_deref()), ("shop", Some("stock")));
    assert_eq!((left.peer.resolved, left.peer.address), (Resolved::Egress, Some(stock_proxy)));
    assert_eq!(left.peer.host.as_deref(), Some("127.0.0.1"));
    assert_eq!((&*left.route, left.status, left.context.mark.0), ("/stock/{}", Some(200), Mark::Other));
    assert_eq!((&*came.service, came.peer.service.as_deref()), ("stock", Some("shop")));
    assert_eq!(came.peer.resolved, Resolved::Egress, "one call, seen from two points");
    assert_eq!(left.context, came.context);
    assert!(left.start <= came.start && came.end <= left.end, "the one lies within the other");
    assert_eq!(agent.count("throughline_egress", &[("kind", "call")]), 1);
    assert_eq!(agent.count("throughline_requests", &[]), 1, "the proxies' requests are those that arrive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_used_again_is_known_for_as_long_as_it_lives() {
    let (agent, _shop, _stock) = scene(forward(&[]), |_| ()).await;
    let stock_proxy = agent.addrs().proxies[1];
    let mut client = Client::connect(way_out(&agent)).await;
    for n in 0..5 {
        let request = format!("GET http://{stock_proxy}/{n} HTTP/1.1\r\nHost: {stock_proxy}\r\n\r\n");
        client.send(request.as_bytes()).await;
        assert_eq!(client.answer_to(request.as_bytes()).await.status(), 200);
    }
    let seen = observed(&agent, 10).await;
    let came: Vec<_> = seen.iter().filter(|seen| seen.direction == Direction::In).collect();
    assert!(came.iter().all(|came| came.peer.resolved == Resolved::Egress), "{came:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_nowhere_but_where_they_may() {
    let elsewhere = Upstream::ok().await;
    let port = elsewhere.addr().port();
    let allowed = format!("*.allowed.test:{port}");
    let (agent, shop, _stock) = scene(forward(&[&allowed, "169.254.0.0/16"]), |_| ()).await;
    let (shop_proxy, own) = (agent.addr(), way_out(&agent));
    let admin = agent.admin();
    let rows: &[(String, u16, &str)] = &[
        (format!("http://{shop_proxy}/self"), 200, "its own proxy"),
        (format!("http://localhost:{}/", shop_proxy.port()), 200, "by name"),
        (format!("http://{}/", shop.addr()), 403, "an upstream past its proxy"),
        (format!("http://{}/", elsewhere.addr()), 403, "not allowed by address"),
        (format!("http://{admin}/metrics"), 403, "the agent's own admin port"),
        (format!("http://{own}/"), 403, "itself"),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), 403, "metadata, though a rule allows it"),
        ("http://[::ffff:169.254.169.254]/".to_owned(), 403, "... mapped"),
        (format!("http://nothing.allowed.test:{port}/"), 502, "an allowed name without address"),
        ("/local".to_owned(), 400, "no destination"),
        (format!("https://{shop_proxy}/"), 400, "another scheme"),
        (format!("http://user:secret@{shop_proxy}/"), 400, "credentials"),
    ];
    for (target, status, reason) in rows {
        assert_eq!(call(&agent, target, &[]).await.status(), *status, "{reason}: {target}");
    }
    assert_eq!(elsewhere.connections(), 0, "nobody was connected to");
    assert!(agent.count("throughline_refusals", &[("reason", "destination")]) >= 6);
    assert!(agent.count("throughline_refusals", &[("reason", "no_destination")]) >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_address_is_a_peer_without_a_name() {
    let elsewhere = Upstream::ok().await;
    let (agent, ..) = scene(forward(&["127.0.0.0/8"]), |_| ()).await;
    assert_eq!(call(&agent, &format!("http://{}/a", elsewhere.addr()), &[]).await.status(), 200);
    let seen = observed(&agent, 1).await;
    assert_eq!((seen[0].direction, seen[0].peer.service.as_deref()), (Direction::Out, None));
    assert_eq!((seen[0].peer.address, seen[0].peer.resolved), (Some(elsewhere.addr()), Resolved::Unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_upstream_takes_every_call() {
    let elsewhere = Upstream::ok().await;
    let fixed = Egress { listen: ANY_PORT, upstream: Some(upstream(elsewhere.addr())), allow: Vec::new() };
    let (agent, ..) = scene(Some(fixed), |_| ()).await;
    assert_eq!(ask(way_out(&agent), &get("/orders/5", &[])).await.status(), 200);
    let arrived = elsewhere.requests_for("/orders/5", 1).await.remove(0).head;
    assert_eq!(arrived.value("host"), elsewhere.addr().to_string());
    assert!(arrived.values("x-forwarded-for").is_empty(), "the caller is no client of a site");
    let seen = observed(&agent, 1).await;
    assert_eq!((&*seen[0].service, &*seen[0].route), ("shop", "/orders/{}"));
    assert_eq!(seen[0].peer.address, Some(elsewhere.addr()));
    let metadata = UpstreamConfig { host: "169.254.169.254".to_owned(), port: 80, ..upstream(elsewhere.addr()) };
    let fixed = Egress { listen: ANY_PORT, upstream: Some(metadata), allow: Vec::new() };
    let (agent, ..) = scene(Some(fixed), |_| ()).await;
    assert_eq!(ask(way_out(&agent), &get("/", &[])).await.status(), 502, "link-local even if configured");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_is_passed_on_and_says_that_it_cannot_be_observed() {
    let server = TcpListener::bind(ANY_PORT).await.expect("a port");
    let addr = server.local_addr().expect("an address");
    let (agent, ..) = scene(forward(&[&format!("127.0.0.1:{}", addr.port())]), |_| ()).await;
    let mut client = TcpStream::connect(way_out(&agent)).await.expect("the egress listener");
    let ask = format!("CONNECT {addr} HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    client.write_all(ask.as_bytes()).await.expect("it is taken");
    let (mut far, _) = server.accept().await.expect("the tunnel's other end");
    let mut answer = [0; 39];
    client.read_exact(&mut answer).await.expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"\r\n\r\n"));
    for (from, to) in [(&mut client, &mut far)] {
        let mut bytes = [0; 5];
        from.write_all(b"\x16\x03\x01\x00\xff").await.expect("bytes go out");
        to.read_exact(&mut bytes).await.expect("bytes come in");
        assert_eq!(&bytes, b"\x16\x03\x01\x00\xff");
        to.write_all(b"back!").await.expect("bytes go back");
        from.read_exact(&mut bytes).await.expect("bytes come back");
        assert_eq!(&bytes, b"back!");
    }
    let seen = observed(&agent, 1).await;
    assert_eq!((&*seen[0].method, seen[0].completeness), ("CONNECT", Completeness::Encrypted));
    assert_eq!((seen[0].peer.address, seen[0].status), (Some(addr), Some(200)));
    assert_eq!(agent.count("throughline_egress", &[("kind", "tunnel")]), 1);
    drop(far);
    assert_eq!(client.read(&mut answer).await.expect("the end"), 0, "one end closes, the other learns it");
    for (target, status) in [("169.254.169.254:443", "403"), ("127.0.0.1:1", "403"), ("127.0.0.1", "400")] {
        let mut client = TcpStream::connect(way_out(&agent)).await.expect("the egress listener");
        client.write_all(format!("CONNECT {target} HTTP/1.1\r\n\r\n").as_bytes()).await.expect("it is taken");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an answer, and the end");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_tunnel_does_not_hold_up_a_stop() {
    let server = TcpListener::bind(ANY_PORT).await.expect("a port");
    let addr = server.local_addr().expect("an address");
    let (agent, ..) = scene(forward(&["127.0.0.0/8"]), |config| {
        config.stop.drain = std::time::Duration::from_secs(60);
    })
    .await;
    let mut client = TcpStream::connect(way_out(&agent)).await.expect("the egress listener");
    client.write_all(format!("CONNECT {addr} HTTP/1.1\r\n\r\n").as_bytes()).await.expect("it is taken");
    let _far = server.accept().await.expect("the tunnel's other end");
    let _idle = TcpStream::connect(way_out(&agent)).await.expect("the egress listener");
    throughline_tests::wait::within("the agent to stop", agent.stop()).await;
}

#[test]
fn a_listener_that_others_could_use_is_refused() {
    let egress = Egress { listen: SocketAddr::from(([0, 0, 0, 0], 0)), upstream: None, allow: Vec::new() };
    let mut config = throughline_tests::agent::config(ANY_PORT, throughline::config::export::ExportTarget::None);
    config.proxies[0].upstream.port = 1;
    config.proxies[0].egress = Some(egress);
    let refused = throughline::app::start(config).err().expect("it is refused").to_string();
    assert!(refused.contains("egress") && refused.contains("loopback"), "{refused}");
}

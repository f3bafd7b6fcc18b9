//! Callers that are processes of their own: a service of the demonstration calls another through its proxy.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use throughline::config::proxy::Upstream as UpstreamConfig;
use throughline::config::{ObserveConfig, ProxyConfig};
use throughline::gap::observation::{Observation, Resolved};
use throughline_tests::binary::path;
use throughline_tests::client::get;
use throughline_tests::{Agent, ask, eventually};

use super::{of_route, read};

/// A service of the demonstration that calls others at these addresses. It ends when its input is closed.
struct Service {
    process: Child,
    addr: SocketAddr,
}

impl Service {
    fn start(name: &str, calls: &[(&str, SocketAddr)], folder: &Path) -> Self {
        let mut command = Command::new(path());
        command.args(["demo-service", name, "--manner", "copies", "--log"]).arg(folder.join(name));
        let mut process = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the service starts");
        let mut said = String::new();
        let mut stderr = BufReader::new(process.stderr.take().expect("stderr is piped"));
        stderr.read_line(&mut said).expect("the service says where it listens");
        let targets: Vec<String> = calls.iter().map(|(name, addr)| format!("{name}={addr}")).collect();
        let stdin = process.stdin.as_mut().expect("stdin is piped");
        writeln!(stdin, "{}", targets.join(" ")).expect("the service reads");
        let addr = said.trim().rsplit(' ').next().and_then(|word| word.parse().ok());
        Self { process, addr: addr.unwrap_or_else(|| panic!("no address in {said:?}")) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // Its status says nothing to this test.
        let _ = self.process.wait();
    }
}

fn proxy(name: &str, addr: SocketAddr) -> ProxyConfig {
    let upstream = UpstreamConfig { tls: false, host: addr.ip().to_string(), port: addr.port(), ca: None };
    ProxyConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)), upstream, name.to_owned())
}

async fn observed(agent: &Agent, count: usize) -> Vec<Observation> {
    let header = b"{\"schema\":\"throughline.observations\",\"version\":1}\n";
    let all = || read(&[header.as_slice(), &agent.recent(0)].concat()).0;
    eventually(&format!("{count} observations"), || Some(all()).filter(|all| all.len() >= count)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_called_is_known_and_a_stranger_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let stock = Service::start("stock", &[], folder.path());
    // The service has to know the proxy's address before the proxy knows the service's.
    let listen = throughline_tests::upstream::nobody();
    let cart = Service::start("cart", &[("stock", listen)], folder.path());
    let agent = Agent::without_export(cart.addr, |config| {
        config.observe = Some(ObserveConfig::default());
        config.proxies = vec![proxy("cart", cart.addr), proxy("stock", stock.addr)];
        config.proxies[1].listen = listen;
    });
    let agent = agent.await;
    for _ in 0..20 {
        assert_eq!(ask(agent.addr(), &get("/cart/7", &[])).await.status(), 200);
    }
    let seen = observed(&agent, 40).await;
    let (of_cart, of_stock): (Vec<_>, Vec<_>) = seen.into_iter().partition(|seen| &*seen.service == "cart");
    assert_eq!((of_cart.len(), of_stock.len()), (20, 20));
    for one in &of_cart {
        assert_eq!((one.peer.resolved, one.peer.service.as_deref()), (Resolved::Unknown, None), "this test called");
        assert_eq!(one.process.map(|process| process.pid), Some(cart.process.id()), "the only one that listens");
        assert!(one.epoch.as_deref().is_some_and(|epoch| epoch.contains("throughline")));
    }
    // Each call has a connection of its own, which is closed as soon as the answer has come.
    let known = of_stock.iter().filter(|one| one.peer.resolved == Resolved::Socket).count();
    assert!(known >= 15, "most callers are found while they wait: {known} of 20");
    for one in of_stock.iter().filter(|one| one.peer.resolved == Resolved::Socket) {
        assert_eq!(one.peer.service.as_deref(), Some("cart"));
        assert_eq!(one.peer.process, of_cart[0].process);
        assert_eq!(one.peer.epoch, of_cart[0].epoch);
    }
    assert_eq!(agent.count("throughline_observed_callers", &[("resolved", "socket")]), known as u64);
    drop((cart, stock));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_given_to_one_service_is_that_service_unless_the_request_was_relayed() {
    let upstream = throughline_tests::Upstream::ok().await;
    let agent = Agent::without_export(upstream.addr(), |config| {
        config.observe = Some(ObserveConfig::default());
        let mut shop = proxy("shop", SocketAddr::from(([192, 0, 2, 1], 80)));
        shop.addresses = vec!["127.0.0.0/8".parse().expect("a range")];
        config.proxies.push(shop);
    });
    let agent = agent.await;
    ask(agent.addr(), &get("/plain", &[])).await;
    ask(agent.addr(), &get("/relayed", &[("X-Forwarded-For", "10.0.0.1")])).await;
    let seen = observed(&agent, 2).await;
    let peer = |route: &str| (of_route(&seen, route).peer.resolved, of_route(&seen, route).peer.service.as_deref());
    assert_eq!(peer("/plain"), (Resolved::Address, Some("shop")));
    assert_eq!(peer("/relayed"), (Resolved::Intermediary, None));
}

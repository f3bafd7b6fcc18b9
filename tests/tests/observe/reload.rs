//! What is observed when the configuration changes while the agent runs.

use std::time::Duration;

use throughline::config::export::ExportTarget;
use throughline::config::{Config, ObserveConfig, ProxyConfig};
use throughline::gap::observation::{Direction, Observation, Resolved};
use throughline_tests::client::get;
use throughline_tests::{Agent, Upstream, ask};

use super::egress::{ANY_PORT, call, forward, observed, upstream, way_out};

/// `shop` with an egress listener, and these other services.
fn config_of(shop: &Upstream, others: &[(&str, &Upstream)]) -> Config {
    let mut config = throughline_tests::agent::config(shop.addr(), ExportTarget::None);
    config.observe = Some(ObserveConfig::default());
    config.proxies[0].egress = forward(&[]);
    let proxy = |(name, at): &(&str, &Upstream)| ProxyConfig::new(ANY_PORT, upstream(at.addr()), (*name).to_owned());
    config.proxies.extend(others.iter().map(proxy));
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_that_come_are_observed_and_egress_goes_on() {
    let (shop, stock, cart) = (Upstream::ok().await, Upstream::ok().await, Upstream::ok().await);
    let mut agent = Agent::of(config_of(&shop, &[("stock", &stock)])).await;
    let way = way_out(&agent);
    let at_stock = agent.addrs().proxies[1];
    assert_eq!(call(&agent, &format!("http://{at_stock}/before"), &[]).await.status(), 200);

    let mut config = config_of(&shop, &[("cart", &cart)]);
    // Another proxy of the shop takes both listeners over; the stock's goes.
    config.proxies[0].timeouts.read = Duration::from_secs(61);
    agent.reload(config).await;
    assert_eq!(way_out(&agent), way, "the service need not be told another address");
    let at_cart = agent.addrs().proxies[1];
    assert_eq!(call(&agent, &format!("http://{at_cart}/after"), &[]).await.status(), 200);
    assert_eq!(ask(agent.addr(), &get("/shop", &[])).await.status(), 200);

    let seen = observed(&agent, 5).await;
    let of = |direction: Direction, route: &str| -> &Observation {
        seen.iter().find(|seen| seen.direction == direction && &*seen.route == route).expect("it is observed")
    };
    for (route, callee) in [("/before", "stock"), ("/after", "cart")] {
        let (left, came) = (of(Direction::Out, route), of(Direction::In, route));
        assert_eq!((&*left.service, left.peer.service.as_deref()), ("shop", Some(callee)), "{route}");
        // Who called is looked up meanwhile, and the services anew after a change: the suite `egress` asks for that.
        assert_eq!((&*came.service, left.peer.resolved), (callee, Resolved::Egress), "{route}");
    }
    assert_eq!(&*of(Direction::In, "/shop").service, "shop");
}

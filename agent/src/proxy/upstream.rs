//! The upstream's addresses, kept fresh in the background, and the connection settings that go with them.
//!
//! Names are resolved here because Pingora would resolve them while a request waits.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use pingora::protocols::TcpKeepalive;
use pingora::upstreams::peer::{ALPN, H1UpgradePolicy, HttpPeer};

use super::failure;
use super::upgrade::Upgrade;
use crate::config::egress::is_forbidden;
use crate::config::proxy::{Timeouts, Upstream};

/// How often names are looked up again.
const REFRESH: Duration = Duration::from_secs(10);
/// How often, while there is no address.
const REFRESH_WITHOUT_ADDRESS: Duration = Duration::from_secs(1);
/// How long an address that could not be reached is passed over while there are others.
const REST: Duration = Duration::from_secs(5);
/// A connection that has been silent for so long is asked whether its peer still lives ...
pub(super) const PROBE_AFTER: Duration = Duration::from_secs(60);
/// ... again after so long ...
pub(super) const PROBE_INTERVAL: Duration = Duration::from_secs(15);
/// ... and given up after so many questions without an answer.
pub(super) const PROBES: u32 = 4;

/// Where requests go.
pub(super) struct Target {
    upstream: Upstream,
    /// The proxy's own listening addresses: sending there would be a loop.
    own: Vec<SocketAddr>,
    /// Link-local addresses and the like are no addresses of it.
    is_checked: bool,
    addresses: ArcSwap<Addresses>,
    turn: AtomicUsize,
    template: HttpPeer,
    /// The clock of resting addresses starts here.
    begun: Instant,
}

/// What the last lookup said.
#[derive(Debug, Default)]
struct Addresses {
    usable: Vec<Place>,
    /// Whether some address was left out because it is our own.
    own: bool,
}

impl Target {
    pub(super) fn new(upstream: Upstream, own: Vec<SocketAddr>, timeouts: &Timeouts, is_checked: bool) -> Self {
        let template = template(&upstream, timeouts);
        Self {
            upstream,
            own,
            is_checked,
            addresses: ArcSwap::default(),
            turn: AtomicUsize::new(0),
            template,
            begun: Instant::now(),
        }
    }

    /// Looks the name up once. The error is a sentence.
    pub(super) async fn resolve(&self) -> Result<(), String> {
        let found = tokio::net::lookup_host((self.upstream.host.as_str(), self.upstream.port)).await;
        let mut found: Vec<SocketAddr> = found.map_err(|error| error.to_string())?.collect();
        found.retain(|address| !(self.is_checked && is_forbidden(address.ip())));
        if found.is_empty() {
            return Err("the name has no address".to_owned());
        }
        let (own, usable): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| self.is_own(*address));
        let before = self.addresses.load();
        let usable = usable.into_iter().map(|address| Place::new(address, before.rest(address))).collect();
        self.addresses.store(Arc::new(Addresses { usable, own: !own.is_empty() }));
        Ok(())
    }

    /// Looks the name up again and again, and says when it stops or starts to have addresses.
    pub(super) async fn keep_resolved(&self) {
        if self.upstream.host.parse::<IpAddr>().is_ok() {
            return;
        }
        let mut failing = self.addresses.load().is_empty();
        loop {
            let pause = if self.addresses.load().is_empty() { REFRESH_WITHOUT_ADDRESS } else { REFRESH };
            tokio::time::sleep(pause).await;
            match self.resolve().await {
                Ok(()) if failing => {
                    tracing::info!(upstream = %self.upstream.host, "the upstream's name has an address again")
                }
                Err(cause) if !failing => {
                    tracing::warn!(upstream = %self.upstream.host, cause, "the upstream's name cannot be looked up; its last addresses stay in use");
                }
                _ => {}
            }
            failing = self.addresses.load().is_empty();
        }
    }

    /// Whether every known address is the proxy's own.
    pub(super) fn is_itself(&self) -> bool {
        let addresses = self.addresses.load();
        addresses.own && addresses.usable.is_empty()
    }

    /// A peer for the next attempt. Addresses take turns; those that could not be reached lately are passed over while
    /// there are others, and so is `failed`, which this request has tried already.
    pub(super) fn next_peer(&self, upgrade: Upgrade, failed: Option<SocketAddr>) -> pingora::Result<Box<HttpPeer>> {
        let addresses = self.addresses.load();
        let Some(address) = addresses.pick(self.turn.fetch_add(1, Relaxed), self.now(), failed) else {
            let cause = if addresses.own { failure::SELF } else { failure::RESOLVE };
            return pingora::Error::e_explain(pingora::ErrorType::Custom(cause), self.upstream.host.clone());
        };
        let mut peer = Box::new(self.template.clone());
        peer._address = address.into();
        if upgrade == Upgrade::Preserve {
            peer.options.http_upstream_request_policy.h1_upgrade = H1UpgradePolicy::Preserve;
            // None, rather than a long one: Pingora keeps a timer for every wait until its time has come, and a tunnel
            // waits after each message.
            peer.options.read_timeout = None;
        }
        Ok(peer)
    }

    /// A peer at this address, for calls that say themselves where they go.
    pub(super) fn peer_at(&self, address: SocketAddr) -> Box<HttpPeer> {
        let mut peer = Box::new(self.template.clone());
        peer._address = address.into();
        peer
    }

    /// An address could not be reached: it rests.
    pub(super) fn unreachable(&self, address: SocketAddr) {
        if let Some(place) = self.addresses.load().find(address) {
            place.rests_until.store(self.now() + milliseconds(REST), Relaxed);
        }
    }

    /// An address was reached: it takes its turns again.
    pub(super) fn reached(&self, address: SocketAddr) {
        let addresses = self.addresses.load();
        // With one address there is nothing to choose, and nothing to remember.
        if addresses.usable.len() > 1
            && let Some(place) = addresses.find(address).filter(|place| place.rests_until.load(Relaxed) > 0)
        {
            place.rests_until.store(0, Relaxed);
        }
    }

    /// The upstream as it is called in a `Host` header; the default port is left out.
    pub(super) fn authority(&self) -> String {
        let Upstream { tls, host, port, .. } = &self.upstream;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        if *port == if *tls { 443 } else { 80 } { host } else { format!("{host}:{port}") }
    }

    fn now(&self) -> u64 {
        milliseconds(self.begun.elapsed())
    }

    fn is_own(&self, address: SocketAddr) -> bool {
        self.own.iter().any(|own| {
            own.port() == address.port()
                && (own.ip() == address.ip() || own.ip().is_unspecified() && is_local(address.ip()))
        })
    }
}

/// One address, and until when it rests, in milliseconds since the target's beginning; 0 while it can be reached.
#[derive(Debug)]
struct Place {
    address: SocketAddr,
    rests_until: AtomicU64,
}

impl Addresses {
    fn is_empty(&self) -> bool {
        self.usable.is_empty()
    }

    /// From `turn` on: one that can be reached, else one whose rest is over (one request tries it, the others wait for
    /// what it finds), else any but `failed`, else any.
    fn pick(&self, turn: usize, now: u64, failed: Option<SocketAddr>) -> Option<SocketAddr> {
        let first = turn.checked_rem(self.usable.len())?;
        let (before, from) = self.usable.split_at_checked(first)?;
        let mut places = from.iter().chain(before).filter(|place| Some(place.address) != failed);
        // A retry takes no chances.
        let sure = places.clone().filter(|_| failed.is_some()).find(|place| place.rests_until.load(Relaxed) == 0);
        let fit = sure.or_else(|| places.clone().find(|place| place.is_fit(now))).or_else(|| places.next());
        Some(fit.or(from.first())?.address)
    }

    fn find(&self, address: SocketAddr) -> Option<&Place> {
        self.usable.iter().find(|place| place.address == address)
    }

    fn rest(&self, address: SocketAddr) -> u64 {
        self.find(address).map_or(0, |place| place.rests_until.load(Relaxed))
    }
}

impl Place {
    fn new(address: SocketAddr, rests_until: u64) -> Self {
        Self { address, rests_until: AtomicU64::new(rests_until) }
    }

    /// Whether it may be tried. Whoever finds a rest over begins another one, so that others pass it over until this
    /// try says more.
    fn is_fit(&self, now: u64) -> bool {
        let until = self.rests_until.load(Relaxed);
        until == 0
            || until <= now
                && self.rests_until.compare_exchange(until, now + milliseconds(REST), Relaxed, Relaxed).is_ok()
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An address is local when a socket can be bound to it; nothing is sent.
fn is_local(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

fn template(upstream: &Upstream, timeouts: &Timeouts) -> HttpPeer {
    let server_name = if upstream.tls { upstream.host.clone() } else { String::new() };
    // The address is put in at each attempt; this one only fills the place.
    let mut peer = HttpPeer::new((IpAddr::from([0, 0, 0, 0]), 0), upstream.tls, server_name);
    peer.options.alpn = ALPN::H1;
    peer.options.connection_timeout = Some(timeouts.connect);
    peer.options.total_connection_timeout = Some(timeouts.connect);
    peer.options.read_timeout = Some(timeouts.read);
    peer.options.write_timeout = Some(timeouts.write);
    peer.options.idle_timeout = Some(timeouts.upstream_idle);
    peer.options.tcp_keepalive = Some(TcpKeepalive {
        idle: PROBE_AFTER,
        interval: PROBE_INTERVAL,
        count: PROBES as usize,
        user_timeout: Duration::ZERO,
    });
    peer
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    fn target(host: &str, port: u16, own: &str) -> Target {
        let upstream = Upstream { tls: false, host: host.to_owned(), port, ca: None };
        Target::new(upstream, vec![own.parse().unwrap()], &Timeouts::default(), false)
    }

    #[tokio::test]
    async fn its_own_address_is_never_a_target() {
        let rows = [
            ("127.0.0.1", 8080, "127.0.0.1:8080", true, "the same address"),
            ("127.0.0.1", 8080, "0.0.0.0:8080", true, "a listener on every address"),
            ("127.0.0.2", 8080, "127.0.0.1:8080", false, "another address of the machine"),
            ("127.0.0.1", 8081, "127.0.0.1:8080", false, "another port"),
            ("192.0.2.1", 8080, "0.0.0.0:8080", false, "not an address of this machine"),
        ];
        for (host, port, own, itself, reason) in rows {
            let target = target(host, port, own);
            target.resolve().await.unwrap();
            assert_eq!(target.is_itself(), itself, "{reason}");
            assert_eq!(target.next_peer(Upgrade::Drop, None).is_err(), itself, "{reason}");
        }
    }

    #[test]
    fn addresses_that_cannot_be_reached_rest() {
        let [a, b]: [SocketAddr; 2] = ["127.0.0.1:1".parse().unwrap(), "127.0.0.2:1".parse().unwrap()];
        type Row = ([u64; 2], usize, Option<usize>, usize, &'static str);
        let rows: &[Row] = &[
            ([0, 0], 0, None, 0, "both can be reached: by turns"),
            ([0, 0], 1, None, 1, "both can be reached: by turns"),
            ([9_000, 0], 0, None, 1, "the first rests"),
            ([9_000, 0], 1, None, 1, "the first rests"),
            ([0, 0], 0, Some(0), 1, "a retry takes the other"),
            ([9_000, 9_000], 0, None, 0, "all rest: any is better than none"),
            ([9_000, 9_000], 0, Some(0), 1, "all rest: the one not tried yet"),
            ([500, 0], 0, None, 0, "its rest is over: it is tried again"),
        ];
        for (rests, turn, failed, expected, reason) in rows {
            let usable = vec![Place::new(a, rests[0]), Place::new(b, rests[1])];
            let addresses = Addresses { usable, own: false };
            let address = |index: usize| if index == 0 { a } else { b };
            let picked = addresses.pick(*turn, 1_000, failed.map(address));
            assert_eq!(picked, Some(address(*expected)), "{reason}");
        }
        let addresses = Addresses { usable: vec![Place::new(a, 500), Place::new(b, 0)], own: false };
        assert_eq!(addresses.pick(0, 1_000, None), Some(a), "the first to come tries it");
        assert_eq!(addresses.pick(0, 1_000, None), Some(b), "the next does not wait for what the first finds");
        let one = Addresses { usable: vec![Place::new(a, 9_000)], own: false };
        assert_eq!(one.pick(0, 1_000, Some(a)), Some(a), "a single address is tried twice");
    }

    #[tokio::test]
    async fn a_tunnel_starts_no_timers() {
        let target = target("127.0.0.1", 80, "127.0.0.1:1");
        target.resolve().await.unwrap();
        let options = |upgrade| target.next_peer(upgrade, None).unwrap().options;
        assert_eq!(options(Upgrade::Drop).read_timeout, Some(Timeouts::default().read));
        assert_eq!(options(Upgrade::Preserve).read_timeout, None);
        assert!(options(Upgrade::Preserve).tcp_keepalive.is_some(), "a dead peer is found out another way");
    }

    #[test]
    fn an_authority_has_brackets_and_no_default_port() {
        for (tls, host, port, expected) in [
            (false, "shop.internal", 80, "shop.internal"),
            (true, "shop.internal", 80, "shop.internal:80"),
            (true, "shop.internal", 443, "shop.internal"),
            (false, "::1", 8080, "[::1]:8080"),
        ] {
            let upstream = Upstream { tls, host: host.to_owned(), port, ca: None };
            assert_eq!(Target::new(upstream, Vec::new(), &Timeouts::default(), false).authority(), expected);
        }
    }

    #[tokio::test]
    async fn a_name_without_address_is_an_error_not_a_panic() {
        let target = target("name.invalid", 80, "127.0.0.1:1");
        assert!(target.resolve().await.is_err());
        assert!(target.next_peer(Upgrade::Drop, None).is_err());
    }
}

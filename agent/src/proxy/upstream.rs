//! The upstream's addresses, kept fresh in the background, and the connection settings that go with them.
//!
//! Names are resolved here because Pingora would resolve them while a request waits.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use pingora::upstreams::peer::{ALPN, H1UpgradePolicy, HttpPeer};

use super::failure;
use crate::config::proxy::{Timeouts, Upstream};

/// How often names are looked up again.
const REFRESH: Duration = Duration::from_secs(10);
/// How often, while there is no address.
const REFRESH_WITHOUT_ADDRESS: Duration = Duration::from_secs(1);
/// An upgraded connection may be silent for long, on either side; nothing else ends it.
pub(super) const UPGRADED_READ: Duration = Duration::from_secs(24 * 3600);

/// Where requests go.
pub(super) struct Target {
    upstream: Upstream,
    /// The proxy's own listening addresses: sending there would be a loop.
    own: Vec<SocketAddr>,
    addresses: ArcSwap<Addresses>,
    turn: AtomicUsize,
    template: HttpPeer,
}

/// What the last lookup said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Addresses {
    usable: Vec<SocketAddr>,
    /// Whether some address was left out because it is our own.
    own: bool,
}

impl Target {
    pub(super) fn new(upstream: Upstream, own: Vec<SocketAddr>, timeouts: &Timeouts) -> Self {
        let template = template(&upstream, timeouts);
        Self { upstream, own, addresses: ArcSwap::default(), turn: AtomicUsize::new(0), template }
    }

    /// Looks the name up once. The error is a sentence.
    pub(super) async fn resolve(&self) -> Result<(), String> {
        let found = tokio::net::lookup_host((self.upstream.host.as_str(), self.upstream.port)).await;
        let found: Vec<SocketAddr> = found.map_err(|error| error.to_string())?.collect();
        if found.is_empty() {
            return Err("the name has no address".to_owned());
        }
        let (own, usable): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| self.is_own(*address));
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

    /// A peer for the next attempt: addresses take turns.
    pub(super) fn next_peer(&self, upgrade: Upgrade) -> pingora::Result<Box<HttpPeer>> {
        let addresses = self.addresses.load();
        let turn = self.turn.fetch_add(1, Relaxed);
        let address = turn.checked_rem(addresses.usable.len()).and_then(|turn| addresses.usable.get(turn));
        let Some(address) = address else {
            let cause = if addresses.own { failure::SELF } else { failure::RESOLVE };
            return pingora::Error::e_explain(pingora::ErrorType::Custom(cause), self.upstream.host.clone());
        };
        let mut peer = Box::new(self.template.clone());
        peer._address = (*address).into();
        if upgrade == Upgrade::Preserve {
            peer.options.http_upstream_request_policy.h1_upgrade = H1UpgradePolicy::Preserve;
            peer.options.read_timeout = Some(UPGRADED_READ);
        }
        Ok(peer)
    }

    fn is_own(&self, address: SocketAddr) -> bool {
        self.own.iter().any(|own| {
            own.port() == address.port()
                && (own.ip() == address.ip() || own.ip().is_unspecified() && is_local(address.ip()))
        })
    }
}

/// What to do with an `Upgrade` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// None, or one that names clear-text HTTP/2: not forwarded.
    Drop,
    /// Forwarded as it is.
    Preserve,
}

impl Addresses {
    fn is_empty(&self) -> bool {
        self.usable.is_empty()
    }
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
    peer
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    fn target(host: &str, port: u16, own: &str) -> Target {
        let upstream = Upstream { tls: false, host: host.to_owned(), port, ca: None };
        Target::new(upstream, vec![own.parse().unwrap()], &Timeouts::default())
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
            assert_eq!(target.next_peer(Upgrade::Drop).is_err(), itself, "{reason}");
        }
    }

    #[tokio::test]
    async fn a_name_without_address_is_an_error_not_a_panic() {
        let target = target("name.invalid", 80, "127.0.0.1:1");
        assert!(target.resolve().await.is_err());
        assert!(target.next_peer(Upgrade::Drop).is_err());
    }
}

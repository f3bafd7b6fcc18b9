//! The way out for one service's own calls: where they may go, and to which address.
//!
//! A name is looked up, its addresses are checked, and the connection goes to an address that was checked: nobody can
//! have a name mean something else in between.

pub(super) mod tunnel;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use pingora::http::RequestHeader;

use crate::config::egress::{Destination, is_forbidden};

/// Bytes of a host name at most (RFC 1035 allows 253).
const MAX_HOST: usize = 255;

/// The rules of one egress listener.
#[derive(Debug)]
pub(super) struct Egress {
    /// Calls say themselves where they go; otherwise they all go to the configured upstream.
    pub(super) is_forward: bool,
    allow: Vec<Destination>,
    own: Arc<ArcSwap<Own>>,
}

/// What this agent itself listens on.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Proxies: always allowed.
    pub(super) proxies: Vec<SocketAddr>,
    /// Egress listeners: never.
    pub(super) egress: Vec<SocketAddr>,
}

/// Where a call wants to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// A name or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// Why a call goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoWay {
    /// Its host has no address.
    Unknown,
    /// None of the addresses may be connected to.
    Forbidden,
}

impl Egress {
    pub(super) fn new(is_forward: bool, allow: Vec<Destination>, own: Arc<ArcSwap<Own>>) -> Self {
        Self { is_forward, allow, own }
    }

    /// The addresses a call may connect to, in the resolver's order.
    pub(super) async fn addresses(&self, wanted: &Wanted, limit: Duration) -> Result<Vec<SocketAddr>, NoWay> {
        let lookup = tokio::net::lookup_host((wanted.host.as_str(), wanted.port));
        let found = tokio::time::timeout(limit, lookup).await.map_err(|_| NoWay::Unknown)?;
        let found: Vec<SocketAddr> = found.map_err(|_| NoWay::Unknown)?.collect();
        if found.is_empty() {
            return Err(NoWay::Unknown);
        }
        let allowed: Vec<_> = found.into_iter().filter(|address| self.admits(&wanted.host, *address)).collect();
        if allowed.is_empty() { Err(NoWay::Forbidden) } else { Ok(allowed) }
    }

    /// Whether a call to this host may connect to this address.
    fn admits(&self, host: &str, address: SocketAddr) -> bool {
        let own = self.own.load();
        let is_any = |listeners: &[SocketAddr]| listeners.iter().any(|listen| leads_to(address, *listen));
        !is_forbidden(address.ip())
            && !is_any(&own.egress)
            && (is_any(&own.proxies) || self.allow.iter().any(|rule| rule.admits(host, address)))
    }
}

impl Wanted {
    /// From the target of a request for a forward proxy: `http://host:port/path` (RFC 9112, section 3.2.2).
    pub(super) fn of_target(target: &[u8]) -> Option<Self> {
        Self::of_authority(split(target)?.0, Some(80))
    }

    /// From an authority: `host:port`, with a default for the port where there is one.
    pub(super) fn of_authority(authority: &[u8], default: Option<u16>) -> Option<Self> {
        let authority = std::str::from_utf8(authority).ok()?;
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                address.parse::<std::net::Ipv6Addr>().ok()?;
                (address, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        if host.is_empty() || host.len() > MAX_HOST || !host.chars().all(is_host) {
            return None;
        }
        let is_number = |port: &&str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port {
            Some(port) => Some(port).filter(is_number)?.parse().ok()?,
            None => default?,
        };
        Some(Self { host: host.to_owned(), port }).filter(|_| port != 0)
    }
}

/// Makes of a request for a proxy one for the server itself: an origin-form target, the target's host as `Host`, and
/// nothing that was meant for the proxy. `host` replaces the `Host` of calls to a configured upstream.
///
/// # Errors
/// When the target cannot be a target, which it was when it came.
pub(super) fn rewrite(request: &mut RequestHeader, host: Option<String>) -> pingora::Result<()> {
    let target = request.raw_path().to_vec();
    let absolute = split(&target);
    if let Some((_, path)) = absolute {
        let options_of_all = path.is_empty() && request.method == http::Method::OPTIONS;
        let path = match path {
            _ if options_of_all => b"*".to_vec(),
            [b'/', ..] => path.to_vec(),
            query => [b"/", query].concat(),
        };
        request.set_raw_path(&path)?;
    }
    let authority = absolute.map(|(authority, _)| String::from_utf8_lossy(authority).into_owned());
    if let Some(host) = host.or(authority) {
        request.insert_header(http::header::HOST, host)?;
    }
    request.remove_header("Proxy-Connection");
    request.remove_header(&http::header::PROXY_AUTHORIZATION);
    Ok(())
}

/// Authority and the rest of an absolute target of scheme `http`.
fn split(target: &[u8]) -> Option<(&[u8], &[u8])> {
    const SCHEME: &[u8] = b"http://";
    let (scheme, rest) = target.split_at_checked(SCHEME.len())?;
    let rest = scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    Some(rest.split_at(end.unwrap_or(rest.len())))
}

/// Whether connecting to `address` reaches the listener. One on every address is reached by those of this machine.
fn leads_to(address: SocketAddr, listen: SocketAddr) -> bool {
    let (ip, on) = (address.ip().to_canonical(), listen.ip().to_canonical());
    listen.port() == address.port()
        && (ip == on || on.is_unspecified() && (ip.is_loopback() || std::net::UdpSocket::bind((ip, 0)).is_ok()))
}

#[cfg(test)]
mod tests;

//! The listener that a service's own calls leave through, and where they may go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

use super::proxy::Upstream;

/// A listener that belongs to one service: what comes in there, that service sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    /// Where to listen; a loopback address.
    pub listen: SocketAddr,
    /// Where every call goes. `None` makes it a forward proxy, for `HTTP_PROXY`: calls say themselves where they go.
    pub upstream: Option<Upstream>,
    /// Where a forward proxy may connect to, beside the listeners of this agent's own proxies.
    pub allow: Vec<Destination>,
}

/// Where calls may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The hosts.
    pub host: Hosts,
    /// The port; `None` means any.
    pub port: Option<u16>,
}

/// Some hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// Names as calls spell them, in lower case; `*` stands for any characters.
    Named(String),
    /// Addresses, whatever name leads there.
    In(IpNet),
}

/// A destination that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no destination; write a host, *.example.org, 10.0.0.0/8 or [2001:db8::]/32, with :PORT or without")]
pub struct NoDestination(pub String);

impl Destination {
    /// Whether a call to this host may connect to this address.
    #[must_use]
    pub fn admits(&self, host: &str, address: SocketAddr) -> bool {
        let host_fits = match &self.host {
            Hosts::Named(pattern) => matches_glob(pattern.as_bytes(), host.to_ascii_lowercase().as_bytes()),
            Hosts::In(net) => net.contains(&address.ip().to_canonical()),
        };
        host_fits && self.port.is_none_or(|port| port == address.port())
    }
}

impl FromStr for Destination {
    type Err = NoDestination;

    fn from_str(text: &str) -> Result<Self, NoDestination> {
        let wrong = || NoDestination(text.to_owned());
        if let Some(net) = network(text) {
            return Ok(Self { host: Hosts::In(net), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        if let Some(net) = network(host) {
            return Ok(Self { host: Hosts::In(net), port });
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*');
        if host.is_empty() || !host.chars().all(is_name) {
            return Err(wrong());
        }
        Ok(Self { host: Hosts::Named(host.to_ascii_lowercase()), port })
    }
}

/// A range, or one address; those of version 6 in brackets, which a range may do without.
fn network(text: &str) -> Option<IpNet> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Some(net);
    }
    match text.strip_prefix('[') {
        Some(rest) => {
            let (address, length) = rest.split_once(']')?;
            let address = address.parse::<Ipv6Addr>().ok()?;
            if length.is_empty() { Some(IpAddr::V6(address).into()) } else { format!("{address}{length}").parse().ok() }
        }
        // Without brackets nobody knows whether the last group is a port.
        None => Some(IpAddr::V4(text.parse().ok()?).into()),
    }
}

/// Whether `text` is `pattern`, where `*` stands for any bytes. Takes time in proportion to both lengths multiplied.
fn matches_glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // Where to go on if the last star has to stand for one byte more.
    let mut again: Option<(usize, usize)> = None;
    while from < text.len() {
        match (pattern.get(at), again) {
            (Some(b'*'), _) => {
                again = Some((at, from));
                at += 1;
            }
            (Some(byte), _) if text.get(from) == Some(byte) => (at, from) = (at + 1, from + 1),
            (_, Some((star, taken))) => {
                again = Some((star, taken + 1));
                (at, from) = (star + 1, taken + 1);
            }
            (_, None) => return false,
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// Addresses that no call may ever go to, allowed or not: link-local ones, which hold the metadata services of clouds,
/// those of these services that lie elsewhere, and those that are no host's.
#[must_use]
pub fn is_forbidden(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_forbidden_v4(address),
        IpAddr::V6(address) => is_forbidden_v6(address),
    }
}

fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    /// Azure's wire server, Alibaba's and Oracle's metadata.
    const METADATA: [Ipv4Addr; 3] =
        [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
    address.is_link_local()
        || address.octets()[0] == 0
        || address.is_broadcast()
        || address.is_multicast()
        || METADATA.contains(&address)
}

fn is_forbidden_v6(address: Ipv6Addr) -> bool {
    /// The metadata of AWS.
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    let [a, b, c, .., y, z] = address.segments();
    let embedded = |high: u16, low: u16| is_forbidden_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match (a, b) {
        // NAT64 (RFC 6052) and 6to4 (RFC 3056) lead to an address of version 4.
        (0x64, 0xff9b) if embedded(y, z) => return true,
        (0x2002, _) if embedded(b, c) => return true,
        _ => {}
    }
    let is_compatible = address.segments().iter().take(6).all(|segment| *segment == 0);
    address.is_unicast_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address == METADATA
        || is_compatible && !address.is_loopback()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn destinations_are_hosts_or_ranges() {
        type Row = (&'static str, &'static str, &'static str, bool, &'static str);
        let rows: &[Row] = &[
            ("shop.internal", "shop.internal", "10.0.0.1:80", true, "the name"),
            ("shop.internal", "SHOP.internal", "10.0.0.1:80", true, "names have no case"),
            ("shop.internal", "xshop.internal", "10.0.0.1:80", false, "the whole name"),
            ("*.internal", "a.b.internal", "10.0.0.1:80", true, "a star"),
            ("*.internal", "internal", "10.0.0.1:80", false, "the dot is part of it"),
            ("*.internal", "a.internal.evil.example", "10.0.0.1:80", false, "the end of the name"),
            ("*", "anything", "10.0.0.1:80", true, "anything"),
            ("shop*:8080", "shop-1", "10.0.0.1:8080", true, "a port"),
            ("shop*:8080", "shop-1", "10.0.0.1:80", false, "another port"),
            ("10.0.0.0/8", "shop", "10.1.2.3:80", true, "a range, whatever name leads there"),
            ("10.0.0.0/8", "shop", "11.1.2.3:80", false, "outside of it"),
            ("10.0.0.0/8:443", "shop", "10.1.2.3:443", true, "a range with a port"),
            ("10.0.0.0/8:443", "shop", "10.1.2.3:80", false, "another port"),
            ("10.1.2.3:443", "10.1.2.3", "10.1.2.3:443", true, "one address"),
            ("10.0.0.0/8", "shop", "[::ffff:10.1.2.3]:80", true, "a mapped address is the address it maps"),
            ("[2001:db8::]/32:443", "shop", "[2001:db8::1]:443", true, "version 6"),
            ("2001:db8::/32", "shop", "[2001:db8::1]:80", true, "without brackets"),
            ("[::1]:80", "localhost", "[::1]:80", true, "one address of version 6"),
        ];
        for (rule, host, address, admitted, reason) in rows {
            let rule: Destination = rule.parse().unwrap();
            assert_eq!(rule.admits(host, address.parse().unwrap()), *admitted, "{reason}");
        }
        for wrong in ["", ":80", "shop:x", "shop:99999", "http://shop", "a b", "10.0.0.0/99", "::1"] {
            assert!(wrong.parse::<Destination>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn link_local_and_metadata_addresses_are_forbidden_in_every_spelling() {
        let forbidden = [
            "169.254.169.254",
            "169.254.0.1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "255.255.255.255",
            "224.0.0.1",
            "ff02::1",
        ];
        for address in forbidden {
            assert!(is_forbidden(address.parse().unwrap()), "{address}");
        }
        for address in
            ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "8.8.8.8", "2001:db8::1", "fd00::1", "64:ff9b::808:808"]
        {
            assert!(!is_forbidden(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_glob_with_many_stars_takes_no_time() {
        let pattern = "*a".repeat(60) + "b";
        assert!(!matches_glob(pattern.as_bytes(), "a".repeat(5000).as_bytes()));
        assert!(matches_glob(b"a*b*c", b"a--b-b--c") && !matches_glob(b"a*b", b"a--b-") && matches_glob(b"**", b""));
    }
}

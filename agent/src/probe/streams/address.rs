//! Both ends of a connection, from the record that tells of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use throughline_common::connection::Addresses;

/// This end and the other one. IPv4 addresses that are mapped into IPv6 are IPv4 addresses; of an unknown family there is
/// nothing to tell.
#[must_use]
pub fn ends(addresses: &Addresses) -> (Option<SocketAddr>, Option<SocketAddr>) {
    let end = |bytes: [u8; 16], port| {
        let ip = match addresses.family {
            4 => {
                let [a, b, c, d, ..] = bytes;
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            6 => IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical(),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    };
    (end(addresses.local, addresses.local_port), end(addresses.remote, addresses.remote_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_by_their_family() {
        let four = [127, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7];
        let six = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let rows = [
            (4, four, Some("127.0.0.1:80"), "the first four bytes"),
            (6, mapped, Some("10.0.0.7:80"), "a socket of both families"),
            (6, six, Some("[fd00::1]:80"), "IPv6"),
            (0, six, None, "something else"),
        ];
        for (family, local, expected, reason) in rows {
            let addresses = Addresses { family, local, local_port: 80, ..Addresses::default() };
            let found = ends(&addresses).0.map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{reason}");
        }
    }
}

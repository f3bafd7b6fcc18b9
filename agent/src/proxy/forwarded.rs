//! `X-Forwarded-For`, `-Proto` and `-Host`, and the client's address that follows from them.

use std::net::IpAddr;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use pingora::http::RequestHeader;

use super::present::Present;
use crate::config::proxy::Forwarded;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Writes the three headers as `policy` says. The proxy's own listener is clear text, so the protocol is `http`.
///
/// `request` is what goes to the upstream, and `received` what the client's head had: a field that its `Connection`
/// header names is gone by now, so that no client can have the proxy's own removed.
///
/// # Errors
/// When a value is not a header value, which an address never is.
pub(super) fn write(
    request: &mut RequestHeader,
    policy: Forwarded,
    received: Present,
    peer: &HeaderValue,
) -> pingora::Result<()> {
    let keep = policy != Forwarded::Replace;
    let present = if received.connection { Present::of(&request.headers) } else { received };
    if policy == Forwarded::Append && present.forwarded_for {
        request.append_header("X-Forwarded-For", peer.clone())?;
    } else if !(keep && present.forwarded_for) {
        request.insert_header("X-Forwarded-For", peer.clone())?;
    }
    if !(keep && present.forwarded_proto) {
        request.insert_header("X-Forwarded-Proto", HeaderValue::from_static("http"))?;
    }
    if !(keep && present.forwarded_host) {
        match request.headers.get(http::header::HOST).cloned() {
            Some(host) => request.insert_header("X-Forwarded-Host", host)?,
            None => drop(request.remove_header(&HOST)),
        }
    }
    Ok(())
}

/// The client's address: the peer's, or behind trusted hops the last address in X-Forwarded-For that is none of them.
///
/// An entry that is no address ends the search: what stands before it cannot be trusted either.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted_hops: &[IpNet]) -> IpAddr {
    let trusted = |address: &IpAddr| trusted_hops.iter().any(|net| net.contains(address));
    let mut client = peer.to_canonical();
    if trusted_hops.is_empty() || !trusted(&client) {
        return client;
    }
    // Lines join in order, so the nearest hop is the last entry of the last line.
    let lines: Vec<&HeaderValue> = headers.get_all(FOR).iter().collect();
    for line in lines.into_iter().rev() {
        for entry in line.as_bytes().rsplit(|byte| *byte == b',') {
            let Some(address) = parse_entry(entry) else { return client };
            client = address;
            if !trusted(&client) {
                return client;
            }
        }
    }
    client
}

/// An entry is an address, perhaps with a port, perhaps in brackets.
fn parse_entry(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<std::net::SocketAddr>().map(|address| address.ip()))
        .or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>())
        .ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn the_client_is_the_last_untrusted_hop() {
        type Row = (&'static str, &'static [&'static str], &'static [&'static str], &'static str, &'static str);
        let rows: &[Row] = &[
            ("10.0.0.1", &["1.2.3.4"], &[], "10.0.0.1", "no hop is trusted: the header is anyone's word"),
            ("9.9.9.9", &["1.2.3.4"], &["10.0.0.0/8"], "9.9.9.9", "the peer is no trusted hop"),
            ("10.0.0.1", &["1.2.3.4"], &["10.0.0.0/8"], "1.2.3.4", "a trusted hop names its client"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], &["10.0.0.0/8"], "1.2.3.4", "trusted hops are skipped"),
            ("10.0.0.1", &["6.6.6.6", "1.2.3.4"], &["10.0.0.0/8"], "1.2.3.4", "the last line is the nearest"),
            ("10.0.0.1", &["nonsense, 10.0.0.2"], &["10.0.0.0/8"], "10.0.0.2", "nonsense ends the search"),
            ("10.0.0.1", &[], &["10.0.0.0/8"], "10.0.0.1", "no header"),
            ("10.0.0.1", &["1.2.3.4:5678"], &["10.0.0.0/8"], "1.2.3.4", "some proxies add the port"),
            ("10.0.0.1", &["[2001:db8::1]:443"], &["10.0.0.0/8"], "2001:db8::1", "version 6 with a port"),
            ("::ffff:10.0.0.1", &["1.2.3.4"], &["10.0.0.0/8"], "1.2.3.4", "a mapped address is the address it maps"),
        ];
        for (peer, lines, hops, expected, reason) in rows {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(FOR, line.parse().unwrap());
            }
            let hops: Vec<IpNet> = hops.iter().map(|hop| hop.parse().unwrap()).collect();
            let client = client_address(peer.parse().unwrap(), &headers, &hops);
            assert_eq!(client, expected.parse::<IpAddr>().unwrap(), "{reason}");
        }
    }

    #[test]
    fn headers_follow_the_policy() {
        type Row = (Forwarded, Option<&'static str>, &'static [&'static str], &'static str);
        let rows: &[Row] = &[
            (Forwarded::Preserve, None, &["10.0.0.1"], "absent: added"),
            (Forwarded::Preserve, Some("1.2.3.4"), &["1.2.3.4"], "present: left"),
            (Forwarded::Append, Some("1.2.3.4"), &["1.2.3.4", "10.0.0.1"], "present: the peer is added"),
            (Forwarded::Append, None, &["10.0.0.1"], "absent: added"),
            (Forwarded::Replace, Some("1.2.3.4"), &["10.0.0.1"], "written anew"),
        ];
        for (policy, present, expected, reason) in rows {
            let mut request = RequestHeader::build("GET", b"/", None).unwrap();
            request.insert_header("Host", "shop.example").unwrap();
            if let Some(present) = present {
                request.insert_header("X-Forwarded-For", *present).unwrap();
            }
            let received = Present::of(&request.headers);
            write(&mut request, *policy, received, &HeaderValue::from_static("10.0.0.1")).unwrap();
            let lines: Vec<&str> = request.headers.get_all(FOR).iter().map(|value| value.to_str().unwrap()).collect();
            assert_eq!(lines, *expected, "{reason}");
            assert_eq!(request.headers.get(HOST).unwrap(), "shop.example", "{reason}");
            assert_eq!(request.headers.get("x-forwarded-proto").unwrap(), "http", "{reason}");
        }
    }
}

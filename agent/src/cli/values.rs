//! How single values are read: addresses, URLs, durations. Errors name what was expected.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::proxy::Upstream;

/// An address to listen on: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or `:8080` for all of version 4.
///
/// # Errors
/// A sentence.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix(':').and_then(|port| port.parse().ok()) {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let local = text.starts_with("localhost:");
    local
        .then(|| text.to_socket_addrs().ok()?.find(SocketAddr::is_ipv4))
        .flatten()
        .ok_or_else(|| "expected ADDRESS:PORT, for example 127.0.0.1:8080 or :8080".to_owned())
}

/// An upstream URL: scheme, host and perhaps a port, nothing else.
///
/// # Errors
/// A sentence.
pub(super) fn upstream(text: &str) -> Result<Upstream, String> {
    const EXAMPLE: &str = "for example http://127.0.0.1:5000 or https://shop.internal";
    let url = url::Url::parse(text).map_err(|error| {
        if text.contains("://") { format!("{error}; {EXAMPLE}") } else { format!("the scheme is missing; {EXAMPLE}") }
    })?;
    let tls = match url.scheme() {
        "http" => false,
        "https" => true,
        scheme => return Err(format!("the scheme {scheme:?} is not served, only http and https; {EXAMPLE}")),
    };
    let host = match url.host() {
        Some(url::Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => return Err(format!("the host is missing; {EXAMPLE}")),
    };
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("paths are passed on as they come, so none may stand here; {EXAMPLE}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("credentials cannot stand here; {EXAMPLE}"));
    }
    let port = url.port_or_known_default().ok_or_else(|| format!("the port is missing; {EXAMPLE}"))?;
    if port == 0 {
        return Err(format!("no service listens on port 0; {EXAMPLE}"));
    }
    Ok(Upstream { tls, host, port, ca: None })
}

/// A duration: `5s`, `500ms`, `1m 30s`; a bare number means seconds.
///
/// # Errors
/// A sentence.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    humantime::parse_duration(text).map_err(|_| "expected a duration, for example 5s, 500ms or 1m".to_owned())
}

/// A duration that is not zero.
///
/// # Errors
/// A sentence.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("a time limit of zero would refuse everything".to_owned()),
        duration => Ok(duration),
    }
}

/// An address range; a bare address means itself alone.
///
/// # Errors
/// A sentence.
pub(super) fn network(text: &str) -> Result<ipnet::IpNet, String> {
    text.parse::<ipnet::IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| "expected an address range, for example 10.0.0.0/8 or 2001:db8::/32".to_owned())
}

/// A file that is there.
///
/// # Errors
/// A sentence.
pub(super) fn file(text: &str) -> Result<PathBuf, String> {
    match std::fs::metadata(text) {
        Ok(metadata) if metadata.is_file() => Ok(text.into()),
        Ok(_) => Err("this is no file".to_owned()),
        Err(error) => Err(format!("{error}; check the path")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_are_scheme_host_and_port() {
        type Row = (&'static str, Option<(bool, &'static str, u16)>, &'static str);
        let rows: &[Row] = &[
            ("http://127.0.0.1:5000", Some((false, "127.0.0.1", 5000)), "an address"),
            ("http://shop.internal", Some((false, "shop.internal", 80)), "the scheme's port"),
            ("https://shop.internal/", Some((true, "shop.internal", 443)), "a bare slash says nothing"),
            ("http://[::1]:5000", Some((false, "::1", 5000)), "version 6 loses its brackets"),
            ("127.0.0.1:5000", None, "no scheme"),
            ("shop:5000", None, "a scheme that is a host"),
            ("ftp://shop", None, "another scheme"),
            ("http://shop/path", None, "a path would be ignored"),
            ("http://shop?x", None, "a query would be ignored"),
            ("http://me:secret@shop", None, "credentials would be ignored"),
            ("http://shop:99999", None, "a port out of range"),
            ("http://shop:0", None, "a port nobody listens on"),
            ("", None, "nothing"),
        ];
        for (text, expected, reason) in rows {
            let read = upstream(text).ok();
            let read = read.as_ref().map(|upstream| (upstream.tls, upstream.host.as_str(), upstream.port));
            assert_eq!(read, *expected, "{reason}");
        }
    }

    #[test]
    fn listening_addresses_have_a_short_form() {
        let rows: &[(&str, Option<&str>, &str)] = &[
            ("127.0.0.1:8080", Some("127.0.0.1:8080"), "whole"),
            (":8080", Some("0.0.0.0:8080"), "all addresses"),
            ("[::1]:8080", Some("[::1]:8080"), "version 6"),
            ("8080", None, "a port alone could be meant for either"),
            ("127.0.0.1", None, "no port"),
            (":99999", None, "out of range"),
        ];
        for (text, expected, reason) in rows {
            assert_eq!(listen(text).ok().map(|address| address.to_string()).as_deref(), *expected, "{reason}");
        }
    }

    #[test]
    fn durations_have_units_or_are_seconds() {
        let rows: &[(&str, Option<u64>)] = &[
            ("5", Some(5000)),
            ("5s", Some(5000)),
            ("250ms", Some(250)),
            ("1m", Some(60_000)),
            ("-1", None),
            ("x", None),
        ];
        for (text, expected) in rows {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text}");
        }
        assert!(timeout("0").is_err());
    }
}

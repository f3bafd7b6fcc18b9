//! How single values are read: addresses, URLs, durations. Errors name what was expected.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use super::proxy::Upstream;

/// An address to listen on: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or `:8080` for all of version 4.
///
/// # Errors
/// A sentence.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
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
pub(crate) fn upstream(text: &str) -> Result<Upstream, String> {
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

/// No wait is longer: the clock's sums must not overflow, and a typing slip is likelier than patience.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A duration of at most a year: `5s`, `500ms`, `1m 30s`; a bare number means seconds.
///
/// # Errors
/// A sentence.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration = match text.parse::<u32>() {
        Ok(seconds) => Duration::from_secs(seconds.into()),
        Err(_) => humantime::parse_duration(text)
            .map_err(|_| "expected a duration, for example 5s, 500ms or 1m".to_owned())?,
    };
    if duration > LONGEST { Err("expected a year at most".to_owned()) } else { Ok(duration) }
}

/// A duration that is not zero.
///
/// # Errors
/// A sentence.
pub(crate) fn timeout(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("a time limit of zero would refuse everything".to_owned()),
        duration => Ok(duration),
    }
}

/// How many there may be each second.
///
/// # Errors
/// A sentence.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if number > 0.0 && number <= 1e6 { Ok(number) } else { Err("expected a number over 0, at most 1000000".to_owned()) }
}

/// Address ranges: one, or with `@` before it the name of a file that lists them; see [`listed_networks`].
///
/// # Errors
/// A sentence.
pub(crate) fn networks(text: &str) -> Result<Vec<ipnet::IpNet>, String> {
    let Some(path) = text.strip_prefix('@') else { return Ok(vec![network(text)?]) };
    let list = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}; check the path"))?;
    listed_networks(&list).map_err(|problem| format!("{path}: {problem}"))
}

/// Address ranges one a line or as a JSON array, the two forms in which Checkly publishes its own. `#` begins a comment.
///
/// # Errors
/// A sentence; an empty list too, because trusting nobody by mistake would record nothing.
pub(super) fn listed_networks(list: &str) -> Result<Vec<ipnet::IpNet>, String> {
    let words = list.lines().filter_map(|line| line.split('#').next()).flat_map(|line| {
        line.split(|c: char| c.is_whitespace() || matches!(c, ',' | '"' | '[' | ']')).filter(|word| !word.is_empty())
    });
    let ranges = words.map(|word| network(word).map_err(|problem| format!("{word:?}: {problem}")));
    let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
    if ranges.is_empty() { Err("lists no address range".to_owned()) } else { Ok(ranges) }
}

/// An address range; a bare address means itself alone.
pub(super) fn network(text: &str) -> Result<ipnet::IpNet, String> {
    text.parse::<ipnet::IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| "expected an address range, for example 10.0.0.0/8 or 2001:db8::/32".to_owned())
}

/// A file that is there.
///
/// # Errors
/// A sentence.
pub(crate) fn file(text: &str) -> Result<PathBuf, String> {
    match std::fs::metadata(text) {
        Ok(metadata) if metadata.is_file() => Ok(text.into()),
        Ok(_) => Err("this is no file".to_owned()),
        Err(error) => Err(format!("{error}; check the path")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

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
    fn ranges_may_be_listed_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let rows: &[(&str, Option<usize>, &str)] = &[
            ("10.0.0.0/8\n192.0.2.1\n", Some(2), "one a line"),
            ("[\"192.0.2.1\", \"192.0.2.2/32\"]", Some(2), "a JSON array"),
            ("# ours\n10.0.0.0/8 # the office\n", Some(1), "comments"),
            ("10.0.0.0/8\nnonsense\n", None, "a line that is no range"),
            ("# nothing\n", None, "trusting nobody by mistake would record nothing"),
        ];
        for (text, expected, reason) in rows {
            let path = folder.path().join("ranges");
            std::fs::write(&path, text).unwrap();
            assert_eq!(
                networks(&format!("@{}", path.display())).ok().map(|ranges| ranges.len()),
                *expected,
                "{reason}"
            );
        }
        assert!(networks("@/nowhere/ranges").is_err(), "a missing file");
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
            ("366d", Some(31_622_400_000)),
            ("367d", None),
            ("4294967295", None),
            ("500000000000years", None),
        ];
        for (text, expected) in rows {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text}");
        }
        assert!(timeout("0").is_err());
    }
}

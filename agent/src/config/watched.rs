//! What a whole configuration comes to for processes: which are watched, what their services are called, and which are
//! never watched.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::export::ExportTarget;
use super::proxy::Upstream;
use super::workload::{NameRule, Selector};
use super::{Config, WorkloadConfig};

impl WorkloadConfig {
    /// What the configuration comes to. A service behind a proxy is called the same by proxy and probe, unless a rule of
    /// the user's says otherwise.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let behind = config.proxies.iter().filter(|proxy| is_here(&proxy.upstream)).filter_map(|proxy| {
            let name = proxy.service.parse().ok()?;
            Some(NameRule { when: vec![Selector::Port(proxy.upstream.port)], name })
        });
        Self {
            targets: config.probe.targets.clone(),
            names: config.probe.names.iter().cloned().chain(behind).collect(),
            excluded: collectors(config),
        }
    }
}

/// Whether the upstream is on this machine, as far as its address says so by itself.
fn is_here(upstream: &Upstream) -> bool {
    upstream.host == "localhost" || upstream.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Where spans and metrics go, as far as that is an address: names are not looked up for this.
fn collectors(config: &Config) -> Vec<SocketAddr> {
    let spans = match &config.export.target {
        ExportTarget::Otlp(otlp) => Some(&otlp.endpoint),
        ExportTarget::Print | ExportTarget::None => None,
    };
    let metrics = config.export.metrics.as_ref().map(|metrics| &metrics.otlp.endpoint);
    spans.into_iter().chain(metrics).flat_map(addresses).collect()
}

fn addresses(endpoint: &url::Url) -> Vec<SocketAddr> {
    let Some(port) = endpoint.port_or_known_default() else { return Vec::new() };
    let hosts = match endpoint.host() {
        Some(url::Host::Ipv4(address)) => vec![IpAddr::V4(address)],
        Some(url::Host::Ipv6(address)) => vec![IpAddr::V6(address)],
        Some(url::Host::Domain("localhost")) => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Some(url::Host::Domain(_)) | None => Vec::new(),
    };
    hosts.into_iter().map(|host| SocketAddr::new(host, port)).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;

    #[test]
    fn collectors_are_known_by_their_addresses() {
        for (endpoint, expected, reason) in [
            ("http://127.0.0.1:4318/v1/traces", vec!["127.0.0.1:4318"], "an address"),
            ("http://localhost:4318", vec!["127.0.0.1:4318", "[::1]:4318"], "both of its addresses"),
            ("https://[::1]/x", vec!["[::1]:443"], "the port of the scheme"),
            ("https://otel.eu-west-1.checklyhq.com", vec![], "a name is elsewhere"),
        ] {
            let expected: Vec<SocketAddr> = expected.into_iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(addresses(&endpoint.parse().unwrap()), expected, "{reason}");
        }
    }

    #[test]
    fn upstreams_here_are_known_by_their_addresses() {
        let upstream = |host: &str| Upstream { tls: false, host: host.to_owned(), port: 80, ca: None };
        for (host, here) in [("localhost", true), ("127.0.0.2", true), ("::1", true), ("10.0.0.1", false), ("a", false)]
        {
            assert_eq!(is_here(&upstream(host)), here, "{host}");
        }
    }
}

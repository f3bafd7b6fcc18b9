//! What no single value can tell: two listeners on one address, requests that would go round, names used twice.

use std::net::{IpAddr, SocketAddr};

use super::problem::Place;
use super::proxies::Read;
use super::section::Reader;
use crate::config::proxy::Upstream;

/// An address that something listens on, and how to call it.
struct Listener<'a> {
    address: SocketAddr,
    at: Place,
    path: String,
    service: Option<&'a str>,
}

/// Checks all proxies, and the admin listener, against each other.
pub(super) fn together(reader: &mut Reader<'_>, proxies: &[Read], admin: (SocketAddr, Place)) {
    let mut listeners: Vec<Listener<'_>> = Vec::new();
    for read in proxies {
        let service = Some(read.config.service.as_str());
        let path = format!("{}.listen", read.path);
        listeners.push(Listener { address: read.config.listen, at: read.listen_at, path, service });
        if let Some(egress) = &read.config.egress {
            let path = format!("{}.egress.listen", read.path);
            listeners.push(Listener { address: egress.listen, at: read.egress_at, path, service: None });
        }
    }
    listeners.push(Listener { address: admin.0, at: admin.1, path: "admin.listen".to_owned(), service: None });
    shared_addresses(reader, &listeners);
    ways_round(reader, proxies, &listeners);
    shared_names(reader, proxies);
}

fn shared_addresses(reader: &mut Reader<'_>, listeners: &[Listener<'_>]) {
    for (n, listener) in listeners.iter().enumerate() {
        let mut before = listeners.iter().take(n);
        if let Some(other) = before.find(|other| overlap(other.address, listener.address)) {
            let problem = format!("{} is taken by {} (line {})", listener.address, other.path, other.at.line);
            reader.problem(listener.at, &listener.path, problem, "choose another port");
        }
    }
}

/// Port 0 takes a free one each time.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let anywhere = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (a.ip() == b.ip() || anywhere)
}

/// Follows each proxy's upstream as long as it is a proxy of this file.
fn ways_round(reader: &mut Reader<'_>, proxies: &[Read], listeners: &[Listener<'_>]) {
    for read in proxies {
        let Some(first) = proxy_at(proxies, &read.config.upstream) else {
            refuse_odd_target(reader, read, listeners);
            continue;
        };
        let path = format!("{}.upstream", read.path);
        let upstream = &read.config.upstream;
        let mut seen = vec![read.path.as_str()];
        let mut next = Some(first);
        while let Some(proxy) = next.filter(|proxy| !seen.contains(&proxy.path.as_str())) {
            seen.push(&proxy.path);
            next = proxy_at(proxies, &proxy.config.upstream);
        }
        if next.is_some_and(|proxy| proxy.path == read.path) {
            let way: Vec<&str> = seen.iter().chain(seen.first()).copied().collect();
            let problem = format!("{upstream} leads back here ({}): every request would loop", way.join(" -> "));
            reader.problem(read.upstream_at, &path, problem, "name the address of the service behind");
        } else if first.config.service == read.config.service {
            let problem = format!("{upstream} is {}, which stands before the same service", first.path);
            reader.problem(read.upstream_at, &path, problem, "name the service's own address, or leave one proxy out");
        } else {
            reader.warnings.push(format!(
                "{path} (line {}): {upstream} is {}, which stands before {:?}: each request passes two proxies",
                read.upstream_at.line, first.path, first.config.service
            ));
        }
    }
}

/// An egress listener or the admin port serves no requests of clients.
fn refuse_odd_target(reader: &mut Reader<'_>, read: &Read, listeners: &[Listener<'_>]) {
    let mut own = listeners.iter().filter(|listener| listener.service.is_none());
    if let Some(listener) = own.find(|listener| is_target(&read.config.upstream, listener.address)) {
        let problem = format!("{} is {}, which is no service", read.config.upstream, listener.path);
        reader.problem(read.upstream_at, &format!("{}.upstream", read.path), problem, "name the service behind");
    }
}

fn proxy_at<'a>(proxies: &'a [Read], upstream: &Upstream) -> Option<&'a Read> {
    proxies.iter().find(|read| is_target(upstream, read.config.listen))
}

/// Whether requests for `upstream` arrive at `listener`, as far as that can be seen without looking names up.
fn is_target(upstream: &Upstream, listener: SocketAddr) -> bool {
    let address = match upstream.host.as_str() {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        host => host.parse().ok(),
    };
    listener.port() != 0
        && listener.port() == upstream.port
        && address.is_some_and(|address: IpAddr| {
            address == listener.ip() || (listener.ip().is_unspecified() && address.is_loopback())
        })
}

/// Replicas of one service may well stand behind two proxies; two services must not bear one name.
fn shared_names(reader: &mut Reader<'_>, proxies: &[Read]) {
    for (n, read) in proxies.iter().enumerate() {
        let (service, upstream) = (&read.config.service, &read.config.upstream);
        let mut before = proxies.iter().take(n);
        let other = before.find(|other| other.config.service == *service && other.config.upstream != *upstream);
        if let Some(other) = other {
            reader.warnings.push(format!(
                "{}.service (line {}): {service:?} names {upstream} here and {} in {}: both are seen as one service",
                read.path, read.service_at.line, other.config.upstream, other.path
            ));
        }
    }
}

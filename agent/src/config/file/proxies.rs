//! The section `proxies`: what each listens to, what it stands before, and how it treats context.

use std::net::SocketAddr;

use super::named_files::{networks, pem};
use super::problem::Place;
use super::section::{Entry, Reader, Scalar, Section};
use crate::config::ProxyConfig;
use crate::config::egress::{Destination, Egress};
use crate::config::proxy::{Timeouts, Upstream};
use crate::config::values;
use crate::trace::admission::AdmissionConfig;
use crate::trace::decision::UpstreamKind;

/// A longer name is no name.
const LONGEST_NAME: usize = 255;

/// One proxy, and where in the file its parts stand.
pub(super) struct Read {
    pub(super) config: ProxyConfig,
    pub(super) path: String,
    pub(super) listen_at: Place,
    pub(super) upstream_at: Place,
    pub(super) service_at: Place,
    pub(super) egress_at: Place,
}

pub(super) fn read(reader: &mut Reader<'_>, entry: Entry) -> Vec<Read> {
    let (at, path) = (entry.at, entry.path.clone());
    let members = reader.list(entry);
    if members.is_empty() && reader.problems.iter().all(|problem| problem.path != path) {
        reader.problem(at, &path, "lists no proxy", "begin one with: - listen: 127.0.0.1:8080");
    }
    members.into_iter().filter_map(|member| reader.section(member).and_then(|section| proxy(reader, section))).collect()
}

fn proxy(reader: &mut Reader<'_>, mut section: Section) -> Option<Read> {
    let [listen_at, upstream_at, service_at, egress_at] =
        ["listen", "upstream", "service", "egress"].map(|key| section.place_of(key));
    let listen =
        required(reader, &mut section, "listen", "write where to listen, for example 127.0.0.1:8080", values::listen);
    let upstream = required(
        reader,
        &mut section,
        "upstream",
        "write the service's URL, for example http://127.0.0.1:5000",
        values::upstream,
    );
    let service =
        required(reader, &mut section, "service", "name the service behind, as its spans should bear it", service);
    // The placeholders are never used: without one of the three the section is refused below.
    let whole = listen.is_some() && upstream.is_some() && service.is_some();
    let mut config = ProxyConfig::new(
        listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
        upstream.unwrap_or_else(|| Upstream { tls: true, host: String::new(), port: 0, ca: None }),
        service.unwrap_or_default(),
    );
    treatment(reader, &mut section, &mut config);
    config.trust = networks(reader, &mut section, "trust");
    config.trusted_hops = networks(reader, &mut section, "trusted_hops");
    config.addresses = networks(reader, &mut section, "addresses");
    config.forwarded = reader.choice(&mut section, "forwarded").unwrap_or_default();
    config.access_log = reader.switch(&mut section, "access_log").unwrap_or_default();
    config.admission = admission(reader, &mut section);
    config.timeouts = timeouts(reader, &mut section);
    if let Some(bytes) = reader.number(&mut section, "max_header_bytes", 256..=1_048_576) {
        config.max_header_bytes = usize::try_from(bytes).unwrap_or(config.max_header_bytes);
    }
    let ca_at = section.place_of("upstream_ca");
    config.upstream.ca = pem(reader, &mut section, "upstream_ca");
    if config.upstream.ca.is_some() && !config.upstream.tls {
        let problem = "the upstream is reached in clear text, where no certificate is seen";
        reader.problem(ca_at, &section.path_of("upstream_ca"), problem, "write an https URL, or leave this out");
    }
    config.egress =
        section.take("egress").and_then(|entry| reader.section(entry)).and_then(|section| egress(reader, section));
    let path = section.path.clone();
    section.finish(reader);
    whole.then_some(Read { config, path, listen_at, upstream_at, service_at, egress_at })
}

/// How context is treated.
fn treatment(reader: &mut Reader<'_>, section: &mut Section, config: &mut ProxyConfig) {
    config.record = reader.choice(section, "record").unwrap_or_default();
    config.inject = reader.choice(section, "inject").unwrap_or_default();
    config.sampled = reader.choice(section, "sampled").unwrap_or_default();
    let instrumented = reader.switch(section, "instrumented").unwrap_or_default();
    let same_at = section.place_of("same_backend");
    let same = reader.switch(section, "same_backend").unwrap_or_default();
    config.upstream_kind = match (instrumented, same) {
        (true, true) => UpstreamKind::InstrumentedSameBackend,
        (true, false) => UpstreamKind::Instrumented,
        (false, false) => UpstreamKind::Uninstrumented,
        (false, true) => {
            let problem = "says where an instrumented service exports to, and the service is not said to be one";
            reader.problem(same_at, &section.path_of("same_backend"), problem, "add instrumented: true");
            UpstreamKind::Uninstrumented
        }
    };
}

fn required<T>(
    reader: &mut Reader<'_>,
    section: &mut Section,
    key: &'static str,
    remedy: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    if !section.has(key) {
        reader.missing(section, key, remedy);
    }
    reader.value(section, key, parse)
}

pub(super) fn service(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > LONGEST_NAME || text.chars().any(char::is_control) {
        return Err(format!("write a name of 1 to {LONGEST_NAME} bytes without control characters"));
    }
    Ok(text.to_owned())
}

/// `off`, or limits.
fn admission(reader: &mut Reader<'_>, section: &mut Section) -> Option<AdmissionConfig> {
    let default = AdmissionConfig::default();
    let Some(entry) = section.take("admission") else { return Some(default) };
    if entry.is_text() {
        let off = reader.scalar(entry).and_then(|scalar| {
            reader.parsed(&scalar, |text| match text {
                "off" => Ok(()),
                _ => Err("write off, or the keys rate, burst, keep and per_trace below".to_owned()),
            })
        });
        return if off.is_some() { None } else { Some(default) };
    }
    let Some(mut section) = reader.section(entry) else { return Some(default) };
    let small = |number: Option<u64>, default| number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default);
    let read = AdmissionConfig {
        rate: reader.value(&mut section, "rate", values::rate).unwrap_or(default.rate),
        burst: small(reader.number(&mut section, "burst", 1..=1_000_000), default.burst),
        keep: reader.value(&mut section, "keep", values::timeout).unwrap_or(default.keep),
        per_trace: small(reader.number(&mut section, "per_trace", 1..=u64::from(u32::MAX)), default.per_trace),
    };
    section.finish(reader);
    Some(read)
}

fn timeouts(reader: &mut Reader<'_>, section: &mut Section) -> Timeouts {
    let default = Timeouts::default();
    let Some(mut section) = section.take("timeouts").and_then(|entry| reader.section(entry)) else { return default };
    let mut time = |key, default| reader.value(&mut section, key, values::timeout).unwrap_or(default);
    let read = Timeouts {
        connect: time("connect", default.connect),
        read: time("read", default.read),
        write: time("write", default.write),
        downstream_idle: time("idle", default.downstream_idle),
        upstream_idle: time("upstream_idle", default.upstream_idle),
    };
    section.finish(reader);
    read
}

fn egress(reader: &mut Reader<'_>, mut section: Section) -> Option<Egress> {
    let listen =
        required(reader, &mut section, "listen", "write a loopback address, for example 127.0.0.1:8081", |text| {
            let address = values::listen(text)?;
            if address.ip().is_loopback() {
                Ok(address)
            } else {
                Err("write a loopback address: whoever reaches this listener can send through it".to_owned())
            }
        });
    let upstream = reader.value(&mut section, "upstream", values::upstream);
    let allow_at = section.place_of("allow");
    let says_allow = section.has("allow");
    let allow = reader.values(&mut section, "allow", |reader, scalar| destination(reader, scalar));
    if upstream.is_some() && says_allow {
        let problem = "all calls go to the upstream, so there is nothing to allow";
        reader.problem(allow_at, &section.path_of("allow"), problem, "leave out one of upstream and allow");
    }
    section.finish(reader);
    Some(Egress { listen: listen?, upstream, allow })
}

fn destination(reader: &mut Reader<'_>, scalar: &Scalar) -> Option<Destination> {
    reader.parsed(scalar, |text| {
        const EXPECTED: &str = "write a host, *.example.org, 10.0.0.0/8 or [2001:db8::]/32, with :PORT or without";
        text.parse().map_err(|_| EXPECTED.to_owned())
    })
}

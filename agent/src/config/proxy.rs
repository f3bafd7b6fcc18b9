//! One proxy: where it listens, where it sends, and how it treats context.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::trace::admission::AdmissionConfig;
use crate::trace::decision::{InjectPolicy, RecordMode, SampledPolicy, UpstreamKind};

/// One proxy.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to send.
    pub upstream: Upstream,
    /// `service.name` of the service behind.
    pub service: String,
    /// Which requests are recorded.
    pub record: RecordMode,
    /// Which requests may be given a new context.
    pub inject: InjectPolicy,
    /// What becomes of the `sampled` flag of a marked request.
    pub sampled: SampledPolicy,
    /// What is known of the service behind.
    pub upstream_kind: UpstreamKind,
    /// Sources whose marks count; empty means any.
    pub trust: Vec<IpNet>,
    /// Peers whose X-Forwarded-For is believed.
    pub trusted_hops: Vec<IpNet>,
    /// How many marked traces may be recorded; `None` means any number.
    pub admission: Option<AdmissionConfig>,
    /// What happens to `X-Forwarded-*`.
    pub forwarded: Forwarded,
    /// Whether each request is written to stdout as a JSON line.
    pub access_log: bool,
    /// Time limits.
    pub timeouts: Timeouts,
    /// The longest request head in bytes; a longer one is answered with 431.
    pub max_header_bytes: usize,
    /// A listener through which the service's own calls leave, so that their caller is known.
    pub egress: Option<EgressConfig>,
}

/// A listener on a loopback address through which the calls of one service leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where all calls go; `None` makes it a forward proxy, as `HTTP_PROXY` names one.
    pub upstream: Option<Upstream>,
    /// Where a forward proxy may send.
    pub allow: Vec<Destination>,
}

/// Where an egress listener may send: a host, all hosts of a domain or a range of addresses; perhaps one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The host or hosts.
    pub host: HostPattern,
    /// The port; `None` means any.
    pub port: Option<u16>,
}

/// The hosts a [`Destination`] names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// One name, in small letters.
    Name(String),
    /// Every name below a domain: `*.internal` is kept as `.internal`.
    Below(String),
    /// An address, or a range of them.
    Network(IpNet),
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Whether to speak TLS.
    pub tls: bool,
    /// A host name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Certificates to trust instead of the system's, as PEM.
    pub ca: Option<PathBuf>,
}

/// What happens to `X-Forwarded-For`, `-Proto` and `-Host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Forwarded {
    /// Left as they are, added only where absent.
    #[default]
    Preserve,
    /// The peer's address is added to X-Forwarded-For; the others as for `Preserve`.
    Append,
    /// All three are written anew.
    Replace,
}

/// Time limits of one proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to the upstream, TLS included.
    pub connect: Duration,
    /// Between two reads, from the upstream or of a client's body; none after an upgrade.
    pub read: Duration,
    /// Between two writes, to the upstream or to the client.
    pub write: Duration,
    /// How long a client may take until its next request head is whole, idle time included.
    pub downstream_idle: Duration,
    /// How long an unused connection to the upstream is kept.
    pub upstream_idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(60),
            write: Duration::from_secs(60),
            downstream_idle: Duration::from_secs(60),
            upstream_idle: Duration::from_millis(1500),
        }
    }
}

impl ProxyConfig {
    /// A proxy with every default.
    #[must_use]
    pub fn new(listen: SocketAddr, upstream: Upstream, service: String) -> Self {
        Self {
            listen,
            upstream,
            service,
            record: RecordMode::default(),
            inject: InjectPolicy::default(),
            sampled: SampledPolicy::default(),
            upstream_kind: UpstreamKind::default(),
            trust: Vec::new(),
            trusted_hops: Vec::new(),
            admission: Some(AdmissionConfig::default()),
            forwarded: Forwarded::default(),
            access_log: false,
            timeouts: Timeouts::default(),
            max_header_bytes: 64 * 1024,
            egress: None,
        }
    }
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl std::str::FromStr for Destination {
    type Err = String;

    /// `cart.internal`, `cart.internal:8080`, `*.internal`, `10.0.0.0/8`, `[::1]:8080`. The error is a sentence.
    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "write a host, *.domain or an address range, perhaps with a port: cart.internal:8080";
        if let Ok(network) = super::values::network(text) {
            return Ok(Self { host: HostPattern::Network(network), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => {
                let port = port.parse::<u16>().ok().filter(|port| *port > 0);
                (host, Some(port.ok_or_else(|| EXPECTED.to_owned())?))
            }
            None => (text, None),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(network) = super::values::network(bare) {
            return Ok(Self { host: HostPattern::Network(network), port });
        }
        let (below, name) = match host.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, host),
        };
        let is_name = !name.is_empty()
            && name.len() <= 253
            && name.split('.').all(|label| {
                !label.is_empty()
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            });
        if !is_name {
            return Err(EXPECTED.to_owned());
        }
        let name = name.to_ascii_lowercase();
        let host = if below { HostPattern::Below(format!(".{name}")) } else { HostPattern::Name(name) };
        Ok(Self { host, port })
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.host, self.port) {
            (HostPattern::Name(name), None) => write!(f, "{name}"),
            (HostPattern::Name(name), Some(port)) => write!(f, "{name}:{port}"),
            (HostPattern::Below(domain), None) => write!(f, "*{domain}"),
            (HostPattern::Below(domain), Some(port)) => write!(f, "*{domain}:{port}"),
            (HostPattern::Network(network), None) => write!(f, "{network}"),
            (HostPattern::Network(network), Some(port)) => write!(f, "[{network}]:{port}"),
        }
    }
}

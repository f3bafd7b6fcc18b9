//! One proxy: where it listens, where it sends, and how it treats context.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::egress::Egress;
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
    /// The listener that the service's own calls leave through, if it was given one.
    pub egress: Option<Egress>,
    /// Addresses that the service behind calls from, for callers that are not on this machine. One that stands for
    /// several services names none of them.
    pub addresses: Vec<IpNet>,
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
            addresses: Vec::new(),
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

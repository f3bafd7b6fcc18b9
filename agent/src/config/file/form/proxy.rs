//! The form of one member of `proxies`.

use schemars::JsonSchema;
use serde::Serialize;

use super::leaf::{Number, Switch, Texts, Time, Whole, Word};
use crate::config::proxy::Forwarded;
use crate::trace::decision::{InjectPolicy, RecordMode, SampledPolicy};

/// A reverse proxy before one HTTP service.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ProxyForm {
    /// Where to listen: 127.0.0.1:8080, or :8080 for all addresses; port 0 takes a free one.
    pub(in super::super) listen: String,
    /// The service behind, for example http://127.0.0.1:5000.
    pub(in super::super) upstream: String,
    /// The name of the service behind, on its spans and in reports.
    #[schemars(length(min = 1, max = 255))]
    pub(in super::super) service: String,
    /// Which requests are recorded. Default: marked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) record: Option<Word<RecordMode>>,
    /// Which requests may be given a new context. Default: recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) inject: Option<Word<InjectPolicy>>,
    /// What becomes of the sampled flag of a marked request. Default: set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) sampled: Option<Word<SampledPolicy>>,
    /// The service exports spans of its own: its context is left alone. Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) instrumented: Option<Switch>,
    /// ... and it exports them to the same backend: its context is continued. Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) same_backend: Option<Switch>,
    /// Marks count only from these sources: ranges, or @FILE that lists them. Default: from any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) trust: Option<Texts>,
    /// X-Forwarded-For is believed from these peers. Default: from none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) trusted_hops: Option<Texts>,
    /// Addresses that the service calls from, where it runs on another machine: ranges, or @FILE that lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) addresses: Option<Texts>,
    /// What happens to X-Forwarded-For, -Proto and -Host. Default: preserve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) forwarded: Option<Word<Forwarded>>,
    /// Certificates (PEM) to trust for an https upstream instead of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) upstream_ca: Option<String>,
    /// Each request is written to standard output as a JSON line. Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) access_log: Option<Switch>,
    /// How many marked traces are recorded: limits, or off for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) admission: Option<AdmissionForm>,
    /// Time limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) timeouts: Option<TimeoutsForm>,
    /// The longest request head in bytes; a longer one is answered with 431. Default: 65536.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) max_header_bytes: Option<Whole>,
    /// A listener through which the service's own calls leave, so that their caller is known for sure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) egress: Option<EgressForm>,
}

/// How many marked traces are recorded: limits, or `off` for every one.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in super::super) enum AdmissionForm {
    /// Every marked trace is recorded.
    Off(#[schemars(regex(pattern = r"^off$|\$\{env:"))] &'static str),
    /// Limits.
    Limits(AdmissionLimits),
}

/// Limits on marked traces; trusted and other sources have one set each.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct AdmissionLimits {
    /// New traces each second. Default: 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) rate: Option<Number>,
    /// New traces at once. Default: 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) burst: Option<Whole>,
    /// How long all requests of an admitted trace are recorded. Default: 60s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) keep: Option<Time>,
    /// Recorded requests of one trace at most. Default: 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) per_trace: Option<Whole>,
}

/// Time limits.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TimeoutsForm {
    /// For a connection to the upstream, TLS included. Default: 5s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) connect: Option<Time>,
    /// Between two reads, of an answer from the upstream or of a body from the client. Default: 60s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) read: Option<Time>,
    /// Between two writes, to the upstream or to the client. Default: 60s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) write: Option<Time>,
    /// How long a client may take until its next request head is whole, idle time included. Default: 60s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) idle: Option<Time>,
    /// How long an unused connection to the upstream is kept; keep it under the upstream's own limit. Default: 1500ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) upstream_idle: Option<Time>,
}

/// Either a forward proxy that sends where it is allowed to, or a way to one fixed upstream.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct EgressForm {
    /// A loopback address.
    pub(in super::super) listen: String,
    /// Where all calls go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) upstream: Option<String>,
    /// Where a forward proxy may send: hosts, *.domain or address ranges, perhaps with a port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) allow: Option<Texts>,
}

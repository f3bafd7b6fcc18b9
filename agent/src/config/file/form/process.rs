//! The forms of the sections that concern the process.

use schemars::JsonSchema;
use serde::Serialize;

use super::leaf::{Texts, Time, Whole};

/// How long the steps of a stop may take.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct StopForm {
    /// Between failing /readyz and closing the listeners, so that load balancers notice. Default: 0s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) delay: Option<Time>,
    /// For requests in flight to finish. Default: 20s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) drain: Option<Time>,
    /// For spans to be sent. Default: 5s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) flush: Option<Time>,
}

/// Health, metrics, reports and the emergency switch over HTTP.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct AdminForm {
    /// Where to listen. An address that other machines reach demands a token_file. Default: 127.0.0.1:9464. A change
    /// needs a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) listen: Option<String>,
    /// A file with the bearer token that requests have to present, except for /livez and /readyz. Not readable by others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) token_file: Option<String>,
}

/// What the report leaves out and takes in.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ReportForm {
    /// Findings that are known: CODE, or CODE=GLOB for some hops only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) suppress: Option<Texts>,
    /// Names or globs of peers in scope beside the services behind the proxies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) scope: Option<Texts>,
    /// Observations that are kept for the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) observations: Option<ObservationsForm>,
}

/// Observations that are kept for the report.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ObservationsForm {
    /// How much memory they may take. Default: 67108864.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) max_bytes: Option<Whole>,
}

/// Recording of what proxies and probe see.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ObserveForm {
    /// Where to write observations as NDJSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) file: Option<String>,
}

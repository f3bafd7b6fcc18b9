//! The form of the section `export`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::super::words::Compression;
use super::leaf::{Time, Whole, Word};
use crate::config::export::{ExportChoice, OtlpProtocol};

/// Where spans go.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ExportForm {
    /// To an OTLP endpoint, to standard output or nowhere. Default: otlp; without proxies, which make the spans, none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) to: Option<Word<ExportChoice>>,
    /// Default: http/protobuf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) protocol: Option<Word<OtlpProtocol>>,
    /// The base URL; /v1/traces is appended for HTTP. Default: http://localhost:4318, or :4317 for gRPC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) endpoint: Option<String>,
    /// The whole URL for spans, where it does not end with /v1/traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) traces_endpoint: Option<String>,
    /// Sent with each export request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) headers: Option<BTreeMap<String, String>>,
    /// For one export request. Default: 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) timeout: Option<Time>,
    /// Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) compression: Option<Word<Compression>>,
    /// Certificates (PEM) to trust instead of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) certificate: Option<String>,
    /// The agent's own certificate (PEM), for mutual TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) client_certificate: Option<String>,
    /// The key (PEM) of that certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) client_key: Option<String>,
    /// Resource attributes of every span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) resource: Option<BTreeMap<String, String>>,
    /// Queue and batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) queue: Option<QueueForm>,
}

/// Queue and batches.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct QueueForm {
    /// Places for spans. Default: 2048.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) max_size: Option<Whole>,
    /// Spans in one export request at most. Default: 512.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) max_batch: Option<Whole>,
    /// The longest a finished span waits for its batch to fill. Default: 1s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) delay: Option<Time>,
    /// For one batch, retries included. Default: 30s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) timeout: Option<Time>,
}

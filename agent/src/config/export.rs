//! Where spans go and how: the `OTEL_*` variables and the export flags.

use std::path::PathBuf;
use std::time::Duration;

/// Where spans go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportConfig {
    /// The kind of destination.
    pub target: ExportTarget,
    /// Queue and batches.
    pub queue: QueueConfig,
    /// Resource attributes beside `service.name`, in order.
    pub resource: Vec<(String, String)>,
}

/// The kind of destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportTarget {
    /// An OTLP endpoint.
    Otlp(OtlpConfig),
    /// One JSON object a span on stdout.
    Print,
    /// Nowhere: contexts are forwarded untouched.
    None,
}

/// An OTLP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpConfig {
    /// HTTP or gRPC.
    pub protocol: OtlpProtocol,
    /// The full URL for HTTP (with `/v1/traces`), or scheme and authority for gRPC.
    pub endpoint: url::Url,
    /// Sent with each export request.
    pub headers: Vec<(String, String)>,
    /// For one export request.
    pub timeout: Duration,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// Certificates to trust instead of the system's, as PEM.
    pub certificate: Option<PathBuf>,
    /// The client's own certificate and key, as PEM.
    pub client_identity: Option<(PathBuf, PathBuf)>,
}

/// How OTLP is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// Protobuf over HTTP/1.1.
    HttpProtobuf,
    /// gRPC.
    Grpc,
}

/// Queue and batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueConfig {
    /// Places for spans, reserved ones included.
    pub capacity: usize,
    /// Spans in one export request at most.
    pub batch: usize,
    /// The longest a finished span waits for its batch to fill.
    pub delay: Duration,
    /// For one batch, retries included.
    pub timeout: Duration,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            capacity: 2048,
            batch: 512,
            delay: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
        }
    }
}

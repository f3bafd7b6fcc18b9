//! Where spans go and how: the `--export` flag and the `OTEL_*` variables, checked and typed.
//!
//! The environment is an argument. Header values never show in `Debug` or in an error.

mod otlp;
mod pairs;
mod settings;
mod variables;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::ConfigError;

/// Where spans go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportConfig {
    /// The kind of destination.
    pub target: ExportTarget,
    /// Queue and batches.
    pub queue: QueueConfig,
    /// Resource attributes beside `service.name`, in order.
    pub resource: Vec<(String, String)>,
    /// Where the agent's own metrics are sent, if anywhere.
    pub metrics: Option<MetricsConfig>,
}

/// The kind of destination.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::large_enum_variant, reason = "one value a process")]
pub enum ExportTarget {
    /// An OTLP endpoint.
    Otlp(OtlpConfig),
    /// One JSON object a span on stdout.
    Print,
    /// Nowhere: contexts are forwarded untouched.
    #[default]
    None,
}

/// What `--export` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportChoice {
    /// To an OTLP endpoint.
    Otlp,
    /// To stdout.
    Print,
    /// Nowhere.
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
    pub headers: Vec<(String, Secret)>,
    /// For one export request.
    pub timeout: Duration,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// Certificates to trust instead of the system's, as PEM.
    pub certificate: Option<PathBuf>,
    /// The client's own certificate and key, as PEM.
    pub client_identity: Option<(PathBuf, PathBuf)>,
}

/// What a configuration file says of export. It counts where flag and variables are silent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportDefaults {
    /// The kind of destination.
    pub choice: Option<ExportChoice>,
    /// HTTP or gRPC.
    pub protocol: Option<OtlpProtocol>,
    /// The base URL, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it.
    pub endpoint: Option<url::Url>,
    /// The whole URL for spans, as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` has it.
    pub traces_endpoint: Option<url::Url>,
    /// Sent with each export request, where no variable names any.
    pub headers: Vec<(String, Secret)>,
    /// For one export request.
    pub timeout: Option<Duration>,
    /// Whether bodies are compressed.
    pub gzip: Option<bool>,
    /// Certificates to trust instead of the system's, as PEM.
    pub certificate: Option<PathBuf>,
    /// The client's own certificate and key, as PEM.
    pub client_identity: Option<(PathBuf, PathBuf)>,
    /// Resource attributes, where no variable names any.
    pub resource: Vec<(String, String)>,
    /// Places for spans.
    pub capacity: Option<usize>,
    /// Spans in one export request at most.
    pub batch: Option<usize>,
    /// The longest a finished span waits for its batch to fill.
    pub delay: Option<Duration>,
    /// For one batch, retries included.
    pub batch_timeout: Option<Duration>,
}

/// How OTLP is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// Protobuf over HTTP/1.1.
    HttpProtobuf,
    /// gRPC.
    Grpc,
}

/// Where the agent's own metrics are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsConfig {
    /// `service.name` of the agent itself; `None` means the program's.
    pub name: Option<String>,
    /// The endpoint; its path is `/v1/metrics` for HTTP.
    pub otlp: OtlpConfig,
    /// Between two exports.
    pub interval: Duration,
}

/// Queue and batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueConfig {
    /// Places for spans, reserved ones included.
    pub capacity: usize,
    /// Spans in one export request at most; a single request's spans are never split.
    pub batch: usize,
    /// The longest a finished span waits for its batch to fill.
    pub delay: Duration,
    /// For one batch, retries included.
    pub timeout: Duration,
}

/// A text that may be a credential: `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Something odd that does not stop the start. One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning(pub String);

impl ExportConfig {
    /// The settings that flag and environment ask for: the flag before the variables before the defaults. `env` looks
    /// a variable up; an empty value counts as unset, as the OpenTelemetry specification says.
    ///
    /// # Errors
    /// A value that cannot be used. Nothing falls back to a default silently.
    pub fn from_settings(
        choice: Option<ExportChoice>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Self, Vec<Warning>), ConfigError> {
        settings::read(choice, env, &ExportDefaults::default())
    }

    /// The same, with what a configuration file says between the variables and the defaults. There each proxy names its
    /// service, so that `OTEL_SERVICE_NAME` names the agent itself.
    ///
    /// # Errors
    /// A flag's or variable's value that cannot be used.
    pub fn from_file(
        choice: Option<ExportChoice>,
        env: &dyn Fn(&str) -> Option<String>,
        file: &ExportDefaults,
    ) -> Result<(Self, Vec<Warning>), ConfigError> {
        let (mut config, warnings) = settings::read(choice, env, file)?;
        if let Some(metrics) = &mut config.metrics {
            let attribute =
                || config.resource.iter().find(|(key, _)| key == "service.name").map(|(_, name)| name.clone());
            metrics.name = env("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()).or_else(attribute);
        }
        Ok((config, warnings))
    }
}

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the wire only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"(hidden)\"")
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { capacity: 2048, batch: 512, delay: Duration::from_secs(1), timeout: Duration::from_secs(30) }
    }
}

#[cfg(test)]
mod tests;

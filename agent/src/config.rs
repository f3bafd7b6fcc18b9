//! What the user asked for, checked and typed. A module receives its own part by value, never the whole, and never
//! reads the environment itself.

pub mod admin;
pub mod egress;
pub mod export;
pub mod file;
pub mod observe;
pub mod probe;
pub mod proxy;
pub mod report;
pub(crate) mod values;
mod watched;
pub mod workload;

pub use admin::AdminConfig;
pub use export::ExportConfig;
pub use observe::ObserveConfig;
pub use probe::ProbeConfig;
pub use proxy::ProxyConfig;
pub use report::ReportConfig;
pub use workload::WorkloadConfig;

use std::time::Duration;

/// Everything one agent needs to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The proxies, each with its own listener and upstream.
    pub proxies: Vec<ProxyConfig>,
    /// Where spans go.
    pub export: ExportConfig,
    /// Where health and metrics are served; `None` serves none.
    pub admin: Option<AdminConfig>,
    /// Proxy threads; each runs its own event loop.
    pub threads: usize,
    /// How to stop.
    pub stop: StopConfig,
    /// What the report leaves out and takes in.
    pub report: ReportConfig,
    /// What becomes of what proxies and probe see; `None` has them remember nothing.
    pub observe: Option<ObserveConfig>,
    /// What the kernel probe watches.
    pub probe: ProbeConfig,
}

/// How long the steps of a stop may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopConfig {
    /// Between failing readiness and closing the listeners, so that load balancers notice.
    pub delay: Duration,
    /// For requests in flight to finish.
    pub drain: Duration,
    /// For the exporter to deliver what it holds.
    pub flush: Duration,
}

impl Default for StopConfig {
    fn default() -> Self {
        Self { delay: Duration::ZERO, drain: Duration::from_secs(20), flush: Duration::from_secs(5) }
    }
}

/// A setting that cannot be used: which one, why, and what to write instead. One line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}; {remedy}")]
pub struct ConfigError {
    /// The flag or variable as the user wrote it, for example `--upstream` or `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub setting: String,
    /// What is wrong, naming the value.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

/// What to say where `OTEL_PROPAGATORS` leaves out the only format served; nothing is to be recorded then. An empty list
/// counts as unset, and unset means the default, which has it.
pub(crate) fn propagators(env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let list = env("OTEL_PROPAGATORS")?;
    let named = list.trim().is_empty() || list.split(',').any(|name| name.trim() == "tracecontext");
    (!named).then(|| {
        format!(
            "OTEL_PROPAGATORS={list} leaves tracecontext out, the only format served: nothing is recorded; \
             add tracecontext or unset it"
        )
    })
}

/// Proxy threads by default: one for each core.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

//! What the user asked for, checked and typed. A module receives its own part by value, never the whole, and never
//! reads the environment itself.

pub mod egress;
pub mod export;
pub mod observe;
pub mod proxy;

pub use export::ExportConfig;
pub use observe::ObserveConfig;
pub use proxy::ProxyConfig;

use std::net::SocketAddr;
use std::time::Duration;

/// Everything one agent needs to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The proxies, each with its own listener and upstream.
    pub proxies: Vec<ProxyConfig>,
    /// Where spans go.
    pub export: ExportConfig,
    /// Where health and metrics are served; `None` serves none.
    pub admin: Option<SocketAddr>,
    /// Proxy threads; each runs its own event loop.
    pub threads: usize,
    /// How to stop.
    pub stop: StopConfig,
    /// What becomes of what the proxies see; `None` has them remember nothing.
    pub observe: Option<ObserveConfig>,
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

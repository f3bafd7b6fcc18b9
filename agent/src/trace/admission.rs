//! Which marked traces are recorded: a token bucket over new traces, and a bound for each trace.

use std::time::Duration;

/// The limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdmissionConfig {
    /// New traces a second.
    pub rate: f64,
    /// New traces at once.
    pub burst: u32,
    /// How long an admitted trace stays admitted.
    pub keep: Duration,
    /// Requests of one trace at most.
    pub per_trace: u32,
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self { rate: 5.0, burst: 20, keep: Duration::from_secs(60), per_trace: 500 }
    }
}

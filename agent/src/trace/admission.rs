//! Which marked traces are recorded: a token bucket over new traces, and a bound for each trace.
//!
//! Knows no clock and no lock. Only admitted traces are remembered, so forged new ones cost no memory.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::ids::TraceId;

/// The limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdmissionConfig {
    /// New traces a second, for each kind of source.
    pub rate: f64,
    /// New traces at once, for each kind of source.
    pub burst: u32,
    /// How long an admitted trace stays admitted, from its first request.
    pub keep: Duration,
    /// Requests of one trace at most while it stays admitted.
    pub per_trace: u32,
}

/// The kind of source a marked request came from; each has its own bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An address that is trusted by name.
    Trusted,
    /// Any other.
    Other,
}

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// The first request of a trace that is now admitted.
    New,
    /// A further request of an admitted trace.
    Known,
    /// Not admitted: too many new traces.
    OverRate,
    /// Not admitted: too many requests of this trace.
    OverTrace,
}

crate::label!(Source { Trusted => "trusted", Other => "other" });
crate::label!(Admitted {
    New => "new",
    Known => "known",
    OverRate => "over_rate",
    OverTrace => "over_trace",
});

/// The traces admitted at present: at most `2 * (burst + rate * keep)`.
#[derive(Debug)]
pub struct Admission {
    config: AdmissionConfig,
    trusted: Bucket,
    other: Bucket,
    /// Requests seen of each admitted trace.
    requests: HashMap<TraceId, u32>,
    /// Admitted traces with the time of their end, oldest first.
    ends: VecDeque<(Duration, TraceId)>,
    /// The latest time seen; time never runs backwards from here.
    now: Duration,
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self { rate: 5.0, burst: 20, keep: Duration::from_secs(60), per_trace: 500 }
    }
}

impl Admitted {
    /// Whether the request may be recorded.
    #[must_use]
    pub const fn is_admitted(self) -> bool {
        matches!(self, Self::New | Self::Known)
    }
}

impl Admission {
    /// Full buckets and no traces.
    #[must_use]
    pub fn new(config: AdmissionConfig) -> Self {
        let bucket = Bucket { tokens: f64::from(config.burst), filled: Duration::ZERO };
        Self {
            config,
            trusted: bucket,
            other: bucket,
            requests: HashMap::new(),
            ends: VecDeque::new(),
            now: Duration::ZERO,
        }
    }

    /// Decides about one request. `now` is monotonic, since any fixed start; an earlier time than before counts as
    /// the time before.
    pub fn admit(&mut self, trace: TraceId, source: Source, now: Duration) -> Admitted {
        self.now = self.now.max(now);
        self.forget_ended();
        if let Some(requests) = self.requests.get_mut(&trace) {
            if *requests >= self.config.per_trace {
                return Admitted::OverTrace;
            }
            *requests += 1;
            return Admitted::Known;
        }
        if self.config.per_trace == 0 {
            return Admitted::OverTrace;
        }
        let bucket = match source {
            Source::Trusted => &mut self.trusted,
            Source::Other => &mut self.other,
        };
        if !bucket.take(&self.config, self.now) {
            return Admitted::OverRate;
        }
        self.requests.insert(trace, 1);
        self.ends.push_back((self.now.saturating_add(self.config.keep), trace));
        Admitted::New
    }

    /// How many traces are remembered.
    #[must_use]
    pub fn traces(&self) -> usize {
        self.requests.len()
    }

    /// Each trace is added and removed once, so this costs O(1) a request over time.
    fn forget_ended(&mut self) {
        while let Some((_, trace)) = self.ends.pop_front_if(|(end, _)| *end <= self.now) {
            self.requests.remove(&trace);
        }
    }
}

/// A token bucket.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Duration,
}

impl Bucket {
    fn take(&mut self, config: &AdmissionConfig, now: Duration) -> bool {
        let earned = now.saturating_sub(self.filled).as_secs_f64() * config.rate.max(0.0);
        self.tokens = (self.tokens + earned).min(f64::from(config.burst));
        self.filled = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests;

//! Whether this agent should be sent requests. Independent of the exporter and of every upstream: a load balancer
//! that empties all agents because a telemetry backend is down would turn a lost trace into an outage.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// How far the agent has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not all listeners are bound yet.
    Starting,
    /// Requests are accepted.
    Ready,
    /// Stopping: requests in flight are being finished.
    Draining,
}

/// The agent's phase, written by whoever starts and stops it and read by `/readyz`.
#[derive(Debug, Default)]
pub struct Readiness(AtomicU8);

impl Phase {
    /// The phase as `/readyz` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}

impl Readiness {
    /// The phase now; [`Phase::Starting`] at first.
    pub fn phase(&self) -> Phase {
        match self.0.load(Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    /// All listeners are bound. Does nothing once draining: a stopping agent never becomes ready again.
    pub fn ready(&self) {
        let _ = self.0.compare_exchange(0, 1, Relaxed, Relaxed);
    }

    /// The stop has begun.
    pub fn draining(&self) {
        self.0.store(2, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Phase, Readiness};

    #[test]
    fn phases_only_move_forward() {
        let readiness = Readiness::default();
        assert_eq!(readiness.phase(), Phase::Starting);
        readiness.ready();
        assert_eq!(readiness.phase(), Phase::Ready);
        readiness.draining();
        assert_eq!(readiness.phase(), Phase::Draining);
        readiness.ready();
        assert_eq!(readiness.phase(), Phase::Draining, "a stopping agent never becomes ready again");
    }
}

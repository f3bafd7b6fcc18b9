//! When to stop sending because nothing arrives, and when to try again.
//!
//! Pure: the time is an argument. Closed at the start; two failed batches in a row open it; it is tried again every
//! five seconds; one success closes it.

use std::time::{Duration, Instant};

/// Failed batches in a row that open the circuit.
pub const FAILURES_TO_OPEN: u32 = 2;
/// Between two trials while the circuit is open.
pub const TRIAL_INTERVAL: Duration = Duration::from_secs(5);

/// The state of one destination.
#[derive(Debug, Default)]
pub struct Circuit {
    failures: u32,
    next_trial: Option<Instant>,
}

impl Circuit {
    /// Whether nothing should be sent but trials.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.next_trial.is_some()
    }

    /// When the next trial may be made; `None` while closed.
    #[must_use]
    pub fn next_trial(&self) -> Option<Instant> {
        self.next_trial
    }

    /// A batch was taken by the backend. Returns whether this closed the circuit.
    pub fn succeeded(&mut self) -> bool {
        self.failures = 0;
        self.next_trial.take().is_some()
    }

    /// A batch was given up, or a trial failed. Returns whether this opened the circuit.
    pub fn failed(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        let opens = self.next_trial.is_none() && self.failures >= FAILURES_TO_OPEN;
        if opens || self.is_open() {
            self.postpone(now);
        }
        opens
    }

    /// A trial is under way, or was offered: the next one is an interval later.
    pub fn postpone(&mut self, now: Instant) {
        self.next_trial = Some(now + TRIAL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_two_failures_in_a_row_and_closes_on_success() {
        let start = Instant::now();
        let mut circuit = Circuit::default();
        for (step, success, open, reason) in [
            (0, false, false, "one failure may be chance"),
            (1, true, false, "a success forgets it"),
            (2, false, false, "first in a row"),
            (3, false, true, "second in a row"),
            (8, false, true, "the trial failed"),
            (13, true, false, "the trial went through"),
            (14, false, false, "counting starts anew"),
        ] {
            let now = start + Duration::from_secs(step);
            let was_open = circuit.is_open();
            let changed = if success { circuit.succeeded() } else { circuit.failed(now) };
            assert_eq!((circuit.is_open(), changed), (open, open != was_open), "{reason}");
            assert_eq!(circuit.next_trial(), open.then(|| now + TRIAL_INTERVAL), "{reason}");
        }
    }
}

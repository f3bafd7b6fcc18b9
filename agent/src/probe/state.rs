//! What the probe does now, for those who ask.

use std::sync::Arc;

use throughline_common::counter::Counter;

use super::ledger::Ledger;
use super::streams::Counts;
use crate::config::WorkloadConfig;
use crate::gap::observation::Completeness;
use crate::trace::counts::Label;
use crate::workload::Identity;

/// Kinds of refusals that are kept in words.
const MOST_PROBLEMS: usize = 16;

/// How the probe does.
#[derive(Debug, Clone)]
pub struct Status {
    /// What of it works.
    pub kernel: Ledger,
    /// What the kernel programs counted.
    pub counters: Vec<(Counter, u64)>,
    /// What was made of their records.
    pub streams: Counts,
    /// Connections that are followed now.
    pub connections: u64,
    /// The processes that are watched now.
    pub targets: Vec<Arc<Identity>>,
    /// Observations, by how much was seen.
    pub observations: Vec<(Completeness, u64)>,
    /// Exchanges that found no room behind the reader.
    pub dropped: u64,
    /// Exchanges of processes that nobody knows any more.
    pub strangers: u64,
    /// Times that a process set up io_uring.
    pub uring: u64,
    /// Processes that made 32-bit system calls.
    pub compat: u64,
    /// What could not be done: one sentence each.
    pub problems: Vec<String>,
}

/// What the keeper leaves.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) counters: Vec<(Counter, u64)>,
    pub(super) targets: Vec<Arc<Identity>>,
    pub(super) observations: Vec<u64>,
    pub(super) strangers: u64,
    pub(super) uring: u64,
    pub(super) compat: u64,
    pub(super) problems: Vec<String>,
    /// What is to be watched from now on, where that was changed.
    pub(super) wanted: Option<WorkloadConfig>,
}

impl State {
    pub(super) fn observed(&mut self, completeness: Completeness) {
        self.observations.resize(Completeness::ALL.len(), 0);
        if let Some(count) = self.observations.get_mut(completeness.index()) {
            *count += 1;
        }
    }

    /// The kernel refused something.
    pub(super) fn refused(&mut self, error: &std::io::Error) {
        let problem = format!("the kernel's tables cannot be changed: {error}");
        if self.problems.len() < MOST_PROBLEMS && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn observations(&self) -> Vec<(Completeness, u64)> {
        let counts = self.observations.iter().copied().chain(std::iter::repeat(0));
        Completeness::ALL.iter().copied().zip(counts).collect()
    }
}

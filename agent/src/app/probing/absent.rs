//! In the place of the probe, in a program that was built without it: it is always refused.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::{ProbeConfig, WorkloadConfig};
use crate::gap::sink::ObservationQueue;
use crate::report::ledger::ProbeLedger;

/// There is none.
pub(super) enum Probe {}

impl Probe {
    pub(super) fn start(
        _: &ProbeConfig,
        _: WorkloadConfig,
        _: Vec<SocketAddr>,
        _: Arc<dyn ObservationQueue>,
    ) -> Result<Self, &'static str> {
        Err("this program was built without the kernel probe; use one with the feature ebpf, on Linux")
    }

    pub(super) fn retarget(&self, _: WorkloadConfig) {
        match *self {}
    }

    pub(super) fn stop(&self) {
        match *self {}
    }
}

pub(super) fn ledger(probe: &Probe) -> ProbeLedger {
    match *probe {}
}

pub(super) fn watched(probe: &Probe) -> HashSet<Arc<str>> {
    match *probe {}
}

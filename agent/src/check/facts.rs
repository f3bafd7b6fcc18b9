//! What is so: looked up on this machine, on the network and in the configuration. Judges nothing.

mod bpf;
mod clock;
mod exporter;
mod kernel;
mod mounts;
mod network;
mod ports;
mod rights;
mod targets;

#[cfg(test)]
mod example;

use std::time::Duration;

pub(super) use bpf::{Bpf, ForeignPrograms, Loaded, ProgramKind, Trial};
pub(super) use clock::Clock;
#[cfg(test)]
pub(super) use exporter::Endpoint;
pub(super) use exporter::ExporterFact;
pub(super) use kernel::{Btf, Kernel, Lockdown, Release};
pub(super) use mounts::{CgroupMode, Mounts, Tracefs};
pub(super) use network::{Reached, UpstreamFact};
pub(super) use ports::{PortFact, PortState};
pub(super) use rights::{Capability, Rights, Seccomp};
pub(super) use targets::{TargetFact, TargetFacts};

use super::Plan;

/// For each question that goes over the network.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the questions are to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Whether anything is asked over the network: upstreams, the exporter.
    pub network: bool,
    /// Whether the kernel programs are loaded and attached as a trial.
    pub trial: bool,
}

/// Everything the rules judge.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The configuration.
    pub plan: Plan,
    /// The kernel and its settings.
    pub kernel: Kernel,
    /// What this process may.
    pub rights: Rights,
    /// What is mounted where.
    pub mounts: Mounts,
    /// What the kernel said to programs, ours and others'.
    pub bpf: Bpf,
    /// The addresses that the configuration listens on.
    pub ports: Vec<PortFact>,
    /// The upstreams of the configuration; `None` where nobody was to ask them.
    pub upstreams: Option<Vec<UpstreamFact>>,
    /// Whom the probe would watch, or why that is not known.
    pub targets: Result<TargetFacts, String>,
    /// Where spans go.
    pub exporter: ExporterFact,
    /// The clock.
    pub clock: Clock,
}

impl Facts {
    /// Whether what the probe lacks is of importance: unless a configuration has none.
    pub(super) fn wants_probe(&self) -> bool {
        !matches!(self.plan, Plan::Usable { .. }) || self.plan_wants_probe()
    }

    /// Whether a configuration asks for the probe.
    pub(super) fn plan_wants_probe(&self) -> bool {
        self.plan.config().is_some_and(|config| config.probe.is_wanted())
    }
}

/// Looks everything up. Takes a few seconds where hosts do not answer; they are asked side by side.
pub async fn gather(plan: Plan, asked: Asked) -> Facts {
    let kernel = Kernel::read();
    let rights = Rights::read();
    let mounts = Mounts::read();
    let bpf = Bpf::try_out(asked.trial);
    let ports = plan.config().map(ports::look).unwrap_or_default();
    let targets = plan.config().map_or_else(|| Ok(TargetFacts::default()), targets::look);
    let (upstreams, exporter) = match plan.config() {
        Some(config) if asked.network => {
            let (upstreams, exporter) =
                tokio::join!(network::reach(&config.proxies, PATIENCE), exporter::ask(&config.export, PATIENCE));
            (Some(upstreams), exporter)
        }
        Some(config) => (None, ExporterFact::unasked(&config.export)),
        None => (Some(Vec::new()), ExporterFact::Unknown),
    };
    let clock = Clock::read(&exporter);
    Facts { plan, kernel, rights, mounts, bpf, ports, upstreams, targets, exporter, clock }
}

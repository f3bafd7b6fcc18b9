//! The kernel probe in the agent: started where the configuration wants it, its refusal told, its account kept for the
//! admin port and for reports.

#[cfg_attr(not(all(feature = "ebpf", target_os = "linux")), path = "probing/absent.rs")]
mod account;
mod samples;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use self::account::Probe;
use super::{cross_check, memory};
use crate::config::probe::Enabled;
use crate::config::{Config, ProbeConfig, WorkloadConfig};
use crate::gap::sink::ObservationQueue;
use crate::report::ledger::{CrossCheck, ProbeLedger, ProbeState};
use crate::trace::counts::{Sample, Samples};

/// The probe cannot run where it has to: why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("probe: {0}")]
pub struct ProbeRefused(pub String);

/// The probe, or why there is none. Detached when it is dropped.
pub(super) struct Probing {
    view: Arc<View>,
}

/// What others may ask while it runs.
pub(super) struct View {
    state: State,
    cross_check: cross_check::Result,
    /// Whether there is anything that both see.
    has_proxies: bool,
}

enum State {
    Refused(String),
    Attached(Probe),
}

impl Probing {
    /// Attaches the probe, if it is wanted. What it sees goes to `queue`; at `own` the agent itself listens. To be called before other threads start: those
    /// that come later are then born with the rights that are left.
    ///
    /// # Errors
    /// It is refused, and the agent is not to run without it.
    pub(super) fn start(
        config: &Config,
        own: Vec<SocketAddr>,
        queue: &Arc<dyn ObservationQueue>,
    ) -> Result<Option<Self>, ProbeRefused> {
        if !config.probe.is_wanted() {
            return Ok(None);
        }
        let state = match memory::without_keeping(|| attach(config, own, queue)) {
            Ok(probe) => State::Attached(probe),
            Err(reason) if config.probe.enabled == Enabled::Always => return Err(ProbeRefused(reason)),
            Err(reason) => State::Refused(reason),
        };
        if config.probe.narrows_process {
            narrow();
        }
        let has_proxies = !config.proxies.is_empty();
        Ok(Some(Self { view: Arc::new(View { state, cross_check: Arc::default(), has_proxies }) }))
    }

    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view)
    }

    /// Watches what `config` wants from now on.
    pub(super) fn retarget(&self, config: &Config) {
        if let State::Attached(probe) = &self.view.state {
            probe.retarget(WorkloadConfig::of(config));
        }
    }

    /// Detaches it, and hands on what it has seen. Blocks until that is done.
    pub(super) fn stop(&self) {
        if let State::Attached(probe) = &self.view.state {
            probe.stop();
        }
    }
}

impl Drop for Probing {
    fn drop(&mut self) {
        self.stop();
    }
}

impl View {
    /// The probe's account of itself.
    pub(super) fn ledger(&self) -> ProbeLedger {
        match &self.state {
            State::Refused(reason) => {
                ProbeLedger { state: ProbeState::Refused, reason: Some(reason.clone()), ..ProbeLedger::default() }
            }
            State::Attached(probe) => ProbeLedger { cross_check: self.cross_check(), ..account::ledger(probe) },
        }
    }

    /// The services of the processes that are watched now.
    pub(super) fn watched(&self) -> HashSet<Arc<str>> {
        match &self.state {
            State::Refused(_) => HashSet::new(),
            State::Attached(probe) => account::watched(probe),
        }
    }

    /// Where the comparison with the proxies is kept.
    pub(super) fn cross_check_result(&self) -> &cross_check::Result {
        &self.cross_check
    }

    fn cross_check(&self) -> Option<CrossCheck> {
        self.has_proxies.then(|| *self.cross_check.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Samples for View {
    fn samples(&self, out: &mut Vec<Sample>) {
        samples::of(&self.ledger(), out);
    }
}

/// Whether a change from `before` to `now` has to wait for a restart: the probe is attached once, with the rights of the
/// start. Its targets and names may change at any time.
pub(super) fn needs_restart(before: &ProbeConfig, now: &ProbeConfig, is_running: bool) -> bool {
    let bounds = |config: &ProbeConfig| ProbeConfig { targets: Vec::new(), names: Vec::new(), ..config.clone() };
    bounds(before) != bounds(now) || (now.is_wanted() && !is_running)
}

fn attach(config: &Config, own: Vec<SocketAddr>, queue: &Arc<dyn ObservationQueue>) -> Result<Probe, String> {
    Probe::start(&config.probe, WorkloadConfig::of(config), own, Arc::clone(queue))
        .map_err(|refused| refused.to_string())
}

/// The calling thread, and with it all that are started later, give up what the agent does not need any more.
fn narrow() {
    #[cfg(all(feature = "ebpf", target_os = "linux"))]
    {
        use crate::privilege::{Narrowed, Role, narrow};
        let Narrowed { kept, problems } = narrow(Role::Agent);
        tracing::debug!(kept = kept.join(" "), "the probe is attached; other capabilities were dropped");
        for problem in problems {
            tracing::warn!(problem, "a right could not be given up");
        }
    }
}

//! A process that serves until it is told to stop: signals, what is said at the start and at the end. `proxy` and `agent`
//! share it.

use std::future::pending;
use std::io::Write;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;
use crate::app::{self, Addrs, Reloaded, Running};
use crate::config::workload::Selector;
use crate::config::{Config, ProxyConfig};
use crate::demo::stdin_closed;
use crate::proxy::Changes;
use crate::report::ledger::{ProbeState, RefusedProgram};

/// A second signal that comes sooner was not sent on purpose.
const ON_PURPOSE: Duration = Duration::from_secs(1);

/// Reads the configuration again: what it is now and what is odd about it, or every mistake, one line each.
pub(super) type Reload<'a> = &'a dyn Fn() -> Result<(Config, Vec<String>), Vec<String>>;

/// How to serve.
pub(super) struct Serve<'a> {
    /// Whether the end of standard input is a stop.
    pub(super) until_stdin_closes: bool,
    /// What SIGHUP asks for; without it SIGHUP ends the process.
    pub(super) reload: Option<Reload<'a>>,
}

/// Serves until SIGTERM or SIGINT; a second one ends it at once. SIGUSR1 turns the emergency switch.
pub(super) fn run(config: Config, warnings: &[String], serve: &Serve<'_>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::from)?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::listen(serve.reload.is_some()).map_err(anyhow::Error::from)?;
        let described = describe(&config);
        let (targets, gone) = (described_targets(&config), processes_gone(&config));
        let mut running = app::start(config)?;
        announce(running.addrs(), &described);
        tell_of_probe(&running, &targets);
        warn(&gone);
        warn(warnings);
        let mut stdin = pin!(async { if serve.until_stdin_closes { stdin_closed().await } else { pending().await } });
        loop {
            let asked = tokio::select! {
                asked = signals.next() => asked,
                () = &mut stdin => Asked::Stop,
            };
            match asked {
                Asked::Stop => break,
                Asked::Switch => {
                    let on = running.bypass().toggle();
                    tracing::warn!(bypass = on, "the emergency switch was turned by SIGUSR1");
                }
                Asked::Reload => {
                    if let Some(read) = serve.reload {
                        reload(&mut running, read).await;
                    }
                }
            }
        }
        tracing::info!("stopping: requests in flight are finished, spans are sent");
        tokio::select! {
            samples = running.stop() => Ok(farewell(&samples)),
            () = signals.stop_again() => {
                tracing::warn!("stopped at once by a second signal");
                Ok(ExitCode::FAILURE)
            }
        }
    });
    // After a second signal, threads that still wait for requests in flight end with the process.
    runtime.shutdown_background();
    outcome
}

/// What follows the bound address in the announcement, one for each proxy.
fn describe(config: &Config) -> Vec<String> {
    let describe = |proxy: &ProxyConfig| format!("upstream {}, service {:?}", proxy.upstream, proxy.service);
    config.proxies.iter().map(describe).collect()
}

/// Bound addresses, one line each. A closed standard error is no reason not to serve.
fn announce(addrs: &Addrs, described: &[String]) {
    let mut out = std::io::stderr();
    for (address, described) in addrs.proxies.iter().zip(described) {
        let _ = writeln!(out, "throughline: proxy listening on {address}, {described}");
    }
    for address in &addrs.egress {
        let _ = writeln!(out, "throughline: egress listening on {address}");
    }
    if let Some(address) = addrs.admin {
        let _ = writeln!(out, "throughline: admin listening on {address}");
    }
}

/// What the probe watches, as it is said at the start.
fn described_targets(config: &Config) -> String {
    config.probe.targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Processes that the probe is to watch and that are not there: one line each.
fn processes_gone(config: &Config) -> Vec<String> {
    let targets = if config.probe.is_wanted() { config.probe.targets.as_slice() } else { &[] };
    let gone = targets.iter().filter_map(|target| match target {
        Selector::Pid(pid) if !Path::new("/proc").join(pid.to_string()).exists() => Some(format!(
            "{target}: no process has this id, and nothing is watched by it; a service that is started again gets \
             another: name its port, executable or unit"
        )),
        _ => None,
    });
    gone.collect()
}

/// Whether there is a probe where one was asked for: one line.
fn tell_of_probe(running: &Running, targets: &str) {
    let Some(ledger) = running.probe() else { return };
    if ledger.state == ProbeState::Refused {
        let reason = ledger.reason.unwrap_or_default();
        tracing::warn!("the probe does not run, and the agent goes on without: {reason}");
        return;
    }
    let programs = match ledger.refused.len() {
        0 => format!("{} programs", ledger.programs),
        refused => format!("{} of {} programs", ledger.programs, ledger.programs + refused as u64),
    };
    let _ = writeln!(std::io::stderr(), "throughline: probe attached, {programs}, watching {targets}");
    for RefusedProgram { program, without, reason } in &ledger.refused {
        tracing::warn!(program, without, reason, "a program of the probe was refused");
    }
    for problem in &ledger.problems {
        tracing::warn!("probe: {problem}");
    }
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// Runs by what the configuration says now; by what it said before, where that cannot be.
async fn reload(running: &mut Running, read: Reload<'_>) {
    let (config, warnings) = match read() {
        Ok(read) => read,
        Err(mistakes) => {
            for mistake in &mistakes {
                tracing::error!("{mistake}");
            }
            tracing::error!(mistakes = mistakes.len(), "the configuration has mistakes: nothing was changed");
            return;
        }
    };
    let described = describe(&config);
    let Addrs { proxies: before, egress: egress_before, .. } = running.addrs().clone();
    match running.reload(config).await {
        Ok(Reloaded { proxies, exporter, targets, needs_restart }) => {
            let addrs = running.addrs().proxies.iter().zip(described);
            let (addresses, described): (Vec<_>, Vec<_>) =
                addrs.filter(|(address, _)| !before.contains(address)).unzip();
            let mut egress = running.addrs().egress.clone();
            egress.retain(|address| !egress_before.contains(address));
            let proxies_now = addresses.into_iter().copied().collect();
            announce(&Addrs { proxies: proxies_now, egress, admin: None }, &described);
            warn(&warnings);
            for setting in needs_restart {
                tracing::warn!(setting, "stays as it was: a change of this needs a restart");
            }
            let Changes { kept, changed, added, removed } = proxies;
            tracing::info!(kept, changed, added, removed, exporter, targets, "the configuration was read again");
        }
        Err(error) => tracing::error!("{error:#}; nothing was changed"),
    }
}

/// Spans that were lost are said to be lost.
fn farewell(samples: &[crate::trace::counts::Sample]) -> ExitCode {
    let total =
        |name: &str| samples.iter().filter(|sample| sample.name == name).map(|sample| sample.value).sum::<u64>();
    let (started, exported) = (total("throughline_spans_started"), total("throughline_spans_exported"));
    let (rejected, dropped) = (total("throughline_spans_rejected"), total("throughline_spans_dropped"));
    tracing::info!(started, exported, rejected, dropped, "stopped");
    ExitCode::SUCCESS
}

/// What a signal asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Stop,
    Switch,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    switch: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    fn listen(hangup: bool) -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            switch: signal(SignalKind::user_defined1())?,
            hangup: hangup.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.switch.recv() => Asked::Switch,
            () = received(self.hangup.as_mut()) => Asked::Reload,
        }
    }

    /// A second signal that somebody sent on purpose. Supervisors often send the first one twice, to a process and to
    /// its group; those come together.
    async fn stop_again(&mut self) {
        let begun = Instant::now();
        while self.next().await != Asked::Stop || begun.elapsed() < ON_PURPOSE {}
    }
}

async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => pending().await,
    }
}

//! `throughline proxy`: from flags and variables to a configuration, and from there to a process that runs until it is
//! told to stop.

use std::future::pending;
use std::io::Write;
use std::pin::pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::arguments::{LimitArguments, ProxyArguments};
use super::failure::Failure;
use super::{Environment, log};
use crate::app::{self, Running};
use crate::config::export::ExportConfig;
use crate::config::proxy::{Timeouts, Upstream};
use crate::config::{Config, ConfigError, ObserveConfig, ProxyConfig, StopConfig};
use crate::demo::stdin_closed;
use crate::trace::admission::AdmissionConfig;
use crate::trace::decision::{RecordMode, UpstreamKind};

/// A second signal that comes sooner was not sent on purpose.
const ON_PURPOSE: Duration = Duration::from_secs(1);

/// Runs a proxy until SIGTERM or SIGINT; a second one ends it at once. SIGUSR1 turns the emergency switch.
pub(super) fn run(arguments: ProxyArguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    let _log = log::start(env).map_err(Failure::Usage)?;
    let until_stdin_closes = arguments.until_stdin_closes;
    let (config, warnings) = configure(arguments, env)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::from)?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(anyhow::Error::from)?;
        let described = describe(&config);
        let running = app::start(config)?;
        announce(&running, &described);
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let mut stdin = pin!(async { if until_stdin_closes { stdin_closed().await } else { pending().await } });
        loop {
            let asked = tokio::select! {
                asked = signals.next() => asked,
                () = &mut stdin => Asked::Stop,
            };
            if asked == Asked::Stop {
                break;
            }
            let on = running.bypass().toggle();
            tracing::warn!(bypass = on, "the emergency switch was turned by SIGUSR1");
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

/// The configuration that flags and variables ask for, and what is odd about it.
fn configure(arguments: ProxyArguments, env: Environment<'_>) -> Result<(Config, Vec<String>), Failure> {
    let (export, odd) = ExportConfig::from_settings(arguments.export.map(Into::into), env)?;
    let mut warnings: Vec<String> = odd.iter().map(ToString::to_string).collect();
    let service = service_name(&arguments, &export, env);
    if let Some(address) = arguments.admin.filter(|address| !address.ip().is_loopback()) {
        return Err(ConfigError {
            setting: "--admin".to_owned(),
            problem: format!("{address} can be reached from other machines"),
            remedy: "choose a loopback address, for example 127.0.0.1:9464".to_owned(),
        }
        .into());
    }
    if arguments.same_backend && !arguments.instrumented {
        return Err(ConfigError {
            setting: "--same-backend".to_owned(),
            problem: "says where an instrumented service exports to, and the service is not said to be one".to_owned(),
            remedy: "add --instrumented".to_owned(),
        }
        .into());
    }
    if arguments.upstream_ca.is_some() && !arguments.upstream.tls {
        return Err(ConfigError {
            setting: "--upstream-ca".to_owned(),
            problem: "the upstream is reached in clear text, where no certificate is seen".to_owned(),
            remedy: "give an https URL to --upstream, or leave the certificates out".to_owned(),
        }
        .into());
    }
    let limits = &arguments.limits;
    let mut proxy =
        ProxyConfig::new(arguments.listen, Upstream { ca: arguments.upstream_ca, ..arguments.upstream }, service);
    proxy.record = arguments.record.into();
    proxy.inject = arguments.inject.into();
    proxy.sampled = arguments.sampled.into();
    proxy.upstream_kind = match (arguments.instrumented, arguments.same_backend) {
        (false, _) => UpstreamKind::Uninstrumented,
        (true, false) => UpstreamKind::Instrumented,
        (true, true) => UpstreamKind::InstrumentedSameBackend,
    };
    proxy.trust = arguments.trust.concat();
    proxy.trusted_hops = arguments.trusted_hop.concat();
    proxy.forwarded = arguments.forwarded.into();
    proxy.access_log = arguments.access_log;
    proxy.admission = admission(limits);
    proxy.timeouts = timeouts(limits);
    proxy.max_header_bytes = limits.max_header_bytes as usize;
    if let Some(propagators) = env("OTEL_PROPAGATORS").filter(|list| !names_tracecontext(list)) {
        proxy.record = RecordMode::None;
        warnings.push(format!(
            "OTEL_PROPAGATORS={propagators} leaves tracecontext out, the only format served: nothing is recorded; \
             add tracecontext or unset it"
        ));
    }
    let stop = StopConfig { delay: limits.drain_delay, drain: limits.drain_timeout, flush: limits.flush_timeout };
    let threads = arguments.threads.map_or_else(cores, usize::from);
    let observe = arguments.observe.map(|path| ObserveConfig {
        recording: Some(path),
        // Nothing asks for them here.
        keep_bytes: 0,
        ..ObserveConfig::default()
    });
    Ok((Config { proxies: vec![proxy], export, admin: arguments.admin, threads, stop, observe }, warnings))
}

/// The flag, else `OTEL_SERVICE_NAME`, else `service.name` of `OTEL_RESOURCE_ATTRIBUTES`, else the upstream's host.
fn service_name(arguments: &ProxyArguments, export: &ExportConfig, env: Environment<'_>) -> String {
    let attribute = || export.resource.iter().find(|(key, _)| key == "service.name").map(|(_, value)| value.clone());
    let upstream = &arguments.upstream;
    arguments
        .service
        .clone()
        .or_else(|| env("OTEL_SERVICE_NAME"))
        .filter(|name| !name.is_empty())
        .or_else(attribute)
        .unwrap_or_else(|| match upstream.host.parse::<std::net::IpAddr>() {
            Ok(address) => std::net::SocketAddr::new(address, upstream.port).to_string(),
            Err(_) => upstream.host.clone(),
        })
}

fn admission(limits: &LimitArguments) -> Option<AdmissionConfig> {
    (!limits.no_admission).then_some(AdmissionConfig {
        rate: limits.admission_rate,
        burst: limits.admission_burst,
        keep: limits.admission_keep,
        per_trace: limits.admission_per_trace,
    })
}

fn timeouts(limits: &LimitArguments) -> Timeouts {
    Timeouts {
        connect: limits.connect_timeout,
        read: limits.read_timeout,
        write: limits.write_timeout,
        downstream_idle: limits.idle_timeout,
        upstream_idle: limits.upstream_idle_timeout,
    }
}

/// An empty list counts as unset, and unset means the default, which has it.
fn names_tracecontext(list: &str) -> bool {
    list.trim().is_empty() || list.split(',').any(|name| name.trim() == "tracecontext")
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What follows the bound address in the announcement, one for each proxy.
fn describe(config: &Config) -> Vec<String> {
    let describe = |proxy: &ProxyConfig| {
        let Upstream { tls, host, port, .. } = &proxy.upstream;
        let scheme = if *tls { "https" } else { "http" };
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!("upstream {scheme}://{host}:{port}, service {:?}", proxy.service)
    };
    config.proxies.iter().map(describe).collect()
}

/// Bound addresses, one line each. A closed standard error is no reason not to serve.
fn announce(running: &Running, described: &[String]) {
    let mut out = std::io::stderr();
    let addrs = running.addrs();
    for (address, described) in addrs.proxies.iter().zip(described) {
        let _ = writeln!(out, "throughline: proxy listening on {address}, {described}");
    }
    if let Some(address) = addrs.admin {
        let _ = writeln!(out, "throughline: admin listening on {address}");
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
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    switch: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            switch: signal(SignalKind::user_defined1())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.switch.recv() => Asked::Switch,
        }
    }

    /// A second signal that somebody sent on purpose. Supervisors often send the first one twice, to a process and to
    /// its group; those come together.
    async fn stop_again(&mut self) {
        let begun = Instant::now();
        while self.next().await == Asked::Switch || begun.elapsed() < ON_PURPOSE {}
    }
}

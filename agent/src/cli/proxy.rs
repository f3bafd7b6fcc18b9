//! `throughline proxy`: from flags and variables to a configuration, and from there to a process that runs until it is
//! told to stop.

use std::process::ExitCode;

use super::arguments::{LimitArguments, ProxyArguments};
use super::failure::Failure;
use super::serve::{self, Serve};
use super::{Environment, log};
use crate::config::export::ExportConfig;
use crate::config::proxy::{Timeouts, Upstream};
use crate::config::{
    self, AdminConfig, Config, ConfigError, ObserveConfig, ProbeConfig, ProxyConfig, ReportConfig, StopConfig,
};
use crate::trace::admission::AdmissionConfig;
use crate::trace::decision::{RecordMode, UpstreamKind};

/// Runs a proxy until SIGTERM or SIGINT; a second one ends it at once. SIGUSR1 turns the emergency switch.
pub(super) fn run(arguments: ProxyArguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    let _log = log::start(env).map_err(Failure::Usage)?;
    let until_stdin_closes = arguments.until_stdin_closes;
    let (config, warnings) = configure(arguments, env)?;
    serve::run(config, &warnings, &Serve { until_stdin_closes, reload: None })
}

/// The configuration that flags and variables ask for, and what is odd about it.
fn configure(arguments: ProxyArguments, env: Environment<'_>) -> Result<(Config, Vec<String>), Failure> {
    let (export, odd) = ExportConfig::from_settings(arguments.export.map(Into::into), env)?;
    let mut warnings: Vec<String> = odd.iter().map(ToString::to_string).collect();
    let service = service_name(&arguments, &export, env);
    let admin = arguments.admin.map(AdminConfig::open);
    if let Some(admin) = &admin {
        admin.check("--admin")?;
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
    if let Some(warning) = config::propagators(env) {
        proxy.record = RecordMode::None;
        warnings.push(warning);
    }
    let stop = StopConfig { delay: limits.drain_delay, drain: limits.drain_timeout, flush: limits.flush_timeout };
    let threads = arguments.threads.map_or_else(config::cores, usize::from);
    let observe = arguments.observe.map(|path| ObserveConfig {
        recording: Some(path),
        // Nothing asks for them here.
        keep_bytes: 0,
        ..ObserveConfig::default()
    });
    let report = ReportConfig::default();
    // The probe is the agent's: it watches processes, and this command stands before one service.
    let probe = ProbeConfig::default();
    Ok((Config { proxies: vec![proxy], export, admin, threads, stop, report, observe, probe }, warnings))
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

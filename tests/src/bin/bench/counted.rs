//! The other side of the allocation count: this program as a proxy whose allocator counts every call.

use std::alloc::System;
use std::io::BufRead as _;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use throughline::config::export::ExportChoice;
use throughline::config::proxy::Upstream;
use throughline::config::{Config, ExportConfig, ObserveConfig, ProbeConfig, ProxyConfig, ReportConfig, StopConfig};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The argument that asks for this mode; `bare`, `agent` or `observing`, and the addresses of listener, upstream and collector
/// follow.
pub(crate) const FLAG: &str = "--serve-counted";

/// Serves, and answers each line on standard input with the number of allocations so far.
///
/// # Errors
/// Arguments that are missing or wrong, and a proxy that does not start.
pub(crate) fn serve(arguments: &[String]) -> anyhow::Result<()> {
    let [kind, listen, upstream, collector] = arguments else { bail!("{FLAG} needs four arguments") };
    let (listen, upstream): (SocketAddr, SocketAddr) = (listen.parse()?, upstream.parse()?);
    let folder = tempfile::tempdir()?;
    let _running = match kind.as_str() {
        "bare" => {
            std::thread::spawn(move || throughline_tests::bare::serve(listen, upstream));
            None
        }
        "agent" => Some(throughline::app::start(config(listen, upstream, collector)?)?),
        "observing" => {
            let mut config = config(listen, upstream, collector)?;
            let recording = Some(folder.path().join("recording"));
            config.observe = Some(ObserveConfig { recording, keep_bytes: 0, ..ObserveConfig::default() });
            Some(throughline::app::start(config)?)
        }
        other => bail!("{FLAG}: {other:?} is no proxy"),
    };
    for line in std::io::stdin().lock().lines() {
        line?;
        let stats = ALLOCATOR.stats();
        println!("{}", stats.allocations + stats.reallocations);
    }
    Ok(())
}

/// What `throughline proxy --no-admission --threads 1` runs with.
fn config(listen: SocketAddr, upstream: SocketAddr, collector: &str) -> anyhow::Result<Config> {
    let environment = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(format!("http://{collector}")),
        "OTEL_BSP_MAX_QUEUE_SIZE" => Some(crate::subject::QUEUE.to_owned()),
        _ => None,
    };
    let (export, _) = ExportConfig::from_settings(Some(ExportChoice::Otlp), &environment).context("export settings")?;
    let upstream = Upstream { tls: false, host: upstream.ip().to_string(), port: upstream.port(), ca: None };
    let mut proxy = ProxyConfig::new(listen, upstream, "shop".to_owned());
    proxy.admission = None;
    Ok(Config {
        proxies: vec![proxy],
        export,
        admin: None,
        threads: 1,
        stop: StopConfig::default(),
        report: ReportConfig::default(),
        observe: None,
        probe: ProbeConfig::default(),
    })
}

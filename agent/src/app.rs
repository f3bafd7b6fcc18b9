//! Starts, changes and stops one agent: the only module that knows all others.

mod cross_check;
mod feeder;
mod judging;
mod memory;
mod observing;
mod probing;
mod reload;
mod roll;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;

use crate::admin::{self, AdminState, Readiness};
use crate::config::{Config, ObserveConfig, ProxyConfig};
use crate::export::metrics::{self, MetricsExport};
use crate::export::{self, Exporter};
use crate::gap::sink::ObservationQueue;
use crate::proxy::{self, Bound, Outlet, ProxyCounts, Serving, Surroundings};
use crate::report::ledger::ProbeLedger;
use crate::store::recent::Recent;
use crate::trace::bypass::Bypass;
use crate::trace::counts::{Sample, Samples, SpanCounts};
use crate::trace::decision::{InjectPolicy, RecordMode};
use feeder::ObserveCounts;
use observing::{Observing, Prepared};
use probing::Probing;

pub use probing::ProbeRefused;
pub use reload::Reloaded;

/// A running agent.
pub struct Running {
    addrs: Addrs,
    /// What it runs by. Proxies, export and stop are as the last change wants them, the rest as at the start.
    config: Config,
    drain: watch::Sender<Duration>,
    surroundings: Surroundings,
    readiness: Arc<Readiness>,
    bypass: Arc<Bypass>,
    numbers: Arc<Numbers>,
    serving: Serving,
    observing: Option<Observing>,
    probing: Option<Probing>,
    exporter: Exporter,
    /// Exporters that a change replaced and that still send what they hold.
    retiring: TaskTracker,
    metrics: Option<MetricsExport>,
    admin: Option<Admin>,
    service: Service,
}

/// What the agent is bound to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addrs {
    /// One for each proxy, in the configuration's order.
    pub proxies: Vec<SocketAddr>,
    /// The egress listener of each proxy that has one, in the same order.
    pub egress: Vec<SocketAddr>,
    /// Health and metrics.
    pub admin: Option<SocketAddr>,
}

/// Everything that counts.
struct Numbers {
    spans: Arc<SpanCounts>,
    proxies: Arc<ProxyCounts>,
    exporter: ArcSwap<Arc<dyn Samples>>,
    observing: Option<Arc<dyn Samples>>,
}

/// The small event loop that exporter, admin and name lookups share.
struct Service {
    handle: tokio::runtime::Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The admin listener's task.
struct Admin {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

/// Binds everything, then starts everything. Nothing is left running on an error.
///
/// # Errors
/// A port in use, a file that cannot be read, a setting that cannot be used; [`ProbeRefused`] where the probe has to run
/// and cannot.
pub fn start(config: Config) -> anyhow::Result<Running> {
    // Whoever came first, for example another agent in this process, installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let threads = config.threads.max(1);
    let bind = |proxy: &ProxyConfig| Bound::bind(proxy.clone(), threads);
    let mut bound = config.proxies.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
    let admin_listener = config.admin.as_ref().map(|admin| bind_admin(admin.listen)).transpose()?;
    let addrs = Addrs {
        proxies: bound.iter().map(Bound::address).collect(),
        egress: bound.iter().filter_map(Bound::egress_address).collect(),
        admin: admin_listener.as_ref().map(|(address, _)| *address),
    };

    let recording = observing::open(config.observe.as_ref())?;
    let counts = Arc::<ObserveCounts>::default();
    let (queue, inbox) = feeder::queue(Arc::clone(&counts));
    // Before any other thread: it needs rights that all others are better without.
    let own = addrs.proxies.iter().chain(&addrs.egress).copied().collect();
    let probing = Probing::start(&config, own, &(Arc::new(queue) as Arc<dyn ObservationQueue>))?;
    let prepared = Prepared { recording, inbox, counts, view: probing.as_ref().map(Probing::view) };

    let service = powerless(&config, Service::start)?;
    let spans = Arc::new(SpanCounts::default());
    let exporter = export::start(config.export.clone(), Arc::clone(&spans), &service.handle)?;
    for proxy in &mut bound {
        settle_recording(proxy.config_mut(), exporter.takes_unmarked());
        warn_of(proxy.config_mut());
    }
    let report = config.report.clone();
    let observe = config.observe.clone().or_else(|| probing.as_ref().map(|_| ObserveConfig::default()));
    let observing = observe.map(|config| Observing::start(config, &report, &bound, prepared)).transpose()?;
    let readiness = Arc::new(Readiness::default());
    let bypass = Arc::new(Bypass::default());
    let numbers = Arc::new(Numbers {
        spans: Arc::clone(&spans),
        proxies: Arc::new(ProxyCounts::default()),
        exporter: ArcSwap::from_pointee(exporter.numbers()),
        observing: observing.as_ref().map(Observing::numbers),
    });
    let (drain_time, drain) = watch::channel(config.stop.drain);
    let surroundings = Surroundings {
        outlet: Arc::new(Outlet::new(exporter.sink())),
        span_counts: spans,
        bypass: Arc::clone(&bypass),
        counts: Arc::clone(&numbers.proxies),
        drain,
        background: service.handle.clone(),
        observers: observing.as_ref().map(Observing::observers),
    };
    let metrics = start_metrics(&config, &numbers, &service.handle)?;
    let state = AdminState {
        readiness: Arc::clone(&readiness),
        bypass: Arc::clone(&bypass),
        samples: {
            let numbers = Arc::clone(&numbers);
            Arc::new(move || numbers.all())
        },
        token: config.admin.as_ref().and_then(|admin| admin.token.as_ref()).map(|token| token.secret.clone()),
        more: observing.as_ref().and_then(Observing::evidence).map(admin::pages).unwrap_or_default(),
    };
    let admin = admin_listener.map(|(_, listener)| service.serve_admin(listener, state)).transpose()?;
    // Last, because nothing after it can fail: threads that serve are never left behind.
    let serving = powerless(&config, || Ok(proxy::serve(bound, threads, &surroundings)?))?;
    readiness.ready();
    let retiring = TaskTracker::new();
    Ok(Running {
        addrs,
        config,
        drain: drain_time,
        surroundings,
        readiness,
        bypass,
        numbers,
        serving,
        observing,
        probing,
        exporter,
        retiring,
        metrics,
        admin,
        service,
    })
}

impl Running {
    /// What it is bound to.
    pub fn addrs(&self) -> &Addrs {
        &self.addrs
    }

    /// Every counter of the agent.
    pub fn samples(&self) -> Vec<Sample> {
        self.numbers.all()
    }

    /// The last observations, where some are kept.
    pub fn recent(&self) -> Option<&Recent> {
        self.observing.as_ref()?.recent()
    }

    /// What the probe says of itself, where one was asked for.
    pub fn probe(&self) -> Option<ProbeLedger> {
        self.probing.as_ref().map(|probing| probing.view().ledger())
    }

    /// The emergency switch.
    pub fn bypass(&self) -> &Arc<Bypass> {
        &self.bypass
    }

    /// Stops: readiness fails, the delay passes, listeners close, requests in flight finish, spans are sent, admin ends.
    /// What was counted is returned.
    pub async fn stop(self) -> Vec<Sample> {
        self.readiness.draining();
        tokio::time::sleep(self.config.stop.delay).await;
        let serving = self.serving;
        // Only a panic of the stop itself can fail here, and that was reported by the panic.
        let (observing, probing) = (self.observing, self.probing);
        let stop = move || {
            serving.stop();
            // It sees the last answers of the services, too.
            drop(probing);
            // What the last requests left is handed on before anything else ends.
            if let Some(observing) = observing {
                observing.stop();
            }
        };
        let _ = tokio::task::spawn_blocking(stop).await;
        let flush = self.config.stop.flush;
        self.exporter.shutdown(flush).await;
        self.retiring.close();
        self.retiring.wait().await;
        if let Some(metrics) = self.metrics {
            metrics.shutdown(flush).await;
        }
        if let Some(admin) = self.admin {
            // The task may have ended by itself; then there is nobody to tell.
            let _ = admin.stop.send(());
            let _ = admin.task.await;
        }
        let samples = self.numbers.all();
        let service = self.service;
        let _ = tokio::task::spawn_blocking(move || drop(service)).await;
        samples
    }
}

impl Numbers {
    fn all(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        self.samples(&mut samples);
        samples
    }
}

impl Samples for Numbers {
    fn samples(&self, out: &mut Vec<Sample>) {
        self.proxies.samples(out);
        self.spans.samples(out);
        self.exporter.load().samples(out);
        if let Some(observing) = &self.observing {
            observing.samples(out);
        }
    }
}

impl Service {
    fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start an event loop")?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("service".to_owned()).spawn(move || {
            // A dropped sender means the same as a sent stop.
            let _ = runtime.block_on(stopped);
            // A name lookup may hang in the resolver; nobody waits for it.
            runtime.shutdown_background();
        });
        Ok(Self { handle, stop: Some(stop), thread: Some(thread.context("cannot start the service thread")?) })
    }

    fn serve_admin(&self, listener: std::net::TcpListener, state: AdminState) -> anyhow::Result<Admin> {
        let _context = self.handle.enter();
        let listener = tokio::net::TcpListener::from_std(listener).context("cannot serve the admin listener")?;
        let (stop, stopped) = oneshot::channel();
        let task = self.handle.spawn(admin::serve(listener, state, async {
            let _ = stopped.await;
        }));
        Ok(Admin { stop, task })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// Starts threads that read bytes of strangers. Where the process gives up rights for the probe, these have none at all.
fn powerless<T: Send>(config: &Config, body: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    #[cfg(all(feature = "ebpf", target_os = "linux"))]
    if config.probe.narrows_process && config.probe.is_wanted() {
        return crate::privilege::without_capabilities(body).context("cannot start a thread")?;
    }
    #[cfg(not(all(feature = "ebpf", target_os = "linux")))]
    let _ = config;
    body()
}

fn bind_admin(address: SocketAddr) -> anyhow::Result<(SocketAddr, std::net::TcpListener)> {
    let bind = || -> io::Result<_> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?, listener))
    };
    bind().map_err(|error| anyhow::anyhow!("admin: cannot listen on {address}: {error}; choose another address"))
}

fn start_metrics(
    config: &Config,
    numbers: &Arc<Numbers>,
    runtime: &tokio::runtime::Handle,
) -> anyhow::Result<Option<MetricsExport>> {
    let Some(metrics) = config.export.metrics.clone() else { return Ok(None) };
    let samples = Arc::clone(numbers) as Arc<dyn Samples>;
    Ok(Some(metrics::start(metrics, &config.export.resource, samples, runtime)?))
}

/// What is recorded where the backend takes marked requests only.
fn settle_recording(config: &mut ProxyConfig, takes_unmarked: bool) {
    if config.record == RecordMode::All && !takes_unmarked {
        config.record = RecordMode::Marked;
        tracing::warn!(
            service = %config.service,
            "--record all: spans of unmarked requests are never sent to Checkly; only marked requests are recorded"
        );
    }
}

/// What `--inject all` means, said once.
fn warn_of(config: &ProxyConfig) {
    if config.inject == InjectPolicy::All {
        tracing::warn!(
            service = %config.service,
            "--inject all: requests without context get one with sampled = 0; services behind whose sampler follows \
             their parent will not record these requests any more"
        );
    }
}

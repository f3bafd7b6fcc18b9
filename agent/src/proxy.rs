//! The reverse proxy; the only importer of pingora.
//!
//! Binds first, then runs on threads of its own, each with its own event loop, sockets and upstream connections.
//! Hands records to a sink and knows no exporter.

mod access_log;
mod answer;
mod at_once;
mod connection;
mod context;
mod counts;
mod egress;
mod failure;
mod forwarded;
mod framing;
mod head_timer;
mod listener;
mod observed;
mod phases;
mod present;
mod recording;
mod request;
mod shared;
mod stream;
mod upgrade;
mod upstream;
mod worker;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pingora::tls::RootCertStore;
use tokio::sync::watch;

use crate::config::ProxyConfig;
use crate::config::egress::Egress;
use crate::config::proxy::Upstream;
use crate::gap::sink::{SinkFactory, SinkOf};
use crate::trace::admission::Admission;
use crate::trace::bypass::Bypass;
use crate::trace::counts::SpanCounts;
use crate::trace::decision::{Policy, UpstreamKind};
use crate::trace::marker::Marker;
use crate::trace::record::Edge;
use crate::trace::sink::SpanSink;

pub use counts::{EgressOutcome, ProxyCounts, Refusal};

use access_log::AccessLog;
use egress::Own;
use phases::Phases;
use shared::{Notices, Shared};
use upstream::Target;

/// How long a first lookup of the upstream's name may hold up the start.
const FIRST_LOOKUP: Duration = Duration::from_secs(2);

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The listening address cannot be had.
    #[error("--listen: cannot listen on {address}: {cause}; {remedy}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        cause: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The certificates for the upstream cannot be used.
    #[error("{setting}: {problem}; {remedy}")]
    Certificates {
        /// The flag.
        setting: &'static str,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The upstream is the proxy itself.
    #[error(
        "--upstream: {upstream} is this proxy itself ({listen}): every request would loop; name the address of the service behind"
    )]
    Loop {
        /// The upstream as configured.
        upstream: String,
        /// The proxy's own address.
        listen: SocketAddr,
    },
    /// An egress listener that others could use.
    #[error("egress: {address} can be reached from other machines; choose a loopback address, for example 127.0.0.1:0")]
    EgressNotLocal {
        /// The address asked for.
        address: SocketAddr,
    },
    /// A thread cannot be started.
    #[error("cannot start a proxy thread; raise the limit of processes or lower --threads")]
    Thread(#[from] std::io::Error),
}

/// A proxy whose sockets are bound and that serves nothing yet.
pub struct Bound {
    config: ProxyConfig,
    address: SocketAddr,
    listeners: Vec<std::net::TcpListener>,
    egress: Option<(SocketAddr, Vec<std::net::TcpListener>)>,
}

/// What the proxies need from the rest of the agent.
pub struct Surroundings {
    /// Where finished records go.
    pub sink: Arc<dyn SpanSink>,
    /// What became of spans.
    pub span_counts: Arc<SpanCounts>,
    /// The emergency switch.
    pub bypass: Arc<Bypass>,
    /// What the proxies count.
    pub counts: Arc<ProxyCounts>,
    /// How long requests in flight may take at a stop.
    pub drain: Duration,
    /// Where names are looked up in the background.
    pub background: tokio::runtime::Handle,
    /// Where what is seen is left, if a report is fed.
    pub observers: Option<SinkFactory>,
}

/// Proxies that serve.
pub struct Serving {
    threads: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    background: Vec<tokio::task::JoinHandle<()>>,
}

impl Bound {
    /// Binds one socket for each thread and checks what can be checked before anything is served.
    ///
    /// # Errors
    /// An address in use or not of this machine; certificates that cannot be read.
    pub fn bind(config: ProxyConfig, threads: usize) -> Result<Self, ProxyError> {
        check_certificates(&config.upstream)?;
        let bind = |address| {
            let bound = listener::bind(address, threads);
            bound.map_err(|cause| ProxyError::Listen { address, remedy: remedy(&cause), cause })
        };
        let (address, listeners) = bind(config.listen)?;
        let mut egress = None;
        if let Some(Egress { listen, upstream, .. }) = &config.egress {
            if !listen.ip().is_loopback() {
                return Err(ProxyError::EgressNotLocal { address: *listen });
            }
            upstream.as_ref().map_or(Ok(()), check_certificates)?;
            egress = Some(bind(*listen)?);
        }
        Ok(Self { config, address, listeners, egress })
    }

    /// The configuration, for what is known only after everything is bound.
    pub fn config_mut(&mut self) -> &mut ProxyConfig {
        &mut self.config
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ProxyConfig {
        &self.config
    }

    /// The address of the egress listener, where there is one.
    #[must_use]
    pub fn egress_address(&self) -> Option<SocketAddr> {
        self.egress.as_ref().map(|(address, _)| *address)
    }

    /// The address bound; the port is known even when 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Starts to serve. `all` has as many sockets each as there are to be threads.
///
/// # Errors
/// An upstream that is the proxy itself; a thread that cannot be started. Nothing serves then.
pub fn serve(all: Vec<Bound>, threads: usize, surroundings: &Surroundings) -> Result<Serving, ProxyError> {
    let (stop, stopping) = watch::channel(false);
    let mut plans: Vec<Vec<worker::Plan>> = (0..threads.max(1)).map(|_| Vec::new()).collect();
    let mut targets = Vec::new();
    let own = Arc::new(Own {
        proxies: all.iter().map(Bound::address).collect(),
        egress: all.iter().filter_map(Bound::egress_address).collect(),
    });
    for (proxy, mut bound) in all.into_iter().enumerate() {
        let mut add = |shared: Arc<Shared>, listeners: Vec<std::net::TcpListener>| {
            let of = SinkOf { proxy, is_egress: shared.egress.is_some() };
            for (plan, listener) in plans.iter_mut().zip(listeners) {
                let sink = surroundings.observers.as_ref().map(|observers| observers(of));
                plan.push(worker::Plan { phases: Phases(Arc::clone(&shared), sink), listener });
            }
        };
        let shared = share(bound.config.clone(), bound.address, None, surroundings, stopping.clone())?;
        first_lookup(&shared, bound.address, surroundings)?;
        targets.push(Arc::clone(&shared));
        add(shared, bound.listeners);
        if let (Some((address, listeners)), Some(settings)) = (bound.egress.take(), bound.config.egress.take()) {
            let is_forward = settings.upstream.is_none();
            let rules = egress::Egress::new(is_forward, settings.allow, Arc::clone(&own));
            let config = egress_config(bound.config, settings.upstream);
            let shared = share(config, address, Some(rules), surroundings, stopping.clone())?;
            if !is_forward {
                first_lookup(&shared, address, surroundings)?;
                targets.push(Arc::clone(&shared));
            }
            add(shared, listeners);
        }
    }
    let mut serving = Serving { threads: Vec::new(), stop, background: Vec::new() };
    for (number, plan) in plans.into_iter().enumerate() {
        match worker::start(number, plan, stopping.clone(), surroundings.drain) {
            Ok(thread) => serving.threads.push(thread),
            Err(error) => {
                serving.stop();
                return Err(error.into());
            }
        }
    }
    serving.background = targets
        .into_iter()
        .map(|shared| surroundings.background.spawn(async move { shared.target.keep_resolved().await }))
        .collect();
    Ok(serving)
}

impl Serving {
    /// Stops: listeners close, answers ask their clients to close, requests in flight finish within the drain time.
    /// Blocks until all threads have ended.
    pub fn stop(self) {
        // Without receivers all threads have ended already.
        let _ = self.stop.send(true);
        for task in &self.background {
            task.abort();
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a proxy thread ended in a panic");
            }
        }
    }
}

/// What an egress listener runs with. A forward proxy has no upstream; one stands there for the connections' settings.
fn egress_config(proxy: ProxyConfig, upstream: Option<Upstream>) -> ProxyConfig {
    let none = Upstream { tls: false, host: String::new(), port: 0, ca: None };
    ProxyConfig { upstream: upstream.unwrap_or(none), access_log: false, admission: None, ..proxy }
}

fn share(
    config: ProxyConfig,
    address: SocketAddr,
    egress: Option<egress::Egress>,
    surroundings: &Surroundings,
    stopping: watch::Receiver<bool>,
) -> Result<Arc<Shared>, ProxyError> {
    let instrumented = config.upstream_kind != UpstreamKind::Uninstrumented;
    let edge = Edge {
        service_name: if instrumented { format!("{}-edge", config.service) } else { config.service.clone() },
        attempts_are_client: instrumented,
        upstream_host: config.upstream.host.clone(),
        upstream_port: config.upstream.port,
        upstream_tls: config.upstream.tls,
    };
    Ok(Arc::new(Shared {
        policy: Policy {
            record: config.record,
            inject: config.inject,
            sampled: config.sampled,
            upstream: config.upstream_kind,
        },
        marker: Marker::default(),
        edge: Arc::new(edge),
        target: Target::new(config.upstream.clone(), vec![address], &config.timeouts, egress.is_some()),
        egress,
        admission: config.admission.map(|limits| Mutex::new(Admission::new(limits))),
        bypass: Arc::clone(&surroundings.bypass),
        sink: Arc::clone(&surroundings.sink),
        span_counts: Arc::clone(&surroundings.span_counts),
        counts: Arc::clone(&surroundings.counts),
        access_log: if config.access_log { Some(AccessLog::start()?) } else { None },
        notices: Notices::default(),
        begun: Instant::now(),
        stopping,
        config,
    }))
}

/// An upstream without an address is a warning: it may get one. An upstream that is this proxy is an error.
fn first_lookup(shared: &Arc<Shared>, listen: SocketAddr, surroundings: &Surroundings) -> Result<(), ProxyError> {
    let (done, outcome) = std::sync::mpsc::channel();
    let looking = Arc::clone(shared);
    surroundings.background.spawn(async move { done.send(looking.target.resolve().await) });
    let cause = match outcome.recv_timeout(FIRST_LOOKUP) {
        Ok(Ok(())) => None,
        Ok(Err(cause)) => Some(cause),
        Err(_) => Some("the lookup takes long".to_owned()),
    };
    let upstream = &shared.config.upstream;
    if let Some(cause) = cause {
        tracing::warn!(
            upstream = %upstream.host, cause,
            "the upstream's name cannot be looked up: requests get 502 until it can"
        );
    }
    if shared.target.is_itself() {
        return Err(ProxyError::Loop { upstream: format!("{}:{}", upstream.host, upstream.port), listen });
    }
    Ok(())
}

/// Pingora panics where certificates cannot be loaded; so they are loaded here once before.
fn check_certificates(upstream: &Upstream) -> Result<(), ProxyError> {
    let mut store = RootCertStore::empty();
    match &upstream.ca {
        Some(path) => {
            let refused = |problem| ProxyError::Certificates {
                setting: "--upstream-ca",
                problem,
                remedy: "name a readable file of PEM certificates",
            };
            std::fs::metadata(path).map_err(|error| refused(format!("cannot read {}: {error}", path.display())))?;
            pingora::tls::load_ca_file_into_store(path, &mut store)
                .map_err(|error| refused(format!("cannot use {}: {error}", path.display())))?;
            if store.is_empty() {
                return Err(refused(format!("{} holds no certificate", path.display())));
            }
        }
        None if upstream.tls => {
            pingora::tls::load_platform_certs_incl_env_into_store(&mut store).map_err(|error| {
                ProxyError::Certificates {
                    setting: "--upstream",
                    problem: format!("the system's certificates cannot be loaded: {error}"),
                    remedy: "install them (package ca-certificates) or name a file with --upstream-ca",
                }
            })?;
        }
        None => {}
    }
    Ok(())
}

fn remedy(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "another process listens there; stop it or choose another port",
        std::io::ErrorKind::PermissionDenied => "ports below 1024 need the capability CAP_NET_BIND_SERVICE",
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address; 0.0.0.0 means all it has",
        _ => "choose another address",
    }
}

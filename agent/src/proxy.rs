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
mod serving;
mod shared;
mod stream;
mod upgrade;
mod upstream;
mod worker;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pingora::tls::RootCertStore;
use tokio::sync::watch;

use crate::config::ProxyConfig;
use crate::config::egress::Egress;
use crate::config::proxy::Upstream;
use crate::gap::sink::{ObservationSink, SinkFactory, SinkOf};
use crate::trace::admission::Admission;
use crate::trace::bypass::Bypass;
use crate::trace::counts::SpanCounts;
use crate::trace::decision::{Policy, UpstreamKind};
use crate::trace::marker::Marker;
use crate::trace::record::Edge;

pub use counts::{EgressOutcome, ProxyCounts, Refusal};
pub use serving::{Changes, Serving, serve};
pub use shared::Outlet;

use access_log::AccessLog;
use shared::{Notices, Shared};
use upstream::Target;

/// How long a first lookup of the upstream's name may hold up the start.
const FIRST_LOOKUP: Duration = Duration::from_secs(2);

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The listening address cannot be had.
    #[error("cannot listen on {address}: {cause}; {remedy}")]
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
        "the upstream {upstream} is this proxy itself ({listen}): every request would loop; name the address of the service behind"
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
    #[error("cannot start a proxy thread; raise the limit of processes, or have fewer threads")]
    Thread(#[from] std::io::Error),
    /// A listener cannot be kept for a later change.
    #[error("no file descriptor is left for a listener; raise the limit of open files")]
    Descriptors(#[source] std::io::Error),
}

/// A proxy whose sockets are bound and that serves nothing yet.
pub struct Bound {
    config: ProxyConfig,
    address: SocketAddr,
    listeners: Vec<std::net::TcpListener>,
    egress: Option<Sockets>,
}

/// The sockets of one listener, one for each thread.
struct Sockets {
    address: SocketAddr,
    listeners: Vec<std::net::TcpListener>,
}

/// What the proxies need from the rest of the agent.
pub struct Surroundings {
    /// Where finished records go.
    pub outlet: Arc<Outlet>,
    /// What became of spans.
    pub span_counts: Arc<SpanCounts>,
    /// The emergency switch.
    pub bypass: Arc<Bypass>,
    /// What the proxies count.
    pub counts: Arc<ProxyCounts>,
    /// How long requests in flight may take at a stop.
    pub drain: watch::Receiver<Duration>,
    /// Where names are looked up in the background.
    pub background: tokio::runtime::Handle,
    /// Where what is seen is left, if a report is fed.
    pub observers: Option<Observers>,
}

/// Who is told what the proxies see.
pub struct Observers {
    /// Makes the sinks.
    pub sinks: SinkFactory,
    /// Gives each proxy its place.
    pub enrol: Enrol,
}

/// Gives a proxy that listens at this address its place among those that are observed: always the same one.
pub type Enrol = Arc<dyn Fn(&ProxyConfig, SocketAddr) -> usize + Send + Sync>;

impl Observers {
    /// The sink of a proxy on one more thread.
    fn sink(&self, config: &ProxyConfig, address: SocketAddr, is_egress: bool) -> Arc<dyn ObservationSink> {
        (self.sinks)(SinkOf { proxy: (self.enrol)(config, address), is_egress })
    }
}

impl Bound {
    /// Binds one socket for each thread and checks what can be checked before anything is served.
    ///
    /// # Errors
    /// An address in use or not of this machine; certificates that cannot be read.
    pub fn bind(config: ProxyConfig, threads: usize) -> Result<Self, ProxyError> {
        check_certificates(&config.upstream)?;
        let Sockets { address, listeners } = Sockets::bind(config.listen, threads)?;
        Self { config, address, listeners, egress: None }.with_egress(threads, None)
    }

    /// The same with the sockets that another proxy listens on already, at `address`.
    fn at(config: ProxyConfig, sockets: &Sockets) -> Result<Self, ProxyError> {
        check_certificates(&config.upstream)?;
        let Sockets { address, listeners } = sockets.again()?;
        Ok(Self { config, address, listeners, egress: None })
    }

    /// Binds the egress listener that the configuration asks for, or takes the sockets `before` if they are where it is
    /// to listen.
    fn with_egress(mut self, threads: usize, before: Option<(SocketAddr, &Sockets)>) -> Result<Self, ProxyError> {
        let Some(Egress { listen, upstream, .. }) = &self.config.egress else { return Ok(self) };
        if !listen.ip().is_loopback() {
            return Err(ProxyError::EgressNotLocal { address: *listen });
        }
        upstream.as_ref().map_or(Ok(()), check_certificates)?;
        let sockets = match before {
            Some((wanted, sockets)) if wanted == *listen => sockets.again()?,
            _ => Sockets::bind(*listen, threads)?,
        };
        self.egress = Some(sockets);
        Ok(self)
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
        self.egress.as_ref().map(|sockets| sockets.address)
    }

    /// The address bound; the port is known even when 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Sockets {
    fn bind(address: SocketAddr, threads: usize) -> Result<Self, ProxyError> {
        let bound = listener::bind(address, threads);
        let (address, listeners) =
            bound.map_err(|cause| ProxyError::Listen { address, remedy: remedy(&cause), cause })?;
        Ok(Self { address, listeners })
    }

    /// The same sockets once more.
    fn again(&self) -> Result<Self, ProxyError> {
        let listeners = self.listeners.iter().map(std::net::TcpListener::try_clone).collect::<Result<_, _>>();
        Ok(Self { address: self.address, listeners: listeners.map_err(ProxyError::Descriptors)? })
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
        outlet: Arc::clone(&surroundings.outlet),
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
                setting: "the certificates of the upstream",
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
                    setting: "the upstream",
                    problem: format!("the system's certificates cannot be loaded: {error}"),
                    remedy: "install them (package ca-certificates) or name a file of your own",
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

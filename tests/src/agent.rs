//! An agent in this process on a free port, and what its counters say.

use std::net::SocketAddr;
use std::time::Duration;

use throughline::app::{self, Addrs, Running};
use throughline::config::export::{ExportConfig, ExportTarget, OtlpConfig, OtlpProtocol, QueueConfig};
use throughline::config::proxy::Upstream as UpstreamConfig;
use throughline::config::{AdminConfig, Config, ProbeConfig, ProxyConfig, ReportConfig, StopConfig};
use throughline::store::recent::Cursor;
use throughline::trace::counts::Sample;

use crate::collector::Collector;
use crate::wait::eventually;

/// A running agent with one proxy.
pub struct Agent {
    running: Running,
    addr: SocketAddr,
}

/// What became of spans, as the agent counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ledger {
    /// Begun.
    pub started: u64,
    /// Accepted by the backend.
    pub exported: u64,
    /// Refused by the backend in a partial success.
    pub rejected: u64,
    /// Given up, for whatever reason.
    pub dropped: u64,
    /// Neither of these yet.
    pub in_flight: u64,
    /// Lost although their ids went out.
    pub orphaned: u64,
}

impl Agent {
    /// An agent before `upstream` that exports to `collector`, with every default but a shorter wait for batches.
    pub async fn start(upstream: SocketAddr, collector: &Collector) -> Self {
        Self::with(upstream, collector, |_| ()).await
    }

    /// The same, after `change`.
    pub async fn with(upstream: SocketAddr, collector: &Collector, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(upstream, ExportTarget::Otlp(collector.otlp(OtlpProtocol::HttpProtobuf)));
        change(&mut config);
        Self::of(config).await
    }

    /// An agent that exports nothing, after `change`.
    pub async fn without_export(upstream: SocketAddr, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(upstream, ExportTarget::None);
        change(&mut config);
        Self::of(config).await
    }

    /// An agent of this configuration.
    ///
    /// # Panics
    /// When it does not start.
    #[expect(clippy::unused_async, reason = "the callers treat every part of a scene alike")]
    pub async fn of(config: Config) -> Self {
        let running = app::start(config).expect("the agent starts");
        let addr = *running.addrs().proxies.first().expect("the agent has a proxy");
        Self { running, addr }
    }

    /// Where the proxy listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where each proxy listens, and each egress listener.
    #[must_use]
    pub fn addrs(&self) -> &Addrs {
        self.running.addrs()
    }

    /// Runs by another configuration from now on.
    ///
    /// # Panics
    /// When it cannot be used.
    pub async fn reload(&mut self, config: Config) {
        self.running.reload(config).await.expect("the configuration can be used");
        self.addr = *self.running.addrs().proxies.first().expect("the agent has a proxy");
    }

    /// The last observations as a recording, without header.
    ///
    /// # Panics
    /// When none are kept.
    #[must_use]
    pub fn recent(&self, since: u64) -> Vec<u8> {
        let recent = self.running.recent().expect("observations are kept");
        recent.read(since, &mut Cursor::default(), usize::MAX)
    }

    /// Where health and metrics are served.
    ///
    /// # Panics
    /// When they are not.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.running.addrs().admin.expect("the agent has an admin port")
    }

    /// Every counter.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.running.samples()
    }

    /// The sum of the samples of this name that bear all these labels.
    ///
    /// # Panics
    /// When there is no metric of this name.
    #[must_use]
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        sum(&self.samples(), name, labels)
    }

    /// What became of spans so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger::of(&self.samples())
    }

    /// What became of spans, once none is in flight; checks that the numbers add up.
    ///
    /// # Panics
    /// When spans stay in flight or the numbers do not add up.
    pub async fn settled(&self) -> Ledger {
        eventually("no span to be in flight", || (self.ledger().in_flight == 0).then_some(())).await;
        // The numbers of one look are not of one moment; those of a look after the last movement are.
        let ledger = self.ledger();
        ledger.assert_adds_up();
        ledger
    }

    /// Stops the agent; every counter in the end.
    pub async fn stop_counted(self) -> Vec<Sample> {
        self.running.stop().await
    }

    /// Stops the agent; what became of spans in the end.
    pub async fn stop(self) -> Ledger {
        Ledger::of(&self.running.stop().await)
    }
}

impl Ledger {
    /// The ledger in these samples.
    ///
    /// # Panics
    /// When one of its metrics is missing.
    #[must_use]
    pub fn of(samples: &[Sample]) -> Self {
        let count = |name| sum(samples, name, &[]);
        Self {
            started: count("throughline_spans_started"),
            exported: count("throughline_spans_exported"),
            rejected: count("throughline_spans_rejected"),
            dropped: count("throughline_spans_dropped"),
            in_flight: count("throughline_spans_in_flight"),
            orphaned: count("throughline_spans_orphaned"),
        }
    }

    /// Checks the identity of the counters; true at every quiet moment.
    ///
    /// # Panics
    /// When it does not hold.
    pub fn assert_adds_up(&self) {
        let ends = self.exported + self.rejected + self.dropped + self.in_flight;
        assert_eq!(self.started, ends, "started = exported + rejected + dropped + in flight: {self:?}");
    }
}

/// The sum of the samples of this name that bear all these labels.
///
/// # Panics
/// When there is no metric of this name.
#[must_use]
pub fn sum(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> u64 {
    let named = || samples.iter().filter(|sample| sample.name == name);
    assert!(named().next().is_some(), "there is no metric {name}");
    let bears =
        |sample: &&Sample| labels.iter().all(|(key, value)| sample.labels.iter().any(|(k, v)| k == key && v == value));
    named().filter(bears).map(|sample| sample.value).sum()
}

/// A configuration with every default but: free ports, one proxy thread, an admin port, batches that wait 50 ms.
#[must_use]
pub fn config(upstream: SocketAddr, target: ExportTarget) -> Config {
    let upstream = UpstreamConfig { tls: false, host: upstream.ip().to_string(), port: upstream.port(), ca: None };
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    Config {
        proxies: vec![ProxyConfig::new(any_port, upstream, "shop".to_owned())],
        export: ExportConfig {
            target,
            queue: QueueConfig { delay: Duration::from_millis(50), ..QueueConfig::default() },
            resource: vec![("deployment.environment.name".to_owned(), "test".to_owned())],
            ..ExportConfig::default()
        },
        admin: Some(AdminConfig::open(any_port)),
        threads: 1,
        stop: StopConfig { drain: Duration::from_secs(5), ..StopConfig::default() },
        report: ReportConfig::default(),
        observe: None,
        probe: ProbeConfig::default(),
    }
}

/// An OTLP destination with every default.
///
/// # Panics
/// When `url` is none.
#[must_use]
pub fn otlp(protocol: OtlpProtocol, url: &str) -> OtlpConfig {
    OtlpConfig {
        protocol,
        endpoint: url.parse().expect("a URL"),
        headers: Vec::new(),
        timeout: Duration::from_secs(10),
        gzip: false,
        certificate: None,
        client_identity: None,
    }
}

/// A runtime with one thread of its own, so that a part of a scene can die with all its connections.
///
/// # Panics
/// When there is no thread.
pub(crate) fn background_runtime(name: &str) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .enable_all()
        .build()
        .expect("a thread can be started")
}

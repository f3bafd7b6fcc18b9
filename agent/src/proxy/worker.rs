//! One proxy thread: an event loop, its share of every listener, and its own connections to the upstreams.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use pingora::apps::HttpServerApp;
use pingora::proxy::HttpProxy;
use pingora::server::configuration::ServerConf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::connection;
use super::egress::tunnel;
use super::phases::Phases;
use super::stream::Downstream;
use crate::trace::record::MAX_ATTEMPTS;

/// Idle connections to the upstream that one thread keeps.
const IDLE_UPSTREAM_CONNECTIONS: usize = 512;
/// After an accept that failed, for example because no file descriptor was left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long connections are still taken once the stop has begun, however many keep coming.
const LAST_ACCEPTS: Duration = Duration::from_millis(250);
/// How long an idle client may still use its connection once the stop has begun: a request that is on its way then is
/// answered, with the advice to close.
const LINGER: Duration = Duration::from_secs(1);

/// One proxy as one thread serves it.
pub(super) struct Plan {
    pub(super) phases: Phases,
    pub(super) listener: std::net::TcpListener,
}

/// Starts the thread.
///
/// # Errors
/// When no thread or event loop can be had.
pub(super) fn start(
    number: usize,
    plans: Vec<Plan>,
    stopping: watch::Receiver<bool>,
    drain: Duration,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("proxy-{number}")).spawn(move || {
        runtime.block_on(run(plans, stopping, drain));
        // Dropping the event loop drops what is still in flight; its recorders deliver their spans then.
    })
}

async fn run(plans: Vec<Plan>, mut stopping: watch::Receiver<bool>, drain: Duration) {
    let connections = TaskTracker::new();
    let accepting = TaskTracker::new();
    let mut proxies = Vec::new();
    for plan in plans {
        let proxy = Arc::new(http_proxy(&plan.phases));
        proxies.push(Arc::clone(&proxy));
        accepting.spawn(accept_all(plan, proxy, connections.clone(), stopping.clone()));
    }
    stopped(&mut stopping).await;
    accepting.close();
    accepting.wait().await;
    connections.close();
    let deadline = tokio::time::Instant::now() + drain;
    if tokio::time::timeout(LINGER.min(drain), connections.wait()).await.is_ok() {
        return;
    }
    for proxy in &proxies {
        proxy.http_cleanup().await;
    }
    if tokio::time::timeout_at(deadline, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "the drain time ran out; requests in flight are cut off");
    }
}

fn http_proxy(phases: &Phases) -> HttpProxy<Phases> {
    let upstream = &phases.0.config.upstream;
    // Without TLS no certificate is needed, and none is loaded.
    let none = (!upstream.tls).then(|| "/dev/null".to_owned());
    let conf = ServerConf {
        threads: 1,
        max_retries: MAX_ATTEMPTS,
        upstream_keepalive_pool_size: IDLE_UPSTREAM_CONNECTIONS,
        ca_file: upstream.ca.as_ref().map(|path| path.display().to_string()).or(none),
        ..ServerConf::default()
    };
    let mut proxy = HttpProxy::new(phases.clone(), Arc::new(conf));
    proxy.handle_init_modules();
    proxy
}

/// Accepts until the stop, then takes what the kernel has accepted already: those clients think they are connected.
async fn accept_all(
    plan: Plan,
    proxy: Arc<HttpProxy<Phases>>,
    connections: TaskTracker,
    mut stopping: watch::Receiver<bool>,
) {
    let listener = match TcpListener::from_std(plan.listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "a listener cannot be served");
            return;
        }
    };
    let stop = stopping.clone();
    let take = |accepted: (TcpStream, SocketAddr)| take(accepted, &plan.phases, &proxy, &connections, &stop);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stopping) => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => take(accepted),
                Err(error) => {
                    if let Some(suppressed) = plan.phases.0.notices.accept.allow() {
                        tracing::warn!(%error, suppressed, "a connection cannot be accepted; raise the limit of open files");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    let end = tokio::time::Instant::now() + LAST_ACCEPTS;
    while tokio::time::Instant::now() < end
        && let Ok(Ok(accepted)) = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await
    {
        take(accepted);
    }
}

/// Waits for the stop.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // The sender is dropped only after the stop was sent.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn take(
    (stream, peer): (TcpStream, SocketAddr),
    phases: &Phases,
    proxy: &Arc<HttpProxy<Phases>>,
    connections: &TaskTracker,
    stopping: &watch::Receiver<bool>,
) {
    // The client may have reset the connection already; reading it will tell.
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    let counts = Arc::clone(&phases.0.counts);
    counts.connections.add(1);
    counts.open_connections.add(1);
    let open = OpenConnection(counts);
    let (phases, proxy, stopping) = (phases.clone(), Arc::clone(proxy), stopping.clone());
    let idle = phases.downstream_idle();
    let connection = phases.1.as_ref().map(|sink| sink.opened(peer, local));
    connections.spawn(async move {
        let _open = open;
        if phases.0.egress.is_some() && tunnel::is_asked_for(&stream, idle).await {
            return tunnel::serve(stream, peer, connection, &phases, stopping).await;
        }
        let stream = Downstream::new(stream, (peer, local), idle, connection);
        connection::serve(proxy, stream, &phases, stopping).await;
    });
}

/// Counts a connection as open for as long as it lives, however its task ends.
struct OpenConnection(Arc<super::ProxyCounts>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open_connections.sub(1);
    }
}

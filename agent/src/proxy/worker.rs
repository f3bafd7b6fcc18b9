//! One proxy thread: an event loop, its share of every listener, and its own connections to the upstreams. Proxies come
//! and go while it runs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use pingora::apps::HttpServerApp;
use pingora::proxy::HttpProxy;
use pingora::server::configuration::ServerConf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;
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
    pub(super) ending: Ending,
}

/// How a proxy is told to end.
#[derive(Clone)]
pub(super) struct Ending {
    /// Becomes true once.
    pub(super) stopping: watch::Receiver<bool>,
    /// Whether another proxy has taken the listener over, and with it the connections that nobody has accepted yet.
    pub(super) handed_over: Arc<AtomicBool>,
    /// How long requests in flight may take from then on.
    pub(super) drain: watch::Receiver<Duration>,
}

/// Starts the thread. It serves the plans that come, and ends when no more can come and all of them have ended.
///
/// # Errors
/// When no thread or event loop can be had.
pub(super) fn start(number: usize, plans: UnboundedReceiver<Plan>) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("proxy-{number}")).spawn(move || runtime.block_on(run(plans)))
}

async fn run(mut plans: UnboundedReceiver<Plan>) {
    let served = TaskTracker::new();
    while let Some(plan) = plans.recv().await {
        served.spawn(serve(plan));
    }
    served.close();
    served.wait().await;
}

/// One proxy from its first connection to its last. What is in flight when the drain time is over is dropped; its
/// recorders deliver their spans then.
async fn serve(plan: Plan) {
    let Plan { phases, listener, ending } = plan;
    let proxy = Arc::new(http_proxy(&phases));
    let mut connections = JoinSet::new();
    accept_all(listener, &phases, &proxy, &mut connections, ending.clone()).await;
    let drain = *ending.drain.borrow();
    let deadline = tokio::time::Instant::now() + drain;
    if tokio::time::timeout(LINGER.min(drain), ended(&mut connections)).await.is_ok() {
        return;
    }
    proxy.http_cleanup().await;
    if tokio::time::timeout_at(deadline, ended(&mut connections)).await.is_err() {
        tracing::warn!(
            service = %phases.0.config.service, connections = connections.len(),
            "the drain time ran out; requests in flight are cut off"
        );
    }
}

/// Waits for the last of them. One that panicked has ended too, and was reported by the panic.
async fn ended(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
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

/// Accepts until the stop. Then, unless another proxy does so, takes what the kernel has accepted already: those clients
/// think they are connected.
async fn accept_all(
    listener: std::net::TcpListener,
    phases: &Phases,
    proxy: &Arc<HttpProxy<Phases>>,
    connections: &mut JoinSet<()>,
    mut ending: Ending,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "a listener cannot be served");
            return;
        }
    };
    let stop = ending.stopping.clone();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut ending.stopping) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(accepted) => take(accepted, phases, proxy, connections, &stop),
                Err(error) => {
                    if let Some(suppressed) = phases.0.notices.accept.allow() {
                        tracing::warn!(%error, suppressed, "a connection cannot be accepted; raise the limit of open files");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    if ending.handed_over.load(Relaxed) {
        return;
    }
    let end = tokio::time::Instant::now() + LAST_ACCEPTS;
    while tokio::time::Instant::now() < end
        && let Ok(Ok(accepted)) = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await
    {
        take(accepted, phases, proxy, connections, &stop);
    }
}

/// Waits for the stop.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn take(
    (stream, peer): (TcpStream, SocketAddr),
    phases: &Phases,
    proxy: &Arc<HttpProxy<Phases>>,
    connections: &mut JoinSet<()>,
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
        if phases.0.egress.is_some() {
            match tunnel::is_asked_for(&stream, idle, stopping.clone()).await {
                Some(true) => return tunnel::serve(stream, peer, connection, &phases, stopping).await,
                Some(false) => {}
                None => return,
            }
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

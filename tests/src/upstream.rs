//! A scripted upstream: a raw socket whose every answer is chosen by a function of the request's head, and which
//! records exactly what it received.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::answer::{Answer, Then};
use crate::message::{Framing, Head, Wire};
use crate::wait::eventually;

/// How much of a request's body is kept.
const KEEP: usize = 1 << 20;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The head, exactly.
    pub head: Head,
    /// The first bytes of the body.
    pub body: Vec<u8>,
    /// The length of the body.
    pub body_len: u64,
    /// Whether the body came to its end.
    pub complete: bool,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
}

/// How an upstream treats its connections.
#[derive(Debug, Clone, Copy, Default)]
pub struct Habits {
    /// Closes, without saying so, after this many answers on one connection.
    pub close_after: Option<usize>,
    /// Closes, without saying so, a connection on which nothing has come for so long.
    pub idle: Option<Duration>,
}

/// A listening upstream. It stops, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct Upstream {
    addr: SocketAddr,
    state: Arc<State>,
    runtime: Option<tokio::runtime::Runtime>,
    accepting: JoinHandle<()>,
}

type Script = dyn Fn(&Head) -> Answer + Send + Sync;

struct State {
    script: Box<Script>,
    habits: Habits,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("habits", &self.habits).field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Upstream {
    /// One that answers 200 to everything.
    pub async fn ok() -> Self {
        Self::start(|_| Answer::ok()).await
    }

    /// One whose answers `script` chooses.
    pub async fn start(script: impl Fn(&Head) -> Answer + Send + Sync + 'static) -> Self {
        Self::with(Habits::default(), script).await
    }

    /// One with habits.
    pub async fn with(habits: Habits, script: impl Fn(&Head) -> Answer + Send + Sync + 'static) -> Self {
        Self::on(IpAddr::from([127, 0, 0, 1]), habits, script).await
    }

    /// One on another address of this machine.
    ///
    /// # Panics
    /// When no port can be had.
    #[expect(clippy::unused_async, reason = "the callers treat every part of a scene alike")]
    pub async fn on(ip: IpAddr, habits: Habits, script: impl Fn(&Head) -> Answer + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind((ip, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State {
            script: Box::new(script),
            habits,
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
        });
        let runtime = crate::agent::background_runtime("upstream");
        let accepting = runtime.spawn(accept(listener, Arc::clone(&state)));
        Self { addr, state, runtime: Some(runtime), accepting }
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Every request so far, in order of arrival of its end.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// How many requests there were so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.state.seen.lock().unwrap().len()
    }

    /// The only request, or the last of several.
    ///
    /// # Panics
    /// When none comes.
    pub async fn last(&self) -> Seen {
        eventually("a request at the upstream", || self.seen().pop()).await
    }

    /// Requests for `path`, once there are `count` of them.
    ///
    /// # Panics
    /// When they do not come.
    pub async fn requests_for(&self, path: &str, count: usize) -> Vec<Seen> {
        eventually(&format!("{count} requests for {path} at the upstream"), || {
            let seen: Vec<Seen> = self.seen().into_iter().filter(|seen| seen.head.path() == path).collect();
            (seen.len() >= count).then_some(seen)
        })
        .await
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Stops listening; connections live on.
    pub fn stop_listening(&self) {
        self.accepting.abort();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An address on which nothing listens.
///
/// # Panics
/// When no port can be had.
#[must_use]
pub fn nobody() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address")
}

async fn accept(listener: std::net::TcpListener, state: Arc<State>) {
    let listener = TcpListener::from_std(listener).expect("a listening socket");
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let number = state.connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, number, Arc::clone(&state)));
        }
    }
}

async fn serve(mut stream: TcpStream, connection: usize, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let then = converse(&mut stream, connection, &state).await.unwrap_or(Then::Close);
    if then == Then::Reset {
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
}

async fn converse(stream: &mut TcpStream, connection: usize, state: &State) -> std::io::Result<Then> {
    let (read, mut write) = stream.split();
    let mut wire = Wire::new(read);
    for answered in 0.. {
        if state.habits.close_after.is_some_and(|most| answered >= most) {
            return Ok(Then::Close);
        }
        let head = match state.habits.idle {
            Some(idle) => tokio::time::timeout(idle, wire.head()).await.unwrap_or(Ok(None))?,
            None => wire.head().await?,
        };
        let Some(head) = head else { return Ok(Then::Close) };
        let answer = (state.script)(&head);
        let early = matches!(answer, Answer::Early(_));
        if !early && head.value("expect").eq_ignore_ascii_case("100-continue") {
            write.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let framing = if early { Framing::Length(0) } else { head.framing(Framing::Length(0)) };
        let body = wire.body(framing, KEEP).await.unwrap_or_default();
        state.seen.lock().unwrap().push(Seen {
            head: head.clone(),
            body: body.bytes.clone(),
            body_len: body.len,
            complete: body.complete,
            connection,
        });
        match answer.send(&head, &body.bytes, &mut write).await? {
            Then::Keep => {}
            Then::Echo => loop {
                let bytes = wire.some().await?;
                if bytes.is_empty() {
                    return Ok(Then::Close);
                }
                write.write_all(&bytes).await?;
            },
            Then::Hang => {
                while !wire.some().await?.is_empty() {}
                return Ok(Then::Close);
            }
            end @ (Then::Close | Then::Reset) => return Ok(end),
        }
    }
    Ok(Then::Close)
}

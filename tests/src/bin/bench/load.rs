//! The load generator: kept-alive connections, each with one request under way, bounded in count and in time.
//!
//! It checks that every answer is right, and takes its time where asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::heads::Head;
use crate::upstream::BODY;

/// For one call of [`Load::run`]; far more than any takes.
const DEADLINE: Duration = Duration::from_secs(180);

/// Open connections to one proxy.
pub(crate) struct Load {
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Load {
    /// Opens `count` connections.
    pub(crate) async fn connect(proxy: SocketAddr, count: usize) -> anyhow::Result<Self> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            let stream = TcpStream::connect(proxy).await.with_context(|| format!("cannot connect to {proxy}"))?;
            stream.set_nodelay(true)?;
            connections.push(Connection { stream, buffer: Vec::with_capacity(1024) });
        }
        Ok(Self { connections })
    }

    /// Sends `requests` requests over all connections.
    ///
    /// # Errors
    /// Any answer but 200 with the upstream's body, a closed connection, or the deadline.
    pub(crate) async fn run(&mut self, head: Head, requests: u64) -> anyhow::Result<()> {
        self.drive(head, requests, Duration::ZERO, &Timings::default()).await
    }

    /// The same, with `pause` after each answer; gives the time from each request to the end of its answer, in
    /// microseconds.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) async fn timed(&mut self, head: Head, requests: u64, pause: Duration) -> anyhow::Result<Vec<f64>> {
        let timings = Timings(Some(Arc::default()));
        self.drive(head, requests, pause, &timings).await?;
        Ok(timings
            .0
            .map(|taken| std::mem::take(&mut *taken.lock().unwrap_or_else(PoisonError::into_inner)))
            .unwrap_or_default())
    }

    async fn drive(&mut self, head: Head, requests: u64, pause: Duration, timings: &Timings) -> anyhow::Result<()> {
        let left = Arc::new(AtomicU64::new(requests));
        let mut tasks = JoinSet::new();
        for mut connection in self.connections.drain(..) {
            let (left, timings) = (Arc::clone(&left), timings.clone());
            tasks.spawn(async move {
                let mut request = head.request();
                while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                    let sent = timings.begin();
                    connection.ask(request.next()).await?;
                    timings.end(sent);
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
                anyhow::Ok(connection)
            });
        }
        let all = async {
            while let Some(done) = tasks.join_next().await {
                self.connections.push(done.context("a connection's task failed")??);
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(DEADLINE, all).await.context("the load did not end in time")?
    }
}

/// What each answer took, in microseconds; `None` where nobody asked.
#[derive(Clone, Default)]
struct Timings(Option<Arc<Mutex<Vec<f64>>>>);

impl Timings {
    fn begin(&self) -> Option<Instant> {
        self.0.as_ref().map(|_| Instant::now())
    }

    fn end(&self, sent: Option<Instant>) {
        if let (Some(taken), Some(sent)) = (&self.0, sent) {
            let microseconds = sent.elapsed().as_secs_f64() * 1e6;
            taken.lock().unwrap_or_else(PoisonError::into_inner).push(microseconds);
        }
    }
}

impl Connection {
    async fn ask(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the proxy closed a connection after {:?}", String::from_utf8_lossy(&self.buffer));
            let Some(body) = body(&self.buffer) else { continue };
            if !self.buffer.starts_with(b"HTTP/1.1 200 ") {
                bail!("the proxy answered {:?}", String::from_utf8_lossy(&self.buffer));
            }
            if body.len() >= BODY.len() {
                ensure!(body == BODY, "the body is not the upstream's");
                return Ok(());
            }
        }
    }
}

/// What follows the head, once that is there.
fn body(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    answer.get(end + 4..)
}

//! A load of so many requests a second over kept connections, whatever the server makes of it; and connections that are
//! only open.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::heads::Head;

/// Connections that share the rate. Each then sends about two requests in three milliseconds, and a timer's millisecond
/// is no matter.
const CONNECTIONS: u32 = 32;

/// Kept connections, and the pace on each.
pub(crate) struct Paced {
    streams: Vec<TcpStream>,
    period: Duration,
}

impl Paced {
    /// Connects.
    ///
    /// # Errors
    /// The server does not take them.
    pub(crate) async fn connect(address: SocketAddr, rate: u32) -> anyhow::Result<Self> {
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(address).await.context("cannot connect")?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        Ok(Self { streams, period: Duration::from_secs(1) * CONNECTIONS / rate })
    }

    /// Sends for that long; every `marked`th request of a connection bears the mark, none for 0. Gives the time from each
    /// request to its answer, in microseconds.
    ///
    /// # Errors
    /// An answer but 200.
    pub(crate) async fn run(&mut self, length: Duration, marked: u64) -> anyhow::Result<Vec<f64>> {
        let (mut tasks, period) = (JoinSet::new(), self.period);
        let begin = Instant::now();
        for (number, mut stream) in (0..CONNECTIONS).zip(self.streams.drain(..)) {
            let phase = period * number / CONNECTIONS;
            tasks.spawn(async move {
                let (mut plain, mut with_mark) = (Head::Plain.request(), Head::Marked.request());
                let (mut taken, mut next, mut count) = (Vec::new(), begin + phase, 0_u64);
                while next < begin + length {
                    tokio::time::sleep_until(next).await;
                    count += 1;
                    let is_marked = marked > 0 && count.is_multiple_of(marked);
                    let sent = Instant::now();
                    exchange(&mut stream, if is_marked { with_mark.next() } else { plain.next() }).await?;
                    taken.push(sent.elapsed().as_secs_f64() * 1e6);
                    next += period;
                }
                anyhow::Ok((stream, taken))
            });
        }
        let mut all = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let (stream, taken) = done.context("a connection's task failed")??;
            self.streams.push(stream);
            all.extend(taken);
        }
        Ok(all)
    }
}

/// Opens this many connections, so many a second, with one request on each.
///
/// # Errors
/// The server does not take them.
pub(crate) async fn open(address: SocketAddr, count: usize, rate: u32, head: Head) -> anyhow::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
    for number in 0..count {
        pace.tick().await;
        let connected = TcpStream::connect(address).await;
        let mut stream = connected.with_context(|| format!("connection {number} of {count}"))?;
        exchange(&mut stream, head.request().next()).await?;
        streams.push(stream);
    }
    Ok(streams)
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> anyhow::Result<()> {
    stream.write_all(request).await?;
    let mut buffer = [0; 2048];
    // The answer is short, and sent at once.
    let read = stream.read(&mut buffer).await?;
    ensure!(
        buffer.get(..read).is_some_and(|answer| answer.starts_with(b"HTTP/1.1 200 ")),
        "the server did not answer 200"
    );
    Ok(())
}

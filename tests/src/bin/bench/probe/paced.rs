//! A load of so many requests a second over kept connections, whatever the server makes of it; and connections that are
//! only open.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use throughline_tests::random::Random;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::heads::Head;

/// Connections that share the rate, each with a thread of its own, so that requests come one by one at any moment, as
/// they do from so many clients; timers of a runtime would send a burst every millisecond.
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
    pub(crate) fn connect(address: SocketAddr, rate: u32) -> anyhow::Result<Self> {
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(address).context("cannot connect")?;
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
        let (streams, period) = (std::mem::take(&mut self.streams), self.period);
        let work = move || -> anyhow::Result<_> {
            let begin = Instant::now();
            let send = |(seed, mut stream)| {
                std::thread::spawn(move || {
                    let taken = exchanges(&mut stream, Random::new(seed), (begin, begin + length), period, marked)?;
                    anyhow::Ok((stream, taken))
                })
            };
            let threads: Vec<_> = (1..).zip(streams).map(send).collect();
            let (mut streams, mut all) = (Vec::new(), Vec::new());
            for thread in threads {
                let (stream, taken) = thread.join().map_err(|_| anyhow::anyhow!("a connection's thread failed"))??;
                streams.push(stream);
                all.extend(taken);
            }
            Ok((streams, all))
        };
        let (streams, all) = tokio::task::spawn_blocking(work).await.context("the load failed")??;
        self.streams = streams;
        Ok(all)
    }
}

/// Requests on one connection from `begin` to `end`, with gaps at random up to twice the period.
fn exchanges(
    stream: &mut TcpStream,
    mut random: Random,
    (begin, end): (Instant, Instant),
    period: Duration,
    marked: u64,
) -> anyhow::Result<Vec<f64>> {
    let (mut plain, mut with_mark) = (Head::Plain.request(), Head::Marked.request());
    let (mut taken, mut next, mut count) = (Vec::new(), begin, 0_u64);
    loop {
        next += period * random.below(2_000) as u32 / 1_000;
        if next >= end {
            return Ok(taken);
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        count += 1;
        let is_marked = marked > 0 && count.is_multiple_of(marked);
        let sent = Instant::now();
        stream.write_all(if is_marked { with_mark.next() } else { plain.next() })?;
        let mut buffer = [0; 2048];
        let read = stream.read(&mut buffer)?;
        taken.push(sent.elapsed().as_secs_f64() * 1e6);
        is_good(buffer.get(..read))?;
    }
}

/// Opens this many connections, so many a second, with one request on each.
///
/// # Errors
/// The server does not take them.
pub(crate) async fn open(
    address: SocketAddr,
    count: usize,
    rate: u32,
    head: Head,
) -> anyhow::Result<Vec<tokio::net::TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
    for number in 0..count {
        pace.tick().await;
        let connected = tokio::net::TcpStream::connect(address).await;
        let mut stream = connected.with_context(|| format!("connection {number} of {count}"))?;
        stream.write_all(head.request().next()).await?;
        let mut buffer = [0; 2048];
        let read = stream.read(&mut buffer).await?;
        is_good(buffer.get(..read))?;
        streams.push(stream);
    }
    Ok(streams)
}

/// The answer is short, and sent at once.
fn is_good(answer: Option<&[u8]>) -> anyhow::Result<()> {
    ensure!(answer.is_some_and(|answer| answer.starts_with(b"HTTP/1.1 200 ")), "the server did not answer 200");
    Ok(())
}

//! The load: requests at random times over eight connections at once, marked ones and noise, and what is true of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use crate::client::Client;
use crate::context::{MARK, Traceparent};
use crate::random::Random;

/// Connections.
const WORKERS: usize = 8;

/// How much is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// How long.
    pub seconds: f64,
    /// Marked requests in that time.
    pub marked: usize,
    /// Unmarked requests a second.
    pub noise: f64,
}

/// A request that is to be sent.
#[derive(Debug, Clone)]
pub struct Planned {
    /// When, from the start.
    at: Duration,
    /// Where to.
    pub path: String,
    /// Its context lines.
    pub lines: Vec<(&'static str, String)>,
    /// Whether it bears the mark.
    pub marked: bool,
    /// Whether its head is sent in two pieces.
    in_two: bool,
}

/// What was sent, and what came back.
#[derive(Debug, Clone, Default)]
pub struct Driven {
    /// Every request with its answer's status; 0 for none.
    pub requests: Vec<(Planned, u16)>,
}

/// Requests at random times. No two paths are alike. Of the marked ones every eighth belongs to the trace of the one
/// before it; of the others two in five make no call, and one in five has a context of its own without a mark.
pub fn plan(random: &mut Random, load: Load) -> Vec<Planned> {
    let mut requests: Vec<Planned> = Vec::new();
    let (mut moment, mut trace) = (0.0, String::new());
    for number in 0..load.marked {
        let fresh = context(random);
        if number % 8 == 7 {
            moment += 0.2 * fraction(random);
            trace = format!("{}{}{}", &fresh[..3], &trace[3..35], &fresh[35..]);
        } else {
            moment = load.seconds * fraction(random);
            trace = fresh;
        }
        let lines = vec![("traceparent", trace.clone()), ("tracestate", MARK.to_owned())];
        requests.push(planned(random, moment, true, lines));
    }
    let mut moment = gap(random, load.noise);
    while moment < load.seconds {
        let lines = if random.percent(20) { vec![("traceparent", context(random))] } else { Vec::new() };
        requests.push(planned(random, moment, false, lines));
        moment += gap(random, load.noise);
    }
    requests.sort_by_key(|request| request.at);
    requests
}

/// Sends them.
///
/// # Panics
/// When a connection's task does.
pub async fn drive(address: SocketAddr, requests: Vec<Planned>) -> Driven {
    let (sender, waiting) = mpsc::unbounded_channel::<Planned>();
    let waiting = Arc::new(Mutex::new(waiting));
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let waiting = Arc::clone(&waiting);
            tokio::spawn(async move { work(address, &waiting, number % 2 == 0).await })
        })
        .collect();
    let begin = Instant::now();
    for request in requests {
        tokio::time::sleep_until(begin + request.at).await;
        let _ = sender.send(request);
    }
    drop(sender);
    let mut driven = Driven::default();
    for worker in workers {
        driven.requests.extend(worker.await.expect("a worker ends"));
    }
    driven
}

impl Driven {
    /// How many were answered with which status.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        self.requests.iter().for_each(|(_, status)| *statuses.entry(*status).or_insert(0) += 1);
        statuses
    }

    /// Requests that made a call.
    #[must_use]
    pub fn calling(&self) -> usize {
        self.requests.iter().filter(|(request, _)| request.path != "/health").count()
    }

    /// Marked requests.
    #[must_use]
    pub fn marked(&self) -> usize {
        self.requests.iter().filter(|(request, _)| request.marked).count()
    }

    /// Writes what is true of each request: a line with its path, whether it is marked, its status and its context.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let mut text = String::new();
        for (request, status) in &self.requests {
            let context: Vec<&str> = request.lines.iter().map(|(_, value)| value.as_str()).collect();
            let mark = if request.marked { "marked" } else { "unmarked" };
            let _ = writeln!(text, "{} {mark} {status} {}", request.path, context.join(" "));
        }
        std::fs::write(file, text)
    }
}

async fn work(
    address: SocketAddr,
    waiting: &Mutex<mpsc::UnboundedReceiver<Planned>>,
    keeps: bool,
) -> Vec<(Planned, u16)> {
    let (mut kept, mut done) = (None, Vec::new());
    loop {
        let next = waiting.lock().await.recv().await;
        let Some(request) = next else { return done };
        let status = match exchange(address, kept.take(), &request, keeps).await {
            Ok((status, client)) => {
                kept = client;
                status
            }
            Err(_) => 0,
        };
        done.push((request, status));
    }
}

/// A kept connection may be closed at any moment; then it is tried once more on a new one.
async fn exchange(
    address: SocketAddr,
    kept: Option<Client>,
    request: &Planned,
    keeps: bool,
) -> std::io::Result<(u16, Option<Client>)> {
    if let Some(client) = kept
        && let Ok(done) = ask(client, request, keeps).await
    {
        return Ok(done);
    }
    ask(Client::try_connect(address).await?, request, keeps).await
}

async fn ask(mut client: Client, request: &Planned, keeps: bool) -> std::io::Result<(u16, Option<Client>)> {
    let mut head = format!("GET {} HTTP/1.1\r\nHost: shop\r\n", request.path);
    for (name, value) in &request.lines {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str(if keeps { "\r\n" } else { "Connection: close\r\n\r\n" });
    let (first, second) = head.as_bytes().split_at(if request.in_two { head.len() / 2 } else { head.len() });
    client.try_send(first).await?;
    if !second.is_empty() {
        // Long enough that two reads are made of it.
        tokio::time::sleep(Duration::from_millis(5)).await;
        client.try_send(second).await?;
    }
    let answer = client.try_answer(false).await?;
    let open = keeps && !answer.closes() && answer.body.complete;
    Ok((answer.status(), open.then_some(client)))
}

fn planned(random: &mut Random, moment: f64, marked: bool, lines: Vec<(&'static str, String)>) -> Planned {
    let health = !marked && random.percent(40);
    let path = if health { "/health".to_owned() } else { format!("/cart/{}", 1000 + random.bits() % 1_000_000_000) };
    Planned { at: Duration::from_secs_f64(moment), path, lines, marked, in_two: random.percent(10) }
}

fn context(random: &mut Random) -> String {
    Traceparent { trace_id: random.hex(32), parent_id: random.hex(16), flags: 1 }.to_string()
}

/// From 0 up to, not including, 1.
fn fraction(random: &mut Random) -> f64 {
    (random.bits() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Between two events that come at this rate by chance.
fn gap(random: &mut Random, rate: f64) -> f64 {
    -(1.0 - fraction(random)).ln() / rate
}

//! Latency beside trouble, each time against the same load without it: marked requests while the collector misbehaves,
//! and unmarked requests while forged traces flood in.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::Plan;
use crate::figures::{Spread, Verdicts};
use crate::heads::Head;
use crate::load::Load;
use crate::subject::{Kind, Stage, Subject};

/// Clients of the measured load; each pauses for [`PAUSE`], so that the proxy is never at its limit.
const CLIENTS: usize = 8;
const PAUSE: Duration = Duration::from_millis(1);
/// Clients of a flood, without a pause.
const FLOODERS: usize = 4;
/// The median with trouble over the median without.
const LIMIT_MEDIAN: f64 = 1.10;
/// The 99th percentiles likewise; one preemption more or less moves them.
const LIMIT_P99: f64 = 1.50;

/// What a collector does.
#[derive(Clone, Copy)]
enum Collector {
    Accepts,
    IsAbsent,
    Hangs,
    Answers(&'static str),
}

/// Measures and prints.
///
/// # Errors
/// Anything that keeps the benchmark from measuring; a request that fails.
pub(crate) async fn run(plan: &Plan, stage: &Stage, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    println!("Latency of proxied requests in microseconds, with trouble over without, {} rounds in turn", plan.rounds);
    println!("{:<34}{:>10}{:>10}{:>8}{:>10}{:>10}{:>8}  limits", "", "p50", "with", "ratio", "p99", "with", "ratio");
    for (name, collector) in [
        ("marked, collector absent", Collector::IsAbsent),
        ("marked, collector hangs", Collector::Hangs),
        ("marked, collector answers 503", Collector::Answers("503 Service Unavailable\r\n")),
        ("marked, collector answers 429", Collector::Answers("429 Too Many Requests\r\nRetry-After: 1\r\n")),
    ] {
        eprintln!("latency: {name}");
        let (mut calm, mut troubled) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            calm.extend(beside_collector(plan, stage, Collector::Accepts).await?);
            troubled.extend(beside_collector(plan, stage, collector).await.context(name)?);
        }
        line(name, calm, troubled, verdicts);
    }
    let name = "unmarked, flood of forged traces";
    eprintln!("latency: {name}");
    let (mut calm, mut troubled) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        calm.extend(beside_flood(plan, stage, Head::Traced).await?);
        troubled.extend(beside_flood(plan, stage, Head::Marked).await?);
    }
    line(name, calm, troubled, verdicts);
    println!(
        "{CLIENTS} clients that pause {} ms after each answer; the flood has {FLOODERS} without a pause, of unmarked requests\n\
         where it is called calm, and the admission is the default one. No request failed.\n",
        PAUSE.as_millis()
    );
    Ok(())
}

fn line(name: &str, calm: Vec<f64>, troubled: Vec<f64>, verdicts: &mut Verdicts) {
    let (calm, troubled) = (Spread::of(calm), Spread::of(troubled));
    let (median, p99) = (troubled.median() / calm.median(), troubled.percentile(99) / calm.percentile(99));
    let medians = verdicts.judge(&format!("latency, median: {name}"), median <= LIMIT_MEDIAN);
    let tails = verdicts.judge(&format!("latency, p99: {name}"), p99 <= LIMIT_P99);
    println!(
        "{name:<34}{:>10.0}{:>10.0}{median:>8.3}{:>10.0}{:>10.0}{p99:>8.3}  {LIMIT_MEDIAN:.2}: {medians}; {LIMIT_P99:.2}: {tails}",
        calm.median(),
        troubled.median(),
        calm.percentile(99),
        troubled.percentile(99),
    );
}

/// Marked requests, every one to be recorded if it can be.
async fn beside_collector(plan: &Plan, stage: &Stage, collector: Collector) -> anyhow::Result<Vec<f64>> {
    let stage = Stage { collector: start(collector).await?, ..stage.clone() };
    let subject = Subject::start(Kind::Agent, &stage)?;
    let mut load = Load::connect(subject.address, CLIENTS).await?;
    load.timed(Head::Marked, plan.requests / 10, PAUSE).await
}

/// Unmarked requests beside others that come as fast as they can.
async fn beside_flood(plan: &Plan, stage: &Stage, flood: Head) -> anyhow::Result<Vec<f64>> {
    let stage = Stage { collector: start(Collector::Accepts).await?, admission: true, ..stage.clone() };
    let subject = Subject::start(Kind::Agent, &stage)?;
    let mut load = Load::connect(subject.address, CLIENTS).await?;
    let mut flooders = Load::connect(subject.address, FLOODERS).await?;
    let flooding = tokio::spawn(async move { flooders.run(flood, u64::MAX).await });
    let measured = load.timed(Head::Plain, plan.requests / 10, PAUSE).await;
    let failed = flooding.is_finished();
    flooding.abort();
    anyhow::ensure!(!failed, "the flood ended by itself: a request of it failed");
    measured
}

/// Starts it on the current runtime.
async fn start(collector: Collector) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let answer = match collector {
        Collector::IsAbsent => return Ok(address),
        Collector::Hangs => None,
        Collector::Accepts => Some("200 OK\r\nContent-Type: application/x-protobuf\r\n"),
        Collector::Answers(answer) => Some(answer),
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // The agent closes when it likes; there is nothing to tell.
                let _ = serve(stream, answer).await;
            });
        }
    });
    Ok(address)
}

/// Answers each export request, or none, once its body is there.
async fn serve(mut stream: TcpStream, answer: Option<&str>) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let whole = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4 + crate::collector::content_length(bytes.get(..end).unwrap_or_default())?;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        while bytes.len() < whole {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
        bytes.drain(..whole);
        if let Some(answer) = answer {
            stream.write_all(format!("HTTP/1.1 {answer}Content-Length: 0\r\n\r\n").as_bytes()).await?;
        }
    }
}

//! Resident memory: after a million requests, whether it still grows, and with a thousand connections.

use crate::Plan;
use crate::collector::Collector;
use crate::figures::{Spread, Verdicts};
use crate::heads::Head;
use crate::load::Load;
use crate::speed::{CONNECTIONS, SPANS};
use crate::subject::{Kind, Stage, Subject};

/// MiB, after all requests over [`CONNECTIONS`] connections.
const LIMIT_MIB: f64 = 40.0;
/// Growth from the middle of the requests to their end that still counts as flat. An allocator gives pages back and
/// takes them again by the megabyte, so the lowest of three readings is taken at both places: what leaks stays.
const FLAT: f64 = 0.05;
/// Parts of the long run; memory is read after each.
const PARTS: u64 = 10;
const MANY_CONNECTIONS: usize = 1000;
/// The agent's memory over the bare proxy's, with many connections.
const LIMIT_RATIO: f64 = 1.1;
/// Processes of each kind, with many connections.
const PROCESSES: usize = 3;

/// Measures and prints.
///
/// # Errors
/// Anything that keeps the benchmark from measuring.
pub(crate) async fn run(
    plan: &Plan,
    stage: &Stage,
    collector: &Collector,
    verdicts: &mut Verdicts,
) -> anyhow::Result<()> {
    println!("Resident memory, MiB, {CONNECTIONS} connections, {} requests", plan.long);
    println!("{:<34}{:>8}{:>8}{:>8}  limit", "", "10 %", "50 %", "100 %");
    for (name, kind, head) in [
        ("bare pingora", Kind::Bare, Head::Plain),
        ("throughline, unmarked", Kind::Agent, Head::Plain),
        ("throughline, marked and exported", Kind::Agent, Head::Marked),
    ] {
        eprintln!("memory: {name}");
        let readings = long(plan, kind, head, stage, collector).await?;
        let at = |part: usize| readings.get(part).copied().unwrap_or_default();
        let (early, half, end) = (at(0), at(PARTS as usize / 2 - 1), at(PARTS as usize - 1));
        let lowest = |to: usize| readings.iter().take(to).rev().take(3).copied().fold(f64::INFINITY, f64::min);
        let (middle, last) = (lowest(PARTS as usize / 2), lowest(PARTS as usize));
        let verdict = if kind == Kind::Agent {
            let small = verdicts.judge(&format!("memory: {name}"), end < LIMIT_MIB);
            let flat = verdicts.judge(&format!("memory grows: {name}"), last <= middle * (1.0 + FLAT));
            format!(
                "under {LIMIT_MIB:.0}: {small}; lowest of 30-50 % {middle:.1}, of 80-100 % {last:.1}, within {:.0} %: {flat}",
                FLAT * 100.0
            )
        } else {
            String::new()
        };
        println!("{name:<34}{early:>8.1}{half:>8.1}{end:>8.1}  {verdict}");
    }
    many(plan, stage, verdicts).await
}

/// Memory after each part, in MiB.
async fn long(plan: &Plan, kind: Kind, head: Head, stage: &Stage, collector: &Collector) -> anyhow::Result<Vec<f64>> {
    let subject = Subject::start(kind, stage)?;
    let mut load = Load::connect(subject.address, CONNECTIONS).await?;
    let mut readings = Vec::new();
    for _ in 0..PARTS {
        load.run(head, plan.long / PARTS).await?;
        if kind == Kind::Agent && head == Head::Marked {
            let numbers = subject.flushed().await?;
            let (decoded, due) = (collector.decode()?, plan.long / PARTS * SPANS);
            anyhow::ensure!(
                numbers.lost == 0 && decoded * 1000 >= due * 999,
                "the run does not count: {decoded} of {due} spans decoded, {} dropped or rejected",
                numbers.lost
            );
        }
        readings.push(mib(subject.rss_kib()?));
    }
    Ok(readings)
}

async fn many(plan: &Plan, stage: &Stage, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    let (mut bare, mut agent) = (Vec::new(), Vec::new());
    for process in 0..PROCESSES {
        eprintln!("memory: {MANY_CONNECTIONS} connections, {} of {PROCESSES}", process + 1);
        for (kind, readings) in [(Kind::Bare, &mut bare), (Kind::Agent, &mut agent)] {
            let subject = Subject::start(kind, stage)?;
            let mut load = Load::connect(subject.address, MANY_CONNECTIONS).await?;
            load.run(Head::Plain, plan.long / PARTS).await?;
            readings.push(mib(subject.rss_kib()?));
        }
    }
    let (bare, agent) = (Spread::of(bare), Spread::of(agent));
    let ratio = agent.median() / bare.median();
    let verdict = verdicts.judge("memory with many connections", ratio <= LIMIT_RATIO);
    println!(
        "{MANY_CONNECTIONS} connections, unmarked, {} requests: bare {}, throughline {}, ratio {ratio:.2}, limit {LIMIT_RATIO:.2}: {verdict}\n",
        plan.long / PARTS,
        bare.line(1),
        agent.line(1)
    );
    Ok(())
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

//! CPU time per request, the bare proxy and the agent in turn, each time as a fresh process.

use anyhow::Context as _;

use crate::Plan;
use crate::collector::Collector;
use crate::figures::{Spread, Verdicts};
use crate::heads::Head;
use crate::load::Load;
use crate::subject::{Kind, Stage, Subject};

/// Clients, as many as in the memory measurement.
pub(crate) const CONNECTIONS: usize = 32;
/// Spans of a marked request: SERVER and one attempt.
pub(crate) const SPANS: u64 = 2;
/// How often a marked run that does not count is repeated.
const REPEATS: usize = 3;

/// One line of the table.
struct Case {
    name: &'static str,
    head: Head,
    kind: Kind,
    /// The agent's median over the bare proxy's, where that has a limit.
    limit: Option<f64>,
}

const CASES: &[Case] = &[
    Case { name: "unmarked, no context", head: Head::Plain, kind: Kind::Agent, limit: Some(1.05) },
    Case { name: "unmarked, with traceparent", head: Head::Traced, kind: Kind::Agent, limit: Some(1.05) },
    Case { name: "unmarked, X-Forwarded-* present", head: Head::Forwarded, kind: Kind::Agent, limit: Some(1.05) },
    Case { name: "marked, every one exported", head: Head::Marked, kind: Kind::Agent, limit: Some(1.25) },
    // The thread that writes the recording is included; what a request pays itself is measured as a note.
    Case { name: "unmarked, feeding a report", head: Head::Plain, kind: Kind::Observing, limit: None },
];

/// Measures all cases and prints them.
///
/// # Errors
/// Anything that keeps the benchmark from measuring. A broken limit is no error.
pub(crate) async fn run(
    plan: &Plan,
    stage: &Stage,
    collector: &Collector,
    verdicts: &mut Verdicts,
) -> anyhow::Result<()> {
    let mut costs: Vec<(Vec<f64>, Vec<f64>)> = CASES.iter().map(|_| Default::default()).collect();
    for round in 0..plan.rounds {
        eprintln!("speed: round {} of {}", round + 1, plan.rounds);
        for (case, (bare, agent)) in CASES.iter().zip(&mut costs) {
            // Whoever comes first meets other caches; they take turns at it.
            let order = if round % 2 == 0 { [Kind::Bare, case.kind] } else { [case.kind, Kind::Bare] };
            for kind in order {
                let cost = counted(plan, kind, case, stage, collector).await.context(case.name)?;
                if kind == Kind::Bare { bare.push(cost) } else { agent.push(cost) }
            }
        }
    }
    println!("CPU time per request of the proxy process, microseconds: median of {} rounds [least-most]", plan.rounds);
    println!(
        "{:<34}{:<24}{:<24}{:>6}  {:<22}{:>6}",
        "", "bare pingora", "throughline", "ratio", "ratios by round", "limit"
    );
    for (case, (bare, agent)) in CASES.iter().zip(costs) {
        let ratios = Spread::of(agent.iter().zip(&bare).map(|(agent, bare)| agent / bare).collect());
        let (bare, agent) = (Spread::of(bare), Spread::of(agent));
        let ratio = agent.median() / bare.median();
        let verdict = match case.limit {
            Some(limit) => format!("{limit:>6.2}  {}", verdicts.judge(case.name, ratio <= limit)),
            None => format!("{:>6}", "none"),
        };
        println!(
            "{:<34}{:<24}{:<24}{ratio:>6.3}  {:<22}{verdict}",
            case.name,
            bare.line(2),
            agent.line(2),
            ratios.line(3)
        );
    }
    println!();
    Ok(())
}

/// One run that counts. One in which spans are missing does not, and is made again.
async fn counted(plan: &Plan, kind: Kind, case: &Case, stage: &Stage, collector: &Collector) -> anyhow::Result<f64> {
    let mut missing = String::new();
    for _ in 0..REPEATS {
        match measure(plan, kind, case.head, stage, collector).await? {
            Ok(cost) => return Ok(cost),
            Err(reason) => missing = reason,
        }
        eprintln!("speed: {}: a run does not count: {missing}", case.name);
    }
    anyhow::bail!("{REPEATS} runs in a row do not count: {missing}")
}

/// Microseconds a request, or why the run does not count.
async fn measure(
    plan: &Plan,
    kind: Kind,
    head: Head,
    stage: &Stage,
    collector: &Collector,
) -> anyhow::Result<Result<f64, String>> {
    let exports = kind == Kind::Agent && head == Head::Marked;
    let subject = Subject::start(kind, stage)?;
    let mut load = Load::connect(subject.address, CONNECTIONS).await?;
    load.run(head, plan.warm_up).await?;
    if exports {
        subject.flushed().await?;
        collector.decode()?;
    }
    let before = subject.cpu_nanoseconds()?;
    load.run(head, plan.requests).await?;
    let flushed = if exports { Some(subject.flushed().await?) } else { None };
    let spent = subject.cpu_nanoseconds()? - before;
    if let Some(numbers) = flushed {
        let (decoded, due) = (collector.decode()?, plan.requests * SPANS);
        if numbers.lost > 0 || decoded * 1000 < due * 999 {
            return Ok(Err(format!("{decoded} of {due} spans decoded, {} dropped or rejected", numbers.lost)));
        }
    }
    Ok(Ok(spent as f64 / plan.requests as f64 / 1000.0))
}

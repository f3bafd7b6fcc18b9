//! Calls of the allocator per request, counted within the proxy's process.

use crate::Plan;
use crate::collector::Collector;
use crate::figures::Verdicts;
use crate::heads::Head;
use crate::load::Load;
use crate::speed::CONNECTIONS;
use crate::subject::{Counted, Kind, Stage};

/// Timers and idle tasks of a process allocate now and then; less than one in a hundred requests is none.
const NONE: f64 = 0.01;

/// Counts and prints.
///
/// # Errors
/// Anything that keeps the benchmark from measuring.
pub(crate) async fn run(
    plan: &Plan,
    stage: &Stage,
    collector: &Collector,
    verdicts: &mut Verdicts,
) -> anyhow::Result<()> {
    println!("Allocations and reallocations per request in the proxy process, over {} requests", plan.requests);
    println!("{:<34}{:>14}{:>14}{:>10}  limit", "", "bare pingora", "throughline", "added");
    for (name, head, kind, unlimited) in [
        ("unmarked, no context", Head::Plain, Kind::Agent, None),
        ("unmarked, with traceparent", Head::Traced, Kind::Agent, None),
        ("unmarked, X-Forwarded-* present", Head::Forwarded, Kind::Agent, None),
        ("marked, every one exported", Head::Marked, Kind::Agent, Some("none (exporter included)")),
        ("unmarked, feeding a report", Head::Plain, Kind::Observing, None),
    ] {
        eprintln!("allocations: {name}");
        let bare = count(plan, Kind::Bare, head, stage).await?;
        let agent = count(plan, kind, head, stage).await?;
        // Kept bodies would only fill this process's memory.
        collector.decode()?;
        let added = agent - bare;
        let verdict = match unlimited {
            None => format!("0: {}", verdicts.judge(&format!("allocations: {name}"), added < NONE)),
            Some(reason) => reason.to_owned(),
        };
        println!("{name:<34}{bare:>14.3}{agent:>14.3}{added:>10.3}  {verdict}");
    }
    println!();
    Ok(())
}

async fn count(plan: &Plan, kind: Kind, head: Head, stage: &Stage) -> anyhow::Result<f64> {
    let mut counted = Counted::start(kind, stage)?;
    let mut load = Load::connect(counted.address, CONNECTIONS).await?;
    load.run(head, plan.warm_up).await?;
    let before = counted.allocations()?;
    load.run(head, plan.requests).await?;
    Ok((counted.allocations()? - before) as f64 / plan.requests as f64)
}

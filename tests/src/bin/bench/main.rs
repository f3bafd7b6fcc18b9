//! The benchmark: the agent beside a bare Pingora proxy of the same profile, in one run, judged against limits.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is the result, progress goes to stderr")]

mod allocations;
mod collector;
mod counted;
mod figures;
mod gap;
mod heads;
mod latency;
mod load;
mod machine;
mod memory;
mod note;
mod probe;
mod speed;
mod subject;
mod upstream;

use std::process::ExitCode;

use anyhow::{Context as _, bail};

use collector::Collector;
use figures::Verdicts;
use subject::Stage;

const USAGE: &str =
    "bench [--quick] [--rounds N] [--requests N] [--only speed|allocations|note|memory|latency|gap|probe]";

/// How much is measured.
pub(crate) struct Plan {
    /// Times each case is measured with each proxy.
    rounds: usize,
    /// Requests of one measurement.
    requests: u64,
    /// Requests before it.
    warm_up: u64,
    /// Requests of the memory measurement.
    long: u64,
    only: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((flag, rest)) = arguments.split_first()
        && flag == counted::FLAG
    {
        counted::serve(rest)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some((flag, rest)) = arguments.split_first()
        && flag == gap::FLAG
    {
        gap::judge(rest)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan::parse(&arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&plan))
}

async fn run(plan: &Plan) -> anyhow::Result<ExitCode> {
    machine::raise_open_files();
    let cores = machine::pin_self();
    let collector = Collector::start().await?;
    let stage = Stage::new(upstream::start().await?, collector.address, cores)?;
    print!("{}", machine::facts());
    println!("{}", method(plan, &stage));
    let mut verdicts = Verdicts::default();
    if plan.wants("speed") {
        speed::run(plan, &stage, &collector, &mut verdicts).await?;
    }
    if plan.wants("allocations") {
        allocations::run(plan, &stage, &collector, &mut verdicts).await?;
    }
    if plan.wants("note") {
        note::run(plan.rounds, &mut verdicts)?;
        note::in_proxy(plan, &stage).await?;
    }
    if plan.wants("memory") {
        memory::run(plan, &stage, &collector, &mut verdicts).await?;
    }
    if plan.wants("latency") {
        latency::run(plan, &stage, &mut verdicts).await?;
    }
    if plan.wants("gap") {
        gap::run(plan, &mut verdicts)?;
    }
    if plan.wants("probe") {
        probe::run(plan, stage.cores, &mut verdicts).await?;
    }
    let (line, held) = verdicts.close();
    println!("{line}");
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How it is done, for whoever reads the figures.
fn method(plan: &Plan, stage: &Stage) -> String {
    let pinned = match stage.cores {
        Some(cores) => format!("pinned to core {}, the proxy to core {}", cores.load, cores.proxy),
        None => "not pinned (that needs taskset and two cores)".to_owned(),
    };
    format!(
        "method    Load generator, upstream and collector share one thread, {pinned}. {} kept-alive connections send\n\
         \u{20}         GET requests with a browser's headers one after the other; the upstream answers with 64 bytes at once.\n\
         \u{20}         Each measurement is a fresh process with one proxy thread: {} requests to warm up, then {} of which\n\
         \u{20}         the CPU time of all threads (scheduler accounting, nanoseconds) is taken. The proxies take turns, {}\n\
         \u{20}         rounds. Both have the same time limits and pool, mimalloc and the release profile. X-Forwarded-* is\n\
         \u{20}         absent unless stated, so the agent adds three headers that the bare proxy does not. A marked run\n\
         \u{20}         ends when the last span has been sent, and counts only if the collector decoded 99.9 % of the spans\n\
         \u{20}         due under distinct ids and none was dropped; admission is off, the queue has {} places.\n",
        speed::CONNECTIONS,
        plan.warm_up,
        plan.requests,
        plan.rounds,
        subject::QUEUE,
    )
}

impl Plan {
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut plan = Self { rounds: 9, requests: 50_000, warm_up: 10_000, long: 1_000_000, only: None };
        let mut arguments = arguments.iter();
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{flag} needs a value; {USAGE}"));
            match flag.as_str() {
                "--quick" => plan = Self { rounds: 3, requests: 20_000, warm_up: 5_000, long: 100_000, ..plan },
                "--rounds" => plan.rounds = value()?.parse().context("--rounds")?,
                "--requests" => plan.requests = value()?.parse().context("--requests")?,
                "--only" => plan.only = Some(value()?.clone()),
                other => bail!("{other:?} is unknown; {USAGE}"),
            }
        }
        anyhow::ensure!(plan.rounds > 0 && plan.requests > 0, "--rounds and --requests are at least 1");
        Ok(plan)
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

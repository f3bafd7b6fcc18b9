//! The engine of verdicts: a million observations of two hundred services, replayed and as they come.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use throughline::gap::engine::Engine;
use throughline::gap::judgement::Verdict;
use throughline::gap::observation::{Completeness, Observation};
use throughline_tests::rig::chance::SECOND;
use throughline_tests::rig::deliver::Sink;
use throughline_tests::rig::judge::standard;
use throughline_tests::rig::plan::{Plan, Scene};
use throughline_tests::rig::run::simulate_many;

use crate::Plan as Amount;
use crate::figures::{Spread, Verdicts};
use crate::machine;

/// The argument that asks for the judging process; the way and the number of observations follow.
pub(crate) const FLAG: &str = "--judge-gap";

/// Observations.
const OBSERVATIONS: usize = 1_000_000;
/// Services under test; with their leaves there are two hundred.
const TESTED: usize = 132;
const SERVICES: usize = 200;
/// Seconds for all of them, replayed.
const LIMIT_SECONDS: f64 = 5.0;
/// MiB at most, of the whole process.
const LIMIT_MIB: f64 = 300.0;
/// Observations a second on one core.
const LIMIT_RATE: f64 = 50_000.0;
/// Observations that are handed over, and measured, in one go.
const BATCH: usize = 10_000;
/// Simulated seconds between two judgements, as they come.
const ASKED: u64 = 10 * SECOND;

/// How observations reach the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From a recording: no clock but their own times.
    Replayed,
    /// As they come: the clock advances each second, and the judgement is asked for every ten.
    Online,
}

/// What a judging process says of itself.
struct Reading {
    seconds: f64,
    cpu_seconds: f64,
    mib: f64,
    judged: String,
}

/// Measures and prints.
///
/// # Errors
/// Anything that keeps the benchmark from measuring.
pub(crate) fn run(plan: &Amount, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    println!(
        "Verdicts: {OBSERVATIONS} observations of {SERVICES} services, judged on one thread in a process of its own"
    );
    for way in [Way::Replayed, Way::Online] {
        let mut readings = Vec::new();
        for round in 0..plan.rounds.min(3) {
            eprintln!("gap: {}, {} of {}", way.name(), round + 1, plan.rounds.min(3));
            readings.push(measure(way)?);
        }
        let spread = |of: fn(&Reading) -> f64| Spread::of(readings.iter().map(of).collect());
        let (seconds, cpu, mib) = (spread(|r| r.seconds), spread(|r| r.cpu_seconds), spread(|r| r.mib));
        let name = way.name();
        let limits = match way {
            Way::Replayed => {
                let fast = verdicts.judge("gap: time", seconds.median() < LIMIT_SECONDS);
                let small = verdicts.judge("gap: memory", mib.median() < LIMIT_MIB);
                format!("under {LIMIT_SECONDS:.0} s: {fast}; under {LIMIT_MIB:.0} MiB: {small}")
            }
            Way::Online => {
                let rate = OBSERVATIONS as f64 / cpu.median();
                let fast = verdicts.judge("gap: rate", rate >= LIMIT_RATE);
                format!("{rate:.0} observations per CPU second, at least {LIMIT_RATE:.0}: {fast}")
            }
        };
        println!(
            "{name:<10} {} s, {} CPU seconds per 1e6, peak {} MiB  {limits}",
            seconds.line(2),
            cpu.line(2),
            mib.line(0)
        );
        if let Some(reading) = readings.last() {
            println!("           {}", reading.judged);
        }
    }
    println!();
    Ok(())
}

/// The judging process: simulates, judges, and prints one line of figures.
///
/// # Errors
/// Arguments that are missing or wrong, and a kernel without the figures.
pub(crate) fn judge(arguments: &[String]) -> anyhow::Result<()> {
    let [way] = arguments else { anyhow::bail!("{FLAG} needs one argument") };
    let way = if way == Way::Online.name() { Way::Online } else { Way::Replayed };
    let mut sink = Batches {
        engine: Engine::new(standard(), 1),
        way,
        batch: Vec::with_capacity(BATCH),
        taken: 0,
        asked: 0,
        wall: Duration::ZERO,
        cpu: 0,
    };
    let plan = Plan { scene: Scene::Scheduled, load: 10, seed: 1 };
    simulate_many(&plan, TESTED, 3600 * SECOND, &mut sink);
    sink.measured(|sink| sink.engine.finish());
    let mut judgement = None;
    sink.measured(|sink| judgement = Some(sink.engine.judgement()));
    let judgement = judgement.context("no judgement")?;
    let coverage = &judgement.coverage;
    let broken = judgement.hops.iter().filter(|hop| hop.verdict == Verdict::Breaks).count();
    println!(
        "{} {} {} {} services, {} hops, {} judged, {broken} break, {} observations over bounds, {} late",
        sink.wall.as_secs_f64(),
        sink.cpu as f64 / 1e9,
        machine::peak_kib(std::process::id())? as f64 / 1024.0,
        coverage.services.len(),
        coverage.hops_seen,
        coverage.hops_judged,
        coverage.over_bound,
        coverage.late,
    );
    Ok(())
}

fn measure(way: Way) -> anyhow::Result<Reading> {
    let own = std::env::current_exe()?;
    let output = Command::new(own).args([FLAG, way.name()]).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the judging process failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let mut words = text.trim().splitn(4, ' ');
    let mut number = || words.next().context("a figure is missing").and_then(|word| Ok(word.parse::<f64>()?));
    let (seconds, cpu_seconds, mib) = (number()?, number()?, number()?);
    Ok(Reading { seconds, cpu_seconds, mib, judged: words.next().unwrap_or_default().to_owned() })
}

/// Takes observations in batches, so that only the engine's time is counted and not the simulation's.
struct Batches {
    engine: Engine,
    way: Way,
    batch: Vec<Observation>,
    taken: usize,
    asked: u64,
    wall: Duration,
    cpu: u64,
}

impl Batches {
    fn hand_over(&mut self) {
        self.measured(|sink| {
            for observation in sink.batch.drain(..) {
                sink.engine.observe(observation);
            }
        });
    }

    fn measured(&mut self, work: impl FnOnce(&mut Self)) {
        let cpu = || machine::cpu_nanoseconds(std::process::id()).unwrap_or_default();
        let (before, begun) = (cpu(), Instant::now());
        work(self);
        self.wall += begun.elapsed();
        self.cpu += cpu() - before;
    }
}

impl Sink for Batches {
    fn observe(&mut self, observation: Observation) {
        if self.is_full() {
            return;
        }
        self.taken += 1;
        self.batch.push(observation);
        if self.batch.len() == BATCH || self.is_full() {
            self.hand_over();
        }
    }

    fn lost(&mut self, at: u64, service: &Arc<str>, count: u64, why: Completeness) {
        self.engine.lost(at, Some(service), count, why);
    }

    fn challenge(&mut self, _: &[(u128, u64, u64)]) {}

    fn advance(&mut self, now: u64) {
        if self.way == Way::Replayed {
            return;
        }
        self.hand_over();
        let is_due = now >= self.asked + ASKED;
        self.measured(|sink| {
            sink.engine.advance(now);
            if is_due {
                sink.asked = now;
                drop(sink.engine.judgement());
            }
        });
    }

    fn is_full(&self) -> bool {
        self.taken >= OBSERVATIONS
    }
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Online => "online",
        }
    }
}

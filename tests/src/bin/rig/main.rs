//! The ground-truth rig at full length: simulates service graphs, has the engine judge what observers saw of them, and
//! scores the findings against what really happened.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the tables are the result, progress goes to stderr")]

mod limits;
mod one;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use throughline_tests::rig::plan::{Plan, Scene};
use throughline_tests::rig::suite::{self, LOADS};
use throughline_tests::rig::table;

const USAGE: &str = "rig [--runs N] [--seed N] [--scene NAME].. [--load N].. [--threads N] [--minutes N] [--missed] | rig --plan SCENE LOAD SEED";

/// What is run.
struct Wanted {
    runs: u64,
    seed: u64,
    scenes: Vec<Scene>,
    loads: Vec<u32>,
    threads: usize,
    missed: bool,
    /// No run is begun after that.
    within: Duration,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, scene, load, seed] = arguments.as_slice()
        && flag == "--plan"
    {
        let scene = Scene::named(scene).with_context(|| format!("{scene:?} is no scene"))?;
        one::show(&Plan { scene, load: load.parse()?, seed: seed.parse()? });
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = Wanted::parse(&arguments)?;
    let plans = suite::plans(&wanted.scenes, &wanted.loads, wanted.runs, wanted.seed);
    println!("{} runs from seed {} on; one is repeated by: rig --plan SCENE LOAD SEED\n", plans.len(), wanted.seed);
    let begun = Instant::now();
    let told = |done: usize, plan: &Plan| {
        if done.is_multiple_of(10) {
            eprintln!("{done} of {}, last {plan}, {:.0} s", plans.len(), begun.elapsed().as_secs_f64());
        }
        begun.elapsed() < wanted.within
    };
    let tally = suite::run(&plans, wanted.threads, &told);
    println!("{}\n{}\n{}", table::runs(&tally), table::precision(&tally), table::recall(&tally));
    tally.wrong.iter().for_each(|wrong| println!("wrong: {wrong}"));
    if wanted.missed {
        tally.afterwards.iter().for_each(|found| println!("afterwards: {found}"));
        tally.missed.iter().for_each(|missed| println!("missed: {missed}"));
    }
    let (text, held) = limits::judge(&tally);
    println!("{text}");
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Wanted {
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut wanted = Self {
            runs: 1,
            seed: 1,
            scenes: Vec::new(),
            loads: Vec::new(),
            threads: 2,
            missed: false,
            within: Duration::MAX,
        };
        let mut arguments = arguments.iter();
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{flag} needs a value; {USAGE}"));
            match flag.as_str() {
                "--runs" => wanted.runs = value()?.parse().context("--runs")?,
                "--seed" => wanted.seed = value()?.parse().context("--seed")?,
                "--threads" => wanted.threads = value()?.parse().context("--threads")?,
                "--load" => wanted.loads.push(value()?.parse().context("--load")?),
                "--minutes" => wanted.within = Duration::from_secs(60 * value()?.parse::<u64>().context("--minutes")?),
                "--missed" => wanted.missed = true,
                "--scene" => {
                    let name = value()?;
                    wanted.scenes.push(Scene::named(name).with_context(|| format!("{name:?} is no scene"))?);
                }
                other => bail!("{other:?} is unknown; {USAGE}"),
            }
        }
        if wanted.scenes.is_empty() {
            wanted.scenes = Scene::ALL.to_vec();
        }
        if wanted.loads.is_empty() {
            wanted.loads = LOADS.to_vec();
        }
        Ok(wanted)
    }
}

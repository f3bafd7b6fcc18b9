//! The probe: what it adds to system calls, to a server's CPU time and latency, what it loses, and what it holds.

mod calls;
mod nginx;
mod paced;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use throughline_tests::live::agent::{Privilege, Refused, Watch, Watching};
use throughline_tests::real::program;

use crate::figures::{Spread, Verdicts};
use crate::machine::{self, Cores};
use crate::{Plan, heads::Head};
use calls::CALLS;
use nginx::Nginx;
use paced::Paced;

/// Nanoseconds that an unrelated system call may take longer.
const UNRELATED: f64 = 15.0;
/// CPU time that a server may take more, in parts of a hundred of a core.
const SERVER: f64 = 3.0;
/// The 99th percentile may be longer by as much as it is between rounds without the probe, or by this.
const TAIL: f64 = 1.10;
/// Requests a second at the server.
const RATE: u32 = 20_000;
/// Of a hundred requests, those with a mark in the run that may lose nothing.
const MARKED: u64 = 1;
/// Connections that are open at the same time, and how many of them are opened in a second.
const OPEN: usize = 10_000;
const OPENED: u32 = 400;
/// MiB that the agent may hold with them.
const MEMORY: f64 = 64.0;
/// From the start of the program to the attached probe.
const ATTACH: Duration = Duration::from_secs(1);
/// One measurement at the server.
const SLICE: Duration = Duration::from_secs(2);

/// Measures and prints. Says so where this machine does not permit it.
///
/// # Errors
/// Anything that keeps the benchmark from measuring.
pub(crate) async fn run(plan: &Plan, cores: Option<Cores>, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    if let Some(reason) = Privilege::Own.lacking() {
        println!("The probe is not measured: {reason}\n");
        return Ok(());
    }
    if program("nginx").is_none() {
        println!("The probe is not measured: no nginx; `apt-get install nginx` brings it\n");
        return Ok(());
    }
    let server = Nginx::start(cores)?;
    match watching(&server, "").await {
        Ok(watching) => drop(watching),
        Err(reason) => {
            println!("The probe is not measured: {reason}\n");
            return Ok(());
        }
    }
    system_calls(plan, &server, verdicts).await?;
    at_the_server(plan, &server, verdicts).await?;
    without_a_loss(&server, verdicts).await?;
    many_connections(&server, verdicts).await
}

/// An agent that watches the server and writes no recording.
async fn watching(server: &Nginx, settings: &str) -> anyhow::Result<Watching> {
    let services = vec![(server.address, "nginx".to_owned())];
    let watch = Watch { services, settings: settings.to_owned(), unrecorded: true, ..Watch::default() };
    Watching::start(Privilege::Own, &watch).await.map_err(|Refused(reason)| anyhow::anyhow!(reason))
}

async fn system_calls(plan: &Plan, server: &Nginx, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    let (mut off, mut on) = (vec![Vec::new(); CALLS.len()], vec![Vec::new(); CALLS.len()]);
    let mut attached = Vec::new();
    // A process with one thread looks its descriptors up for less, and starting the agent brings a second one.
    let (_lives, until) = mpsc::channel::<()>();
    std::thread::spawn(move || until.recv());
    for round in 0..plan.rounds {
        eprintln!("probe: system calls, round {} of {}", round + 1, plan.rounds);
        for (call, costs) in CALLS.iter().zip(&mut off) {
            costs.push(call.nanoseconds()?);
        }
        let agent = watching(server, "").await?;
        attached.push(agent.attached_after().as_secs_f64() * 1e3);
        for (call, costs) in CALLS.iter().zip(&mut on) {
            costs.push(call.nanoseconds()?);
        }
        agent.stop().await;
    }
    println!("System calls of a process that is not watched, nanoseconds of CPU time, {} rounds", plan.rounds);
    println!("{:<42}{:>22}{:>22}{:>9}  limit", "", "without", "with the probe", "added");
    for ((call, off), on) in CALLS.iter().zip(off).zip(on) {
        let (off, on) = (Spread::of(off), Spread::of(on));
        let added = on.median() - off.median();
        let verdict = if call.unrelated {
            format!("{UNRELATED}: {}", verdicts.judge(&format!("probe: {}", call.name), added <= UNRELATED))
        } else {
            String::new()
        };
        println!("{:<42}{:>22}{:>22}{added:>9.1}  {verdict}", call.name, off.line(0), on.line(0));
    }
    let attached = Spread::of(attached);
    let verdict = verdicts.judge("probe: attach", attached.median() < ATTACH.as_secs_f64() * 1e3);
    println!(
        "{:<42}{:>22} ms from the program's start  limit {}: {verdict}\n",
        "attach",
        attached.line(0),
        ATTACH.as_millis()
    );
    Ok(())
}

async fn at_the_server(plan: &Plan, server: &Nginx, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    let mut load = Paced::connect(server.address, RATE)?;
    load.run(SLICE, 0).await?;
    let (mut cpu, mut tail) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let mut agents = Vec::new();
    for round in 0..plan.rounds {
        eprintln!("probe: {RATE} requests/s at nginx, round {} of {}", round + 1, plan.rounds);
        for with in [false, true] {
            let mut agent = if with { Some(watching(server, "").await?) } else { None };
            let own = agent.as_mut().map(|agent| agent.process().id());
            let before = (server.cpu_nanoseconds()?, own.map(machine::cpu_nanoseconds).transpose()?.unwrap_or(0));
            let began = Instant::now();
            let taken = load.run(SLICE, 0).await?;
            let requests = taken.len() as f64;
            ensure!(requests >= f64::from(RATE) * SLICE.as_secs_f64() * 0.97, "the load falls behind: {requests}");
            let place = usize::from(with);
            let spent = (server.cpu_nanoseconds()? - before.0) as f64 / requests;
            cpu.get_mut(place).context("two places")?.push(spent);
            tail.get_mut(place).context("two places")?.push(Spread::of(taken).percentile(99));
            if let Some(own) = own {
                let spent = machine::cpu_nanoseconds(own)? - before.1;
                agents.push(100.0 * spent as f64 / began.elapsed().as_nanos() as f64);
            }
            if let Some(agent) = agent {
                agent.stop().await;
            }
        }
    }
    let [[off, on], [tail_off, tail_on]] = [cpu, tail].map(|both| both.map(Spread::of));
    let added = on.median() - off.median();
    let of_core = 100.0 * added * f64::from(RATE) / 1e9;
    let of_server = 100.0 * added / off.median();
    println!("nginx at {RATE} unmarked requests/s, one worker, {} rounds of {} s", plan.rounds, SLICE.as_secs());
    println!("{:<42}{:>22}{:>22}{:>9}  limit", "", "without", "with the probe", "added");
    println!("{:<42}{:>22}{:>22}{added:>9.0}", "CPU ns per request", off.line(0), on.line(0));
    let verdict = verdicts.judge("probe: CPU at nginx", of_core <= SERVER);
    println!("{:<42}{of_core:>51.1} %  {SERVER} %: {verdict}", "the same, of a core");
    println!("{:<42}{of_server:>51.1} %", "the same, of nginx's own CPU time");
    let longer = tail_on.median() / tail_off.median();
    let within = longer <= TAIL || tail_on.median() <= tail_off.percentile(100);
    let verdict = verdicts.judge("probe: 99th percentile", within);
    println!(
        "{:<42}{:>22}{:>22}{:>7.1} %  within its spread: {verdict}",
        "99th percentile, microseconds",
        tail_off.line(0),
        tail_on.line(0),
        100.0 * (longer - 1.0)
    );
    println!("{:<42}{:>44} % of a core\n", "the agent itself", Spread::of(agents).line(1));
    Ok(())
}

async fn without_a_loss(server: &Nginx, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    eprintln!("probe: {RATE} requests/s, {MARKED} % marked");
    let mut agent = watching(server, "").await?;
    let mut load = Paced::connect(server.address, RATE)?;
    let own = agent.process().id();
    let (before, began) = (machine::cpu_nanoseconds(own)?, Instant::now());
    let sent = load.run(SLICE * 5, 100 / MARKED).await?.len();
    let spent = 100.0 * (machine::cpu_nanoseconds(own)? - before) as f64 / began.elapsed().as_nanos() as f64;
    let lost = agent.metric("throughline_probe_lost_total").await;
    let records = agent.metric("throughline_probe_records_total").await;
    let verdict = verdicts.judge("probe: lost events", lost == 0);
    println!(
        "{RATE} requests/s, {MARKED} % of them marked: {sent} requests, {records} records, {lost} lost, agent {spent:.0} % of a core  limit 0 lost: {verdict}\n"
    );
    agent.stop().await;
    Ok(())
}

async fn many_connections(server: &Nginx, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    eprintln!("probe: {OPEN} connections");
    let mut agent = watching(server, "").await?;
    // Slower than the budget, so that none of them is passed over.
    let open = paced::open(server.address, OPEN, OPENED, Head::Traced).await?;
    let (mut known, end) = (0, Instant::now() + SLICE);
    while known < OPEN as u64 && Instant::now() < end {
        known = agent.metric("throughline_probe_connections").await;
    }
    let mib = machine::rss_kib(agent.process().id())? as f64 / 1024.0;
    let verdict = verdicts.judge("probe: memory", mib < MEMORY && known >= OPEN as u64);
    println!(
        "{} connections open, a request on each: {known} followed, {mib:.1} MiB  limit {MEMORY:.0}: {verdict}\n",
        open.len()
    );
    agent.stop().await;
    Ok(())
}

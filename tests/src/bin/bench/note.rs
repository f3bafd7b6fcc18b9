//! What a note costs by itself: the steps that a proxy that feeds a report takes for an unmarked request, and no other
//! one does. And what the thread that serves requests spends on them more than where no report is fed.

use std::hint::black_box;
use std::time::Instant;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region};
use throughline::gap::note::{Ids, KnownRoutes, Method, Note, Ring, Traits};
use throughline::gap::route;
use throughline::trace::marker::Mark;
use throughline::trace::traceparent::Traceparent;

use crate::Plan;
use crate::figures::{Spread, Verdicts};
use crate::heads::Head;
use crate::load::Load;
use crate::machine;
use crate::speed::CONNECTIONS;
use crate::subject::{Kind, Stage, Subject};

/// Notes between two times that the ring is emptied, which is not measured.
const BATCH: u64 = 8_192;
/// Batches of one round.
const BATCHES: u64 = 64;
/// Pairs of measurements in one round.
const PAIRS: usize = 10;
/// What a note may cost, in nanoseconds.
const LIMIT: f64 = 100.0;

/// Paths as services have them.
const TARGETS: [&[u8]; 3] = [
    b"/api/cart?item=42&currency=eur",
    b"/orders/4bf92f35-77b3-4da6-a3ce-929d0e0e4736/items/7",
    b"/static/js/main.8f2a91c4.chunk.js",
];

/// Measures and prints.
///
/// # Errors
/// When the scheduler's accounting cannot be read.
pub(crate) fn run(rounds: usize, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    let process = std::process::id();
    let header = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let context = Traceparent::parse(header).ok().map(Ids::from);
    let (ring, known, clock) = (Ring::new(BATCH as usize), KnownRoutes::default(), Instant::now());
    TARGETS.iter().for_each(|target| known.add(route::hash(target)));
    let mut costs = Vec::new();
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    let mut allocations = 0;
    for _ in 0..rounds {
        let mut spent = 0;
        for _ in 0..BATCHES {
            // Time on the processor: what others do on this machine is not measured.
            let begun = machine::cpu_nanoseconds(process)?;
            let before = region.change();
            for (number, target) in (0..BATCH).zip(TARGETS.iter().cycle()) {
                leave(&ring, &known, clock, black_box(target), black_box(context), number as u32);
            }
            let after = region.change();
            spent += machine::cpu_nanoseconds(process)? - begun;
            allocations += after.allocations - before.allocations + after.reallocations - before.reallocations;
            ring.drain(|note| {
                black_box(note);
            });
        }
        costs.push(spent as f64 / (BATCH * BATCHES) as f64);
    }
    let costs = Spread::of(costs);
    println!("A note of an unmarked request: two looks at the clock, the number of its route, one line of a ring");
    let verdict = verdicts.judge("note: time", costs.median() <= LIMIT && ring.take_lost() == 0);
    println!("{:<34}{:<24}limit {LIMIT} ns: {verdict}", "nanoseconds on the processor", costs.line(1));
    let verdict = verdicts.judge("note: allocations", allocations == 0);
    println!("{:<34}{allocations:<24}limit 0: {verdict}\n", "allocations");
    Ok(())
}

/// Measures and prints what the serving thread pays: two agents, one of which feeds a report, in turns. Their other
/// threads are left out. Whole requests vary by more than a note costs, so this has no limit of its own.
///
/// # Errors
/// Anything that keeps the benchmark from measuring.
pub(crate) async fn in_proxy(plan: &Plan, stage: &Stage) -> anyhow::Result<()> {
    println!("What a request costs the thread that serves it, nanoseconds: a report fed, less none fed");
    for (name, head) in [("unmarked, no context", Head::Plain), ("unmarked, with traceparent", Head::Traced)] {
        let (mut more, mut without) = (Vec::new(), Vec::new());
        for round in 0..plan.rounds {
            eprintln!("note: {name}: round {} of {}", round + 1, plan.rounds);
            let (plain, observing) = (Subject::start(Kind::Agent, stage)?, Subject::start(Kind::Observing, stage)?);
            let mut subjects = Vec::new();
            for subject in [&plain, &observing] {
                let mut load = Load::connect(subject.address, CONNECTIONS).await?;
                load.run(head, plan.warm_up).await?;
                subjects.push((subject, load));
            }
            for pair in 0..PAIRS {
                let mut costs = [0.0; 2];
                for turn in 0..2 {
                    let which = (turn + pair) % 2;
                    if let (Some((subject, load)), Some(cost)) = (subjects.get_mut(which), costs.get_mut(which)) {
                        let before = subject.serving_nanoseconds()?;
                        load.run(head, plan.requests / PAIRS as u64).await?;
                        *cost =
                            (subject.serving_nanoseconds()? - before) as f64 / (plan.requests / PAIRS as u64) as f64;
                    }
                }
                let [none, fed] = costs;
                more.push(fed - none);
                without.push(none);
            }
        }
        let (more, without) = (Spread::of(more), Spread::of(without));
        println!("{name:<34}{:<28}of {}", more.line(0), without.line(0));
    }
    println!();
    Ok(())
}

#[inline(never)]
fn leave(ring: &Ring, known: &KnownRoutes, clock: Instant, target: &[u8], context: Option<Ids>, connection: u32) {
    let begun = clock.elapsed().as_nanos() as u64;
    let route = route::hash(target);
    assert!(!known.may_add(route), "the template was named before");
    let note = Note {
        begun,
        duration: clock.elapsed().as_nanos() as u64 - begun,
        context,
        mark: Mark::None,
        route,
        connection,
        status: 200,
        method: Method::Get,
        traits: Traits::default(),
    };
    ring.write(&note);
}

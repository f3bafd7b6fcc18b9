//! One run in detail, to see why something was found, or not.

use throughline::trace::counts::Label as _;
use throughline_tests::rig::judge::judge;
use throughline_tests::rig::plan::Plan;
use throughline_tests::rig::run;
use throughline_tests::rig::score::Tally;

/// Prints graph, truth and judgement of a run.
pub(crate) fn show(plan: &Plan) {
    for service in run::graph(plan).services {
        println!("{} {:?} pool {} roots {}", service.name, service.model, service.pool, service.starts_roots);
        for route in &service.routes {
            println!(
                "  serves {} {}: {:?}, handed over {}",
                route.method, route.template, route.steps, route.is_handed_over
            );
        }
        for (place, call) in service.calls.iter().enumerate() {
            println!("  call {place}: {call:?}");
        }
        service.tasks.iter().for_each(|task| println!("  {task:?}"));
    }
    let outcome = judge(plan);
    for (name, hop) in outcome.truth.hops().filter(|(_, hop)| hop.calls > 0) {
        let due: Vec<_> = hop.due().map(|code| (code, hop.count(code))).collect();
        println!(
            "truth: {} -> {} {} {} {}: {} calls, {} traces, due {due:?}",
            name.0,
            name.1,
            name.2,
            name.3,
            name.4,
            hop.calls,
            hop.traces.len()
        );
    }
    for hop in &outcome.judgement.hops {
        let key = &hop.key;
        println!(
            "judged: {} -> {} {} {} {:?}: {:?}, {} samples, {} forwarded, {} calls, {} async",
            key.service,
            key.peer,
            key.method,
            key.route,
            hop.epoch,
            hop.verdict,
            hop.samples,
            hop.forwarded,
            hop.calls,
            hop.not_judged_async
        );
        for finding in &hop.findings {
            println!(
                "  {} {} by {}: {} of {}",
                finding.code,
                finding.confidence.name(),
                finding.attribution.name(),
                finding.broken,
                finding.of
            );
            finding.evidence.iter().for_each(|evidence| println!("    {evidence:?}"));
        }
    }
    println!("{:?}\n{:?}", outcome.judgement.arrivals, outcome.judgement.coverage);
    let mut tally = Tally::default();
    tally.add(&outcome);
    tally.wrong.iter().for_each(|wrong| println!("wrong: {wrong}"));
    tally.missed.iter().for_each(|missed| println!("missed: {missed}"));
}

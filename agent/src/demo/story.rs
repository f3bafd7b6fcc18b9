//! What the demonstration prints: the stage, the waterfalls, which service broke the trace, what became of the unmarked
//! requests, what was checked and what to try next.

use std::collections::HashMap;
use std::io::{Error, Write};

use super::plan::{Manner, Manners, Request, calls};
use super::stage::Seen;
use super::verify::{Evidence, Unmarked, verdicts, verify};
use super::waterfall::{Look, Waterfall, compute, render};
use super::{DemoOptions, Outcome};
use crate::export::decode::ReceivedSpan;
use crate::gap::judgement::Judgement;
use crate::report::ledger::{ProbeLedger, ProbeState};
use crate::report::model::Report;
use crate::report::question::Question;
use crate::report::table::{self, View};

const BOLD: &str = "1";
const RED: &str = "31";
/// One dead process explains itself in a few sentences, and would fill pages.
const FAULTS_SHOWN: usize = 12;
/// Waterfalls shown of each kind of request; the others look the same.
const SHOWN_OF_A_KIND: usize = 1;

/// Checks all that was seen and writes it as one page.
pub(super) fn tell(
    seen: &Seen,
    requests: &[Request],
    killed: Option<&'static str>,
    options: &DemoOptions,
    out: &mut dyn Write,
) -> Result<Outcome, Error> {
    let look = options.look;
    let manners = Manners::of(options.seed);
    let waterfalls = waterfalls(requests, &seen.received.spans);
    let bodies: Vec<u8> = seen.received.bodies.iter().flatten().copied().collect();
    let evidence = Evidence {
        requests,
        answers: &seen.answers,
        logs: &seen.logs,
        spans: &seen.received.spans,
        bodies: &bodies,
        killed,
        manners,
    };
    let marked = requests.iter().filter(|request| request.mark.is_some()).count();
    let judgement = verdicts::judge(&seen.challenge, &seen.observations);
    let (unmarked, mut wrong) = verify(&evidence, waterfalls.iter().map(|(_, waterfall)| waterfall));
    wrong.extend(verdicts::check(&judgement, manners, killed, marked));
    wrong.extend(seen.received.refused.iter().map(|why| format!("the collector received something else: {why}")));
    wrong.extend(seen.stubborn.iter().map(|name| format!("{name} did not end when asked and was killed")));

    stage(seen, manners, killed, out)?;
    let spans: usize = waterfalls.iter().map(|(_, waterfall)| waterfall.rows.len()).sum();
    let title = match marked {
        1 => format!("1 marked request (tracestate: checkly=true) became {spans} spans"),
        n => format!("{n} marked requests (tracestate: checkly=true) became {spans} spans"),
    };
    writeln!(out, "{}", look.paint(BOLD, &title))?;
    writeln!(out, "At the end of a line: the parent-id the service received, as it stands in its log.")?;
    writeln!(out, "--seed {} sends the same requests again; another seed breaks other services.\n", options.seed)?;
    traces(&waterfalls, look, out)?;
    let watched = seen.probe.as_ref().is_some_and(|probe| probe.state == ProbeState::Attached);
    let by = if watched { "proxies and probe" } else { "the proxies" };
    writeln!(out, "{}", look.paint(BOLD, &format!("Which service broke the trace, from what {by} observed")))?;
    writeln!(out)?;
    writeln!(out, "{}", report(&judgement, options))?;
    writeln!(out, "{}", look.paint(BOLD, "Unmarked requests, counted from the services' own logs"))?;
    unmarked_figures(unmarked, killed, out)?;

    if wrong.is_empty() {
        right(killed, look.paint(BOLD, "Checked"), out)?;
    } else {
        writeln!(out, "{}", look.paint(RED, "Not as it should be"))?;
        for sentence in wrong.iter().take(FAULTS_SHOWN) {
            writeln!(out, "  {}", sentence.replace(char::is_control, "?"))?;
        }
        if let Some(more @ 1..) = wrong.len().checked_sub(FAULTS_SHOWN) {
            writeln!(out, "  ... and {more} more")?;
        }
        writeln!(out)?;
    }
    next(options, look.paint(BOLD, "Next"), out)?;
    out.flush()?;
    Ok(if wrong.is_empty() { Outcome::Right } else { Outcome::Wrong })
}

/// The report's table, as `throughline report` prints it.
fn report(judgement: &Judgement, options: &DemoOptions) -> String {
    let now = judgement.period.map_or(0, |(_, last)| last);
    let report = Report::compose(judgement, &Question::default(), Vec::new(), now);
    let look = options.look;
    table::render(&report, View { width: look.width, colour: look.colour, evidence: false })
}

/// The first of each kind.
fn traces(waterfalls: &[(&str, Waterfall)], look: Look, out: &mut dyn Write) -> Result<(), Error> {
    let mut shown: HashMap<&str, usize> = HashMap::new();
    let mut more = 0;
    for (kind, waterfall) in waterfalls {
        let of_kind = shown.entry(kind).or_default();
        *of_kind += 1;
        if *of_kind <= SHOWN_OF_A_KIND {
            writeln!(out, "{}", render(waterfall, look))?;
        } else {
            more += 1;
        }
    }
    if more > 0 {
        writeln!(out, "({more} more like these)\n")?;
    }
    Ok(())
}

/// One for each marked request that has spans, in the order they were sent, with its kind.
fn waterfalls(requests: &[Request], spans: &[ReceivedSpan]) -> Vec<(&'static str, Waterfall)> {
    let mut traces: HashMap<[u8; 16], Vec<&ReceivedSpan>> = HashMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().push(span);
    }
    let marked = requests.iter().filter_map(|request| Some((request.kind(), request.mark?)));
    marked
        .filter_map(|(kind, mark)| {
            let spans = traces.get(mark.trace_id.bytes())?;
            Some((kind, compute(mark.trace_id.bytes(), spans, Some(*mark.parent_id.bytes()))))
        })
        .collect()
}

fn stage(seen: &Seen, manners: Manners, killed: Option<&str>, out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "Three services that know nothing of tracing, and one agent with a proxy before each:")?;
    for (service, addr, proxy) in &seen.places {
        let mut callees: Vec<&str> = calls().filter(|(caller, ..)| caller == service).map(|(_, to, _)| to).collect();
        callees.sort_unstable();
        let manner = match manners.at(service) {
            Manner::Copies => "copying traceparent and tracestate",
            Manner::Drops => "sending no context on",
            Manner::Unmarks => "copying traceparent alone",
        };
        let does = format!("calls {}, {manner}", callees.join(" or "));
        let does = if killed == Some(*service) { "killed before the first request".to_owned() } else { does };
        writeln!(out, "  {service:<6}{addr:<16} proxy {proxy:<16} {does}")?;
    }
    writeln!(out, "{}\n", probe(seen.probe.as_ref()))
}

/// Which way it went with the kernel probe.
fn probe(ledger: Option<&ProbeLedger>) -> String {
    match ledger {
        Some(ledger) if ledger.state == ProbeState::Attached => {
            "The kernel probe watches them too: which thread served what is known.".to_owned()
        }
        Some(ProbeLedger { reason: Some(reason), .. }) => {
            format!("Without the kernel probe: {}", reason.replace(char::is_control, "?"))
        }
        _ => "Without the kernel probe: the agent says nothing of it.".to_owned(),
    }
}

fn unmarked_figures(unmarked: Unmarked, killed: Option<&str>, out: &mut dyn Write) -> Result<(), Error> {
    let Unmarked { sent, answered, due, arrived, untouched, spans } = unmarked;
    let expected = if killed.is_some() { "answered as expected" } else { "answered with 200" };
    writeln!(out, "  {expected:<38} {answered} of {sent}")?;
    writeln!(out, "  {:<38} {arrived} of {due}", "arrived at running services")?;
    writeln!(out, "  {:<38} {untouched} of {arrived}", "context exactly as its sender sent it")?;
    writeln!(out, "  {:<38} {spans}\n", "spans")
}

fn right(killed: Option<&str>, title: String, out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "{title}")?;
    if let Some(name) = killed {
        writeln!(
            out,
            "  As expected with {name} killed: each request that needed it ended there with 502, and its trace says why."
        )?;
    }
    writeln!(out, "  Every marked request is one whole trace, as far as the services carried its mark.")?;
    writeln!(out, "  The report blames those services that broke it, and no other.")?;
    writeln!(out, "  Every id above occurs in the bytes the collector received and in a service's log.")?;
    writeln!(out, "  All processes have ended.\n")
}

fn next(options: &DemoOptions, title: String, out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "{title}")?;
    match &options.keep {
        Some(folder) => writeln!(
            out,
            "  Search for an id yourself, in the services' logs and in the collector's bytes:\n\
             \x20   cd {folder}\n    grep ID *.log\n    cat otlp-*.bin | od -An -v -tx1 | tr -d ' \\n' | grep -c ID",
            folder = folder.display()
        )?,
        None => writeln!(out, "  Keep the logs and the collector's bytes:   throughline demo --keep FOLDER")?,
    }
    if options.kill.is_none() {
        writeln!(out, "  See a service fail:                        throughline demo --kill cart")?;
    }
    writeln!(
        out,
        "  Put a proxy before a service of your own and send it a marked request:\n\
         \x20   throughline proxy --listen 127.0.0.1:8080 --upstream http://127.0.0.1:PORT --export print\n\
         \x20   hex() {{ od -An -v -tx1 -N$1 /dev/urandom | tr -d ' \\n'; }}\n\
         \x20   curl -H \"traceparent: 00-$(hex 16)-$(hex 8)-01\" -H 'tracestate: checkly=true' http://127.0.0.1:8080/"
    )
}

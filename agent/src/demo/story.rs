//! What the demonstration prints: the stage, the waterfalls, what became of the unmarked requests, what was checked and
//! what to try next.

use std::collections::HashMap;
use std::io::{Error, Write};

use super::plan::{Request, SERVICES};
use super::stage::Seen;
use super::verify::{Evidence, Unmarked, verify};
use super::waterfall::{Waterfall, compute, render};
use super::{DemoOptions, Outcome};
use crate::export::decode::ReceivedSpan;

const BOLD: &str = "1";
const RED: &str = "31";
/// One dead process explains itself in a few sentences, and would fill pages.
const FAULTS_SHOWN: usize = 12;

/// Checks all that was seen and writes it as one page.
pub(super) fn tell(
    seen: &Seen,
    requests: &[Request],
    killed: Option<&'static str>,
    options: &DemoOptions,
    out: &mut dyn Write,
) -> Result<Outcome, Error> {
    let look = options.look;
    let waterfalls = waterfalls(requests, &seen.received.spans);
    let bodies: Vec<u8> = seen.received.bodies.iter().flatten().copied().collect();
    let evidence = Evidence {
        requests,
        answers: &seen.answers,
        logs: &seen.logs,
        spans: &seen.received.spans,
        bodies: &bodies,
        killed,
    };
    let (unmarked, mut wrong) = verify(&evidence, &waterfalls);
    wrong.extend(seen.received.refused.iter().map(|why| format!("the collector received something else: {why}")));
    wrong.extend(seen.stubborn.iter().map(|name| format!("{name} did not end when asked and was killed")));

    stage(seen, killed, out)?;
    let spans: usize = waterfalls.iter().map(|waterfall| waterfall.rows.len()).sum();
    let marked = match waterfalls.len() {
        1 => "1 marked request".to_owned(),
        n => format!("{n} marked requests"),
    };
    let title = format!("{marked} (tracestate: checkly=true) became {spans} spans");
    writeln!(out, "{}", look.paint(BOLD, &title))?;
    writeln!(out, "At the end of a line: the parent-id the service received, as it stands in its log.")?;
    writeln!(out, "--seed {} sends the same requests again.\n", options.seed)?;
    for waterfall in &waterfalls {
        writeln!(out, "{}", render(waterfall, look))?;
    }
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

/// One for each marked request, in the order they were sent.
fn waterfalls(requests: &[Request], spans: &[ReceivedSpan]) -> Vec<Waterfall> {
    let mut traces: HashMap<[u8; 16], Vec<&ReceivedSpan>> = HashMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().push(span);
    }
    let marks = requests.iter().filter_map(|request| request.mark);
    marks
        .filter_map(|mark| {
            let spans = traces.get(mark.trace_id.bytes())?;
            Some(compute(mark.trace_id.bytes(), spans, Some(*mark.parent_id.bytes())))
        })
        .collect()
}

fn stage(seen: &Seen, killed: Option<&str>, out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "Three services that know nothing of tracing, each behind a proxy of its own:")?;
    for (service, addr, proxy) in &seen.places {
        let calls = match *service {
            "shop" => "calls cart or stock, copying traceparent and tracestate",
            "cart" => "calls stock, copying traceparent and tracestate",
            _ => "calls nobody",
        };
        let calls = if killed == Some(*service) { "killed before the first request" } else { calls };
        writeln!(out, "  {service:<6}{addr:<16} proxy {proxy:<16} {calls}")?;
    }
    writeln!(out)
}

fn unmarked_figures(unmarked: Unmarked, killed: Option<&str>, out: &mut dyn Write) -> Result<(), Error> {
    let Unmarked { sent, answered, due, arrived, untouched, spans } = unmarked;
    let expected = if killed.is_some() { "answered as expected" } else { "answered with 200" };
    writeln!(out, "  {expected:<34} {answered} of {sent}")?;
    writeln!(out, "  {:<34} {arrived} of {due}", "arrived at running services")?;
    writeln!(out, "  {:<34} {untouched} of {arrived}", "context headers exactly as sent")?;
    writeln!(out, "  {:<34} {spans}\n", "spans")
}

fn right(killed: Option<&str>, title: String, out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "{title}")?;
    match killed {
        Some(name) => writeln!(
            out,
            "  As expected with {name} killed: each request that needed it ended there with 502, and its trace says why."
        )?,
        None => writeln!(out, "  Every marked request is one whole trace through every service it reached.")?,
    }
    let place =
        if killed == SERVICES.first().copied() { "; no service was reached" } else { " and in a service's log" };
    writeln!(out, "  Every id above occurs in the bytes the collector received{place}.")?;
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

//! Whether the demonstration showed what it claims: every marked request one whole trace, every other request as if no
//! proxy were there. Pure: compares what was sent, what the services logged and what the collector received.
//!
//! Nothing here trusts the proxies; the figures are counted from the other two.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::plan::{Hop, MARK, Mark, Request};
use super::waterfall::{Waterfall, hex, http_status};
use crate::export::decode::{Kind, ReceivedSpan};

/// All that was seen.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// What was sent.
    pub(super) requests: &'a [Request],
    /// The status each request was answered with, by its number; absent when there was no answer.
    pub(super) answers: &'a BTreeMap<u32, u16>,
    /// What each service wrote, by its name.
    pub(super) logs: &'a BTreeMap<&'static str, String>,
    /// What the collector decoded.
    pub(super) spans: &'a [ReceivedSpan],
    /// What the collector received.
    pub(super) bodies: &'a [u8],
    /// The service that was killed.
    pub(super) killed: Option<&'a str>,
}

/// What became of the unmarked requests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unmarked {
    pub(super) sent: usize,
    pub(super) answered: usize,
    /// Arrivals at running services, by the routes.
    pub(super) due: usize,
    /// Arrivals in the services' logs.
    pub(super) arrived: usize,
    /// Of these, with exactly the context header lines that were sent.
    pub(super) untouched: usize,
    /// Spans of traces that no marked request belongs to.
    pub(super) spans: usize,
}

/// One line of a service's log.
struct Arrival {
    service: String,
    path: String,
    traceparent: Vec<String>,
    tracestate: Vec<String>,
}

/// The figures of the unmarked requests, and a sentence for everything that is not as it should be.
pub(super) fn verify(evidence: &Evidence<'_>, waterfalls: &[Waterfall]) -> (Unmarked, Vec<String>) {
    let mut wrong = Vec::new();
    let arrivals = arrivals(evidence.logs, &mut wrong);
    let mut unmarked = Unmarked::default();
    for request in evidence.requests {
        let hops = request.hops();
        let dead = hops.iter().position(|hop| Some(hop.service) == evidence.killed);
        let expected = if dead.is_some() { 502 } else { 200 };
        let answer = evidence.answers.get(&request.number).copied();
        if answer != Some(expected) {
            let got = answer.map_or_else(|| "not answered".to_owned(), |status| format!("answered with {status}"));
            wrong.push(format!("{} was {got} instead of {expected}", request.path()));
        }
        let running = hops.get(..dead.unwrap_or(hops.len())).unwrap_or_default();
        match request.mark {
            Some(mark) => {
                let reached = hops.get(..dead.map_or(hops.len(), |dead| dead + 1)).unwrap_or_default();
                whole(evidence, mark, reached, running.len(), &arrivals, &mut wrong);
            }
            None => {
                unmarked.sent += 1;
                unmarked.answered += usize::from(answer == Some(expected));
                unmarked.due += running.len();
                for arrival in running.iter().flat_map(|hop| at(&arrivals, hop)) {
                    unmarked.arrived += 1;
                    let same =
                        arrival.traceparent.iter().eq(&request.traceparent) && arrival.tracestate == request.tracestate;
                    unmarked.untouched += usize::from(same);
                }
            }
        }
    }
    let marked: Vec<_> = evidence.requests.iter().filter_map(|request| request.mark).collect();
    let known = |span: &&ReceivedSpan| marked.iter().any(|mark| *mark.trace_id.bytes() == span.trace_id);
    unmarked.spans = evidence.spans.iter().filter(|span| !known(span)).count();
    if unmarked.arrived != unmarked.due || unmarked.untouched != unmarked.arrived || unmarked.spans != 0 {
        wrong.push(format!(
            "of {} arrivals of unmarked requests {} were logged, {} with their context untouched; {} spans were made",
            unmarked.due, unmarked.arrived, unmarked.untouched, unmarked.spans
        ));
    }
    ids_occur(evidence, waterfalls, &mut wrong);
    (unmarked, wrong)
}

/// One trace: a SERVER span at each hop below the attempt before it, and the attempt's id at the service.
fn whole(
    evidence: &Evidence<'_>,
    mark: Mark,
    reached: &[Hop],
    running: usize,
    arrivals: &[Arrival],
    wrong: &mut Vec<String>,
) {
    let trace = mark.trace_id;
    let spans: Vec<_> = evidence.spans.iter().filter(|span| span.trace_id == *trace.bytes()).collect();
    let status = if running < reached.len() { 502 } else { 200 };
    let mut parent = *mark.parent_id.bytes();
    let mut counted = 0;
    for (n, hop) in reached.iter().enumerate() {
        let place = format!("trace {trace} at {}", hop.service);
        let below = |id: [u8; 8]| spans.iter().filter(move |span| span.parent_id == Some(id));
        let mut servers = below(parent).filter(|span| span.kind == Kind::Server);
        let (Some(server), None) = (servers.next(), servers.next()) else {
            return wrong.push(format!("{place}: not exactly one SERVER span below the caller's parent-id"));
        };
        if server.service != hop.service || server.text("url.path") != Some(&hop.path) {
            wrong.push(format!("{place}: the SERVER span is not that of {}", hop.path));
        }
        if http_status(server) != Some(status) || server.trace_state != MARK {
            wrong.push(format!("{place}: the SERVER span lacks status {status} or the tracestate"));
        }
        let attempts: Vec<_> = below(server.span_id).filter(|span| span.kind != Kind::Server).collect();
        counted += 1 + attempts.len();
        if n >= running {
            if attempts.is_empty() {
                wrong.push(format!("{place}: no attempt at the killed service"));
            }
            break;
        }
        let [attempt] = attempts.as_slice() else {
            return wrong.push(format!("{place}: {} attempts instead of one", attempts.len()));
        };
        parent = attempt.span_id;
        let context = format!("00-{trace}-{}-", hex(&attempt.span_id));
        let mut logged = at(arrivals, hop);
        let arrived = logged.next().is_some_and(|arrival| {
            arrival.tracestate == [MARK]
                && matches!(arrival.traceparent.as_slice(), [line] if line.starts_with(&context))
        });
        if !arrived || logged.next().is_some() {
            wrong.push(format!("{place}: its log does not have the one arrival under {context}"));
        }
    }
    if counted != spans.len() {
        wrong.push(format!("trace {trace}: {} spans, of which {counted} are accounted for", spans.len()));
    }
}

/// Every id that is printed occurs in the collector's bytes and in the services' own logs.
fn ids_occur(evidence: &Evidence<'_>, waterfalls: &[Waterfall], wrong: &mut Vec<String>) {
    let received = hex(evidence.bodies);
    for waterfall in waterfalls {
        let sent = waterfall.rows.iter().filter_map(|row| row.parent_id_sent.as_ref());
        // Where the first service was killed, no service saw the trace.
        let logged = evidence.logs.values().any(|log| log.contains(&waterfall.trace_id));
        if !logged && sent.clone().next().is_some() {
            wrong.push(format!("trace id {} is in no service's log", waterfall.trace_id));
        }
        if !received.contains(&waterfall.trace_id) {
            wrong.push(format!("trace id {} is not in the bytes received", waterfall.trace_id));
        }
        for id in sent {
            if !received.contains(id) || !evidence.logs.values().any(|log| log.contains(id)) {
                wrong.push(format!("span id {id} is not both in the bytes received and in a service's log"));
            }
        }
    }
}

fn at<'a>(arrivals: &'a [Arrival], hop: &'a Hop) -> impl Iterator<Item = &'a Arrival> {
    arrivals.iter().filter(move |arrival| arrival.service == hop.service && arrival.path == hop.path)
}

fn arrivals(logs: &BTreeMap<&'static str, String>, wrong: &mut Vec<String>) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    for line in logs.values().flat_map(|log| log.lines()) {
        match arrival(line) {
            Some(arrival) => arrivals.push(arrival),
            None => wrong.push(format!("a service's log has a line that cannot be read: {line}")),
        }
    }
    arrivals
}

fn arrival(line: &str) -> Option<Arrival> {
    let entry: serde_json::Value = serde_json::from_str(line).ok()?;
    let text = |key| Some(entry.get(key)?.as_str()?.to_owned());
    let list = |key| -> Option<Vec<String>> {
        entry.get(key)?.as_array()?.iter().map(|line| Some(line.as_str()?.to_owned())).collect()
    };
    Some(Arrival {
        service: text("service")?,
        path: text("path")?,
        traceparent: list("traceparent")?,
        tracestate: list("tracestate")?,
    })
}

//! Whether the demonstration showed what it claims: every marked request one whole trace up to the service that breaks
//! it, every other request as if no proxy were there. Pure: compares what was sent, what the services logged and what
//! the collector received.
//!
//! Nothing here trusts the proxies; the figures are counted from the other two.

pub(super) mod verdicts;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::plan::{Hop, Lines, MARK, Manner, Manners, Mark, Request};
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
    /// What each service does with the context.
    pub(super) manners: Manners,
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
    /// Of these, with exactly the context header lines that their sender sent.
    pub(super) untouched: usize,
    /// Spans of traces that no marked request belongs to.
    pub(super) spans: usize,
}

/// One line of a service's log.
struct Arrival {
    service: String,
    path: String,
    context: Lines,
}

/// The arrivals that a request leads to: up to the proxy before the service that was killed.
pub(super) fn reached(request: &Request, killed: Option<&str>) -> Vec<Hop> {
    let mut hops = request.hops();
    if let Some(dead) = hops.iter().position(|hop| Some(hop.service) == killed) {
        hops.truncate(dead + 1);
    }
    hops
}

/// The figures of the unmarked requests, and a sentence for everything that is not as it should be.
pub(super) fn verify<'a>(
    evidence: &Evidence<'_>,
    waterfalls: impl IntoIterator<Item = &'a Waterfall>,
) -> (Unmarked, Vec<String>) {
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
                let reached = reached(request, evidence.killed);
                Trace { evidence, mark, arrivals: &arrivals }.check(&reached, running.len(), &mut wrong);
            }
            None => {
                unmarked.sent += 1;
                unmarked.answered += usize::from(answer == Some(expected));
                unmarked.due += running.len();
                let mut sent = request.context.clone();
                for hop in running {
                    for arrival in at(&arrivals, hop) {
                        unmarked.arrived += 1;
                        unmarked.untouched += usize::from(arrival.context == sent);
                    }
                    sent = evidence.manners.at(hop.service).sends(&sent);
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

/// One marked request.
struct Trace<'a> {
    evidence: &'a Evidence<'a>,
    mark: Mark,
    arrivals: &'a [Arrival],
}

impl Trace<'_> {
    /// As far as the mark is carried: a SERVER span at each hop below the attempt before it, and the attempt's id at the
    /// service. Behind the service that breaks the trace: no span, and in the logs what that service sent.
    fn check(&self, reached: &[Hop], running: usize, wrong: &mut Vec<String>) {
        let status = if running < reached.len() { 502 } else { 200 };
        let mut parent = *self.mark.parent_id.bytes();
        let mut counted = 0;
        let mut broken: Option<Lines> = None;
        for (n, hop) in reached.iter().enumerate() {
            let place = format!("trace {} at {}", self.mark.trace_id, hop.service);
            let Some(sent) = &broken else {
                match self.carried(hop, parent, status, n < running) {
                    Ok((attempt, spans)) => (parent, counted) = (attempt, counted + spans),
                    Err(fault) => return wrong.push(format!("{place}: {fault}")),
                }
                let manner = self.evidence.manners.at(hop.service);
                if manner != Manner::Copies {
                    let traceparent = vec![format!("00-{}-{}-01", self.mark.trace_id, hex(&parent))];
                    broken = Some(manner.sends(&Lines { traceparent, tracestate: vec![MARK.to_owned()] }));
                }
                continue;
            };
            if n < running && !self.arrived_once(hop, |context| context == sent) {
                wrong.push(format!("{place}: its log does not have the one arrival with {sent:?}"));
            }
            broken = Some(self.evidence.manners.at(hop.service).sends(sent));
        }
        let spans = self.spans().count();
        if counted != spans {
            wrong.push(format!("trace {}: {spans} spans, of which {counted} are accounted for", self.mark.trace_id));
        }
    }

    /// The id of the attempt, and how many spans belong to this hop.
    fn carried(&self, hop: &Hop, parent: [u8; 8], status: u16, runs: bool) -> Result<([u8; 8], usize), String> {
        let below = |id: [u8; 8]| self.spans().filter(move |span| span.parent_id == Some(id));
        let mut servers = below(parent).filter(|span| span.kind == Kind::Server);
        let (Some(server), None) = (servers.next(), servers.next()) else {
            return Err("not exactly one SERVER span below the caller's parent-id".to_owned());
        };
        if server.service != hop.service || server.text("url.path") != Some(&hop.path) {
            return Err(format!("the SERVER span is not that of {}", hop.path));
        }
        if http_status(server) != Some(status) || server.trace_state != MARK {
            return Err(format!("the SERVER span lacks status {status} or the tracestate"));
        }
        let attempts: Vec<_> = below(server.span_id).filter(|span| span.kind != Kind::Server).collect();
        let Some(attempt) = attempts.first() else { return Err("no attempt".to_owned()) };
        if !runs {
            return Ok((attempt.span_id, 1 + attempts.len()));
        }
        if attempts.len() > 1 {
            return Err(format!("{} attempts instead of one", attempts.len()));
        }
        let line = format!("00-{}-{}-", self.mark.trace_id, hex(&attempt.span_id));
        let bears = |context: &Lines| {
            context.tracestate == [MARK]
                && matches!(context.traceparent.as_slice(), [traceparent] if traceparent.starts_with(&line))
        };
        if !self.arrived_once(hop, bears) {
            return Err(format!("its log does not have the one arrival under {line}"));
        }
        Ok((attempt.span_id, 2))
    }

    fn arrived_once(&self, hop: &Hop, bears: impl Fn(&Lines) -> bool) -> bool {
        let mut logged = at(self.arrivals, hop);
        logged.next().is_some_and(|arrival| bears(&arrival.context)) && logged.next().is_none()
    }

    fn spans(&self) -> impl Iterator<Item = &ReceivedSpan> {
        self.evidence.spans.iter().filter(|span| span.trace_id == *self.mark.trace_id.bytes())
    }
}

/// Every id that is printed occurs in the collector's bytes and in the services' own logs.
fn ids_occur<'a>(
    evidence: &Evidence<'_>,
    waterfalls: impl IntoIterator<Item = &'a Waterfall>,
    wrong: &mut Vec<String>,
) {
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
        context: Lines { traceparent: list("traceparent")?, tracestate: list("tracestate")? },
    })
}

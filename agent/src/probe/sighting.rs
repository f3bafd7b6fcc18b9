//! From an exchange to an observation: who the process is, what the request bore, and what time that was. Pure.

use std::sync::Arc;

use super::streams::Exchange;
use crate::gap::observation::{
    Completeness, Context, Direction, MarkSeen, Observation, Origin, Peer, Resolved, SourceKind,
};
use crate::gap::route;
use crate::http::RequestHead;
use crate::trace::marker::{Mark, Marker, Trust};
use crate::trace::traceparent::Incoming;
use crate::trace::tracestate::inspect;
use crate::workload::Identity;

/// Header lines of one field that are kept.
const MAX_LINES: usize = 8;
/// Bytes of one header line that are kept.
const MAX_LINE: usize = 8 * 1024;

/// What is the same in all observations of a probe.
#[derive(Debug)]
pub(super) struct Shape {
    marker: Marker,
    empty: Arc<str>,
    other: Arc<str>,
}

/// When an exchange was, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) start: u64,
    pub(super) end: Option<u64>,
}

impl Shape {
    pub(super) fn new(marker: Marker) -> Self {
        Self { marker, empty: "".into(), other: route::OTHER.into() }
    }

    /// What the process saw of it.
    pub(super) fn observation(&self, exchange: &Exchange, who: &Identity, peer: Peer, times: Times) -> Observation {
        let head = exchange.head.as_deref();
        let mut observation = self.blank(who, exchange.direction, times.start, exchange.completeness);
        observation.end = times.end;
        observation.local = exchange.local;
        observation.status = exchange.status;
        observation.connection = Some(exchange.connection);
        observation.threads = exchange.threads;
        observation.peer = peer;
        let Some(head) = head else { return observation };
        observation.method = Arc::from(&*head.method);
        observation.route = route::text(head.target.as_bytes()).into();
        observation.synthetic = head.is_synthetic;
        observation.context = self.context(head);
        if exchange.direction == Direction::Out {
            observation.peer.host = head.host.as_deref().map(Arc::from);
        } else if head.is_relayed && matches!(observation.peer.resolved, Resolved::Unknown | Resolved::Address) {
            // Who holds the other end made the request, whatever its headers say of others before; an address does not.
            observation.peer.resolved = Resolved::Intermediary;
            observation.peer.service = None;
        }
        observation
    }

    /// A process of which something is known to go on unseen.
    pub(super) fn blank(
        &self,
        who: &Identity,
        direction: Direction,
        start: u64,
        completeness: Completeness,
    ) -> Observation {
        let mut observation =
            Observation::loss(self.origin(), direction, Arc::clone(&who.service), start, completeness);
        observation.process = Some(who.process);
        observation.epoch = Some(Arc::clone(&who.epoch));
        observation.method = Arc::clone(&self.other);
        observation
    }

    /// What stands for requests of a service that were not seen.
    pub(super) fn loss(&self, service: &Arc<str>, at: u64, why: Completeness) -> Observation {
        Observation::loss(self.origin(), Direction::In, Arc::clone(service), at, why)
    }

    /// Name, clock and number are written by whoever takes it in.
    fn origin(&self) -> Origin {
        let (name, clock) = (Arc::clone(&self.empty), Arc::clone(&self.empty));
        Origin { kind: SourceKind::Probe, name, sequence: 0, clock }
    }

    fn context(&self, head: &RequestHead) -> Context {
        let incoming = Incoming::extract(head.traceparent.iter().map(|line| line.as_bytes()));
        let seen = inspect(head.tracestate.iter().map(|line| line.as_bytes()), &self.marker);
        let mark = Mark::weigh(seen.marked, &incoming, || Trust::Unrestricted);
        let is_kept = head.tracestate.len() <= MAX_LINES && head.tracestate.iter().all(|line| line.len() <= MAX_LINE);
        Context {
            traceparent: head.traceparent.iter().take(MAX_LINES).map(bounded).collect(),
            delivered: None,
            tracestate: if is_kept { head.tracestate.clone() } else { Vec::new() },
            problem: match incoming {
                Incoming::Invalid(problem) => Some(problem),
                Incoming::Absent | Incoming::Valid(_) => None,
            },
            mark: MarkSeen(mark),
            has_tracestate: seen.present,
            tracestate_kept: is_kept,
        }
    }
}

fn bounded(line: &Arc<str>) -> Arc<str> {
    match line.get(..line.floor_char_boundary(MAX_LINE)) {
        Some(kept) if kept.len() < line.len() => kept.into(),
        _ => Arc::clone(line),
    }
}

#[cfg(test)]
mod tests;

//! An observation at rest: names as numbers, the context read, everything else left out.

use std::net::SocketAddr;
use std::sync::Arc;

use super::head::{Head, MarkState};
use super::texts::{Pid, Text, Texts};
use crate::gap::observation::{Completeness, Direction, Observation, Resolved, SourceKind, Threads};
use crate::trace::marker::Marker;

/// One sighting of a request.
#[derive(Debug)]
pub(super) struct Sighting {
    pub(super) start: u64,
    pub(super) end: Option<u64>,
    pub(super) sequence: u64,
    pub(super) source: Text,
    pub(super) clock: Text,
    pub(super) kind: SourceKind,
    pub(super) direction: Direction,
    pub(super) service: Text,
    pub(super) process: Pid,
    pub(super) epoch: Text,
    pub(super) peer: Side,
    pub(super) method: Text,
    pub(super) route: Text,
    pub(super) completeness: Completeness,
    pub(super) is_synthetic: bool,
    pub(super) threads: Option<Threads>,
    /// What the request bore as it came.
    pub(super) head: Option<Arc<Head>>,
    /// What the service was given, where that is something else.
    pub(super) delivered: Option<Arc<Head>>,
    /// Kept only where an example may be wanted.
    pub(super) address: Option<Box<SocketAddr>>,
}

/// The other side of a sighting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    /// Service, else host, else address; [`Text::NONE`] where there is none of them.
    pub(super) name: Text,
    /// Whether the name is a service's.
    pub(super) is_service: bool,
    pub(super) process: Pid,
    pub(super) epoch: Text,
    pub(super) resolved: Resolved,
}

impl Sighting {
    /// Takes in an observation; `None` where it names more texts than may be held.
    pub(super) fn read(observation: Observation, texts: &mut Texts, marker: &Marker) -> Option<Self> {
        let head = Head::read(&observation.context, observation.completeness, marker);
        let delivered = observation.context.delivered.as_ref().zip(head.as_ref());
        let delivered = delivered.and_then(|(line, head)| head.delivered(line));
        let is_example = observation.synthetic || head.as_ref().is_some_and(|head| head.mark == MarkState::There);
        let peer = observation.peer;
        let mut number = |text: Option<&Arc<str>>| text.map_or(Some(Text::NONE), |text| texts.number(text));
        let name = match (&peer.service, &peer.host, peer.address) {
            (Some(service), _, _) => number(Some(service))?,
            (None, Some(host), _) => number(Some(host))?,
            (None, None, Some(address)) if observation.direction == Direction::Out => {
                number(Some(&address.to_string().into()))?
            }
            _ => Text::NONE,
        };
        let side = Side {
            name,
            is_service: peer.service.is_some(),
            process: Pid::UNKNOWN,
            epoch: number(peer.epoch.as_ref())?,
            resolved: peer.resolved,
        };
        let mut sighting = Self {
            start: observation.start,
            // An end before the start is a clock that was set back.
            end: observation.end.map(|end| end.max(observation.start)),
            sequence: observation.origin.sequence,
            source: number(Some(&observation.origin.name))?,
            clock: number(Some(&observation.origin.clock))?,
            kind: observation.origin.kind,
            direction: observation.direction,
            service: number(Some(&observation.service))?,
            process: Pid::UNKNOWN,
            epoch: number(observation.epoch.as_ref())?,
            peer: side,
            method: number(Some(&observation.method))?,
            route: number(Some(&observation.route))?,
            completeness: observation.completeness,
            is_synthetic: observation.synthetic,
            threads: observation.threads,
            head,
            delivered,
            address: peer.address.filter(|_| is_example).map(Box::new),
        };
        sighting.process = texts.process(observation.process);
        sighting.peer.process = texts.process(peer.process);
        Some(sighting)
    }

    /// Whether all of the head was seen.
    pub(super) fn is_whole(&self) -> bool {
        self.completeness == Completeness::Whole
    }

    /// Whether it is marked, and that counts, and its trace is known.
    pub(super) fn is_marked(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.mark == MarkState::Counts && head.trace != 0)
    }
}

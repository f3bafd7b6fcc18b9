//! An observation at rest: names as numbers, the context read, everything else left out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::hash::mix;
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
    /// A number for the service's end of the connection, and for the other one; 0 where they are not known.
    pub(super) own_end: u64,
    pub(super) other_end: u64,
    pub(super) method: Text,
    pub(super) route: Text,
    pub(super) completeness: Completeness,
    pub(super) is_synthetic: bool,
    pub(super) threads: Option<Threads>,
    /// What the request bore as it came.
    pub(super) head: Option<Arc<Head>>,
    /// What the service was given, where that is something else.
    pub(super) delivered: Option<Arc<Head>>,
    /// What it is to be taken for.
    pub(super) tells: Tells,
    /// It left, and was seen to arrive: see `twins`.
    pub(super) is_met: bool,
    /// Kept only where an example may be wanted.
    pub(super) address: Option<Box<SocketAddr>>,
}

/// What a sighting tells that no other one tells better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tells {
    /// That there was a request, to whoever counts them.
    pub(super) is_counted: bool,
    /// When and how a process served a request.
    pub(super) arrives: bool,
    /// That a service called another.
    pub(super) calls: bool,
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
        let is_request = !observation.is_loss();
        let head = Head::read(&observation.context, observation.completeness, marker);
        let delivered = observation.context.delivered.as_ref().zip(head.as_ref());
        let delivered = delivered.and_then(|(line, head)| head.delivered(line));
        let is_example = observation.synthetic || head.as_ref().is_some_and(|head| head.mark == MarkState::There);
        let peer = observation.peer;
        let is_relayed = peer.resolved == Resolved::Proxy;
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
            own_end: end(observation.local),
            other_end: end(peer.address),
            method: number(Some(&observation.method))?,
            route: number(Some(&observation.route))?,
            completeness: observation.completeness,
            is_synthetic: observation.synthetic,
            threads: observation.threads,
            head,
            delivered,
            tells: Tells { is_counted: is_request, arrives: is_request, calls: is_request && !is_relayed },
            is_met: false,
            address: peer.address.filter(|_| is_example).map(Box::new),
        };
        sighting.process = texts.process(observation.process);
        sighting.peer.process = texts.process(peer.process);
        Some(sighting)
    }

    /// What the service was given.
    pub(super) fn given(&self) -> Option<&Arc<Head>> {
        self.delivered.as_ref().or(self.head.as_ref())
    }

    /// Whether nobody else has told of it yet.
    pub(super) fn is_untold(&self) -> bool {
        self.tells.is_counted && self.tells.arrives && !self.is_met
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

/// A number for one end of a connection.
fn end(address: Option<SocketAddr>) -> u64 {
    let Some(address) = address else { return 0 };
    let ip = match address.ip().to_canonical() {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    mix(&[ip as u64, (ip >> 64) as u64, u64::from(address.port())]).max(1)
}

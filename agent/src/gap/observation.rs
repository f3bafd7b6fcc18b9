//! One sighting of a request at the boundary of a service, whoever saw it.
//!
//! Owns the words that sources and the engine share. Holds no body and no header value but the context's.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::trace::marker::Mark;
use crate::trace::traceparent::TraceparentError;

/// A sighting of one request as it entered or left a service.
///
/// A proxy before `cart` that takes a request from `shop` makes one observation: [`Direction::In`] at `cart`, with
/// `shop` as its [`Peer`]. The engine reads it from both ends: cart received this, and shop sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Who saw it.
    pub origin: Origin,
    /// Whether it entered or left `service`.
    pub direction: Direction,
    /// The service at whose boundary it was seen.
    pub service: Arc<str>,
    /// The process of that service, where it is known.
    pub process: Option<Process>,
    /// What was running: an image digest, or executable and start time. Evidence of one epoch says nothing about
    /// another. `None` where it is not known.
    pub epoch: Option<Arc<str>>,
    /// The other side: the caller of an arriving request, the callee of a leaving one.
    pub peer: Peer,
    /// The service's own end of the connection. Together with the other end, [`Peer::address`], it tells that a request
    /// which left one service is the one that arrived at another. Of a call that an egress listener saw, it is the end
    /// that the service connected to the listener from.
    pub local: Option<SocketAddr>,
    /// The request method, upper-case as sent; at most 32 bytes.
    pub method: Arc<str>,
    /// The path as a template of bounded cardinality: see [`super::route`]. For the report only.
    pub route: Arc<str>,
    /// When the head's first bytes were seen: nanoseconds since the Unix epoch, by the clock of `origin`.
    pub start: u64,
    /// When the answer's last byte was seen, or the request was given up, on the same clock. `None` while that is not
    /// known.
    pub end: Option<u64>,
    /// The context it bore.
    pub context: Context,
    /// The status it was answered with, 100 to 599.
    pub status: Option<u16>,
    /// The connection it came on, unique within `origin`.
    pub connection: Option<u64>,
    /// What threads did with it, where that was seen.
    pub threads: Option<Threads>,
    /// Whether all of the head was seen.
    pub completeness: Completeness,
    /// Whether user agent or source address say that a synthetic monitor sent it, mark or not.
    pub synthetic: bool,
}

/// Who saw a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What kind of source.
    pub kind: SourceKind,
    /// The source's name: unique among those that are merged.
    pub name: Arc<str>,
    /// Counts the observations of this source, from 0. A number that was seen before is a duplicate.
    pub sequence: u64,
    /// The machine whose clock gave the times. Times of one clock compare exactly, those of two only within their skew.
    pub clock: Arc<str>,
}

/// What kind of source saw a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// A reverse proxy before the service, or a forward proxy behind it.
    Proxy,
    /// The kernel probe.
    Probe,
    /// A recording made by other means.
    File,
}

/// Which way a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It arrived at the service.
    In,
    /// The service sent it.
    Out,
}

/// A process: pids are used again, so its start time is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// When it started: nanoseconds since the Unix epoch.
    pub started: u64,
}

/// The other side of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peer {
    /// Its address on this connection.
    pub address: Option<SocketAddr>,
    /// The service it is, where that is known.
    pub service: Option<Arc<str>>,
    /// The process it is, where that is known.
    pub process: Option<Process>,
    /// What was running there, as [`Observation::epoch`].
    pub epoch: Option<Arc<str>>,
    /// The host named in the request, for callees that are no known service; at most 255 bytes.
    pub host: Option<Arc<str>>,
    /// How the service is known.
    pub resolved: Resolved,
}

/// How a peer was resolved to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Resolved {
    /// It was not.
    #[default]
    Unknown,
    /// By the owner of the socket on this machine: exact.
    Socket,
    /// By an address that the configuration or the cluster gives to one workload.
    Address,
    /// A proxy of this agent, which saw the request on its other side and knows more: who called, or whom it went to.
    Proxy,
    /// By the egress listener the request left through: exact. A request that arrives over an egress listener was seen
    /// when it left, too; it is one call, not two.
    Egress,
    /// An address that stands for several workloads, or a request that says it was relayed (`Via`,
    /// `X-Forwarded-For`): the caller is unknown for good.
    Intermediary,
}

/// The context of a request, as received.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// The `traceparent` lines, in order. Empty where none came, or where an invalid one was not kept.
    pub traceparent: Vec<Arc<str>>,
    /// The `traceparent` that the service was given instead, where a proxy before it continued the trace. What came is
    /// what the caller sent; this is what the service could pass on.
    pub delivered: Option<Arc<str>>,
    /// The `tracestate` lines, in order. Empty where none came, or where they were not kept.
    pub tracestate: Vec<Arc<str>>,
    /// What was wrong with `traceparent`.
    pub problem: Option<TraceparentError>,
    /// Whether it was marked, and how far that is believed.
    pub mark: MarkSeen,
    /// Whether a `tracestate` came.
    pub has_tracestate: bool,
    /// Whether `tracestate` is what came. Notes of unmarked requests do not keep it.
    pub tracestate_kept: bool,
}

/// A mark that defaults to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkSeen(pub Mark);

impl Default for MarkSeen {
    fn default() -> Self {
        Self(Mark::None)
    }
}

/// What threads did with a request. Thread ids are the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// Arriving: who read the head. Leaving: who wrote it.
    pub head: u32,
    /// Arriving: who wrote the answer's head. Leaving: who read it.
    pub answer: Option<u32>,
    /// Arriving: whether the reading thread waited on other descriptors than those of its own calls between reading the
    /// head and writing the answer. It counts from the head's first byte: an event loop that has half a head goes on with
    /// other work. Waits on locks count as none: interpreters with a lock of their own make them all the time. `None`
    /// where waits were not watched.
    pub waited_elsewhere: Option<bool>,
}

/// How much of the head was seen; what was not seen whole is never judged. What stands for a connection of which no
/// request can be read has neither method nor route: both are [`OTHER`](super::route::OTHER).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Completeness {
    /// All of it.
    #[default]
    Whole,
    /// Its end is missing.
    Truncated,
    /// Parts in between are missing, or the source lost events about then.
    Lost,
    /// The connection is encrypted: that there was traffic is all that is known.
    Encrypted,
    /// HTTP/2 whose beginning was not seen: its heads refer to earlier ones.
    JoinedLate,
    /// Another protocol than HTTP, such as FastCGI.
    OtherProtocol,
    /// The process reads and writes by io_uring.
    Uring,
    /// It was passed over: the process had more messages than the probe may take.
    Gated,
    /// A 32-bit process.
    Compat,
    /// It goes on for so long, or carries so much else after its head, that its end says nothing.
    LongLived,
}

crate::label!(Completeness {
    Whole => "whole",
    Truncated => "truncated",
    Lost => "lost",
    Encrypted => "encrypted",
    JoinedLate => "joined_late",
    OtherProtocol => "other_protocol",
    Uring => "uring",
    Gated => "gated",
    Compat => "compat",
    LongLived => "long_lived",
});

impl Observation {
    /// What stands for observations that were lost up to `at` (nanoseconds since the Unix epoch), or that were passed
    /// over: `why` is [`Completeness::Lost`] or [`Completeness::Gated`].
    #[must_use]
    pub fn loss(origin: Origin, direction: Direction, service: Arc<str>, at: u64, why: Completeness) -> Self {
        let other: Arc<str> = super::route::OTHER.into();
        Self {
            origin,
            direction,
            service,
            process: None,
            epoch: None,
            peer: Peer::default(),
            local: None,
            method: Arc::clone(&other),
            route: other,
            start: at,
            end: None,
            context: Context { tracestate_kept: true, ..Context::default() },
            status: None,
            connection: None,
            threads: None,
            completeness: why,
            synthetic: false,
        }
    }

    /// Whether it stands for what was lost or passed over, rather than for a request.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self.completeness, Completeness::Lost | Completeness::Gated)
            && self.end.is_none()
            && self.connection.is_none()
            && &*self.route == super::route::OTHER
            && self.route == self.method
    }
}

//! Where observations go: what proxies leave, and who takes what becomes of it. The proxy knows these traits and
//! nothing behind them.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use super::note::Note;
use super::observation::Observation;
use crate::trace::traceparent::TraceparentError;

/// Where one proxy on one thread leaves what it saw. Nothing here waits or logs; what finds no room is counted.
pub trait ObservationSink: Send + Sync {
    /// Nanoseconds since this sink's clock began, which never goes back.
    fn now(&self) -> u64;

    /// The number of the template of this request target, for [`Note::route`]. A template that is new is named once.
    fn route(&self, target: &[u8]) -> u64;

    /// Leaves a note. Allocates nothing.
    fn leave(&self, note: &Note);

    /// Leaves a request with what a note does not hold.
    fn sight(&self, sighting: Box<Sighting>);

    /// A client connected: `peer` to `local`.
    fn opened(&self, peer: SocketAddr, local: SocketAddr) -> Connection;

    /// This process connected to `callee` from `local`, for the calls of the service behind this sink.
    fn called(&self, local: SocketAddr, callee: SocketAddr);
}

/// Makes the sink of a proxy, by its place in the configuration, on one of the threads.
pub type SinkFactory = Arc<dyn Fn(SinkOf) -> Arc<dyn ObservationSink> + Send + Sync>;

/// Whose sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SinkOf {
    /// The proxy's place in the configuration.
    pub proxy: usize,
    /// Whether it is the egress listener's, which sees the service's calls.
    pub is_egress: bool,
}

/// An open connection of a client. It counts as open for as long as this value lives.
#[derive(Debug)]
pub struct Connection {
    number: u32,
    alive: Arc<()>,
}

/// A request with its header lines, or with a callee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What a note says.
    pub note: Note,
    /// The method as sent, at most 32 bytes.
    pub method: Box<str>,
    /// The `traceparent` lines.
    pub traceparent: Vec<Arc<str>>,
    /// The `traceparent` that went on instead, where the trace was continued.
    pub delivered: Option<Arc<str>>,
    /// The `tracestate` lines.
    pub tracestate: Vec<Arc<str>>,
    /// What is wrong with `traceparent`.
    pub problem: Option<TraceparentError>,
    /// Whom an egress listener called.
    pub callee: Option<Callee>,
}

/// Whom an egress listener called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    /// Where it connected to; `None` where it did not.
    pub address: Option<SocketAddr>,
    /// The host named in the request, at most 255 bytes.
    pub host: Box<str>,
    /// Whether it passes bytes on that it cannot read.
    pub encrypted: bool,
}

/// Where a source that makes observations itself leaves them. Nothing here waits or logs; what finds no room is counted,
/// and its service is told to have lost it.
pub trait ObservationQueue: Send + Sync {
    /// Leaves an observation, whose times are nanoseconds since the Unix epoch. Whoever takes it in writes name, clock and
    /// number of its origin.
    fn leave(&self, observation: Observation);

    /// Leaves word that `count` observations of `marker.service` were lost about `marker.start`; see
    /// [`ObservationConsumer::lost`].
    fn lost(&self, marker: Observation, count: u64);
}

/// Takes observations in, in the order of their starts as far as that is known.
pub trait ObservationConsumer: Send {
    /// One more.
    fn observe(&mut self, observation: &Observation);

    /// In the second before `marker.start`, `count` observations of `marker.service` were lost, or passed over because
    /// the process had too many. The marker is what a recording says of them: see [`Observation::loss`].
    fn lost(&mut self, marker: &Observation, count: u64);

    /// Time has passed: nanoseconds since the Unix epoch. Called several times a second.
    fn advance(&mut self, now: u64);

    /// Nothing more will come.
    fn finish(&mut self);
}

impl Connection {
    /// A connection with this number, unique within its source.
    #[must_use]
    pub fn new(number: u32) -> Self {
        Self { number, alive: Arc::new(()) }
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Something that can be asked whether it is still open.
    #[must_use]
    pub fn watch(&self) -> Weak<()> {
        Arc::downgrade(&self.alive)
    }
}

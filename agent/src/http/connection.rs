//! One TCP connection, from its bytes to its exchanges.

use super::event::{Event, Lost, Way};
use super::recognise::Protocol;

/// What is looked at and kept at most, for one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head of HTTP/1, and of its trailers.
    pub head: usize,
    /// Requests of HTTP/1 that wait for their answers.
    pub pipelined: usize,
    /// Bytes of a header list of HTTP/2, by the measure of RFC 9113, section 6.5.2.
    pub header_list: usize,
    /// Bytes of a dynamic table of HPACK.
    pub table: usize,
    /// Streams of HTTP/2 at a time.
    pub streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: 16 << 10, pipelined: 100, header_list: 64 << 10, table: 64 << 10, streams: 1000 }
    }
}

/// A connection. Bytes are given in the order they went, each way.
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    protocol: Option<Protocol>,
}

impl Connection {
    /// A connection that is followed from its first byte.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, protocol: None }
    }

    /// A connection that was open before. It is known from the first turn that begins with a request of HTTP/1;
    /// [`recognise`](super::recognise()) tells which way that goes, where it is not known.
    #[must_use]
    pub fn joined(limits: Limits) -> Self {
        Self { limits, protocol: Some(Protocol::Http1) }
    }

    /// What it carries, as far as it is known.
    #[must_use]
    pub fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    /// Bytes went by. `begins_turn` says that these are the first since bytes went the other way.
    pub fn push(&mut self, way: Way, begins_turn: bool, bytes: &[u8], events: &mut Vec<Event>) {
        let _ = (way, begins_turn, bytes, events, self.limits);
    }

    /// So many bytes went by unseen.
    pub fn skip(&mut self, way: Way, bytes: u64, events: &mut Vec<Event>) {
        let _ = (way, bytes);
        events.push(Event::Lost(Lost::Hole));
    }

    /// The connection is over: an answer that lasts until then is complete.
    pub fn close(&mut self, events: &mut Vec<Event>) {
        let _ = events;
    }
}

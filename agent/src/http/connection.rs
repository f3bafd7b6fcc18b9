//! One TCP connection, from its bytes to its exchanges.

use super::event::{Event, Lost, Way};
use super::h1::{Becomes, Http1};
use super::h2::Http2;
use super::opening::{Opening, Step};
use super::recognise::Protocol;
use super::wipe;

/// What is looked at and kept at most, for one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head of HTTP/1, and of its trailers.
    pub head: usize,
    /// Requests of HTTP/1 that wait for their answers.
    pub pipelined: usize,
    /// Bytes of a header list of HTTP/2, by the measure of RFC 9113, section 6.5.2; and of its code.
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
    state: State,
}

#[derive(Debug)]
enum State {
    /// Not recognised yet.
    Opening(Box<Opening>),
    Http1(Box<Http1>),
    Http2(Box<Http2>),
    /// Nothing more is told.
    Over,
}

impl Connection {
    /// A connection that is followed from its first byte.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, protocol: None, state: State::Opening(Box::default()) }
    }

    /// A connection that was open before. It is known from the first turn that begins with a request of HTTP/1;
    /// [`recognise`](super::recognise()) tells which way that goes, where it is not known.
    #[must_use]
    pub fn joined(limits: Limits) -> Self {
        Self { limits, protocol: Some(Protocol::Http1), state: State::Http1(Box::new(Http1::joined(limits))) }
    }

    /// What it carries, as far as it is known.
    #[must_use]
    pub fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    /// Bytes went by. `begins_turn` says that these are the first since bytes went the other way.
    pub fn push(&mut self, way: Way, begins_turn: bool, bytes: &[u8], events: &mut Vec<Event>) {
        if bytes.is_empty() {
            return;
        }
        match &mut self.state {
            State::Opening(opening) => {
                if let Some(step) = opening.push(way, bytes) {
                    self.recognised(step, events);
                }
            }
            State::Http1(http1) => {
                if let Some(becomes) = http1.push(way, begins_turn, bytes, events) {
                    self.becomes(becomes, way, bytes, events);
                }
            }
            State::Http2(http2) => {
                let read = http2.push(way, bytes, events);
                self.end_if(read, events);
            }
            State::Over => {}
        }
    }

    /// So many bytes went by unseen.
    pub fn skip(&mut self, way: Way, bytes: u64, events: &mut Vec<Event>) {
        if bytes == 0 {
            return;
        }
        match &mut self.state {
            State::Opening(_) => self.end_if(Err(Lost::Hole), events),
            State::Http1(http1) => http1.skip(way, bytes, events),
            State::Http2(http2) => {
                let read = http2.skip(way, bytes, events);
                self.end_if(read, events);
            }
            State::Over => {}
        }
    }

    /// The connection is over: an answer that lasts until then is complete.
    pub fn close(&mut self, events: &mut Vec<Event>) {
        if let State::Http1(http1) = &mut self.state {
            http1.close(events);
        }
        self.state = State::Over;
    }

    /// It is known what the connection carries: what has come so far is read.
    fn recognised(&mut self, step: Step, events: &mut Vec<Event>) {
        self.protocol = Some(step.protocol);
        events.push(Event::Recognised(step.protocol));
        self.state = match step.protocol {
            Protocol::Http1 => State::Http1(Box::new(Http1::new(self.limits))),
            Protocol::Http2 => State::Http2(Box::new(Http2::new(self.limits))),
            Protocol::Tls | Protocol::FastCgi | Protocol::Other => State::Over,
        };
        self.push(Way::Requests, true, &step.requests, events);
        self.push(Way::Responses, true, &step.responses, events);
        wipe(step.requests);
        wipe(step.responses);
    }

    /// What follows the bytes that were read is another protocol's.
    fn becomes(&mut self, becomes: Becomes, way: Way, bytes: &[u8], events: &mut Vec<Event>) {
        self.state = match becomes {
            Becomes::Other => State::Over,
            Becomes::Http2 { exchange, next_exchange, .. } => {
                self.protocol = Some(Protocol::Http2);
                events.push(Event::Recognised(Protocol::Http2));
                State::Http2(Box::new(Http2::upgraded(self.limits, exchange, next_exchange)))
            }
        };
        if let Becomes::Http2 { used, .. } = becomes {
            self.push(way, false, bytes.get(used..).unwrap_or_default(), events);
        }
    }

    fn end_if(&mut self, read: Result<(), Lost>, events: &mut Vec<Event>) {
        if let Err(reason) = read {
            events.push(Event::Lost(reason));
            self.state = State::Over;
        }
    }
}

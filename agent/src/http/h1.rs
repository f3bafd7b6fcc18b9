//! HTTP/1 on one connection: both ways, and which answer belongs to which request (RFC 9112).
//!
//! Answers come in the order of their requests (section 9.3.2), so everything rests on counting both rightly. Where the
//! count is in doubt, both ways are lost until a turn begins with a request: then nothing is under way any more, but
//! for clients that pipeline.

mod body;
mod framing;
mod head;
mod requests;
mod responses;
mod scanner;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use self::body::Body;
use self::scanner::Scanner;
use super::connection::Limits;
use super::event::{Event, Lost, Way};
use super::wipe;

/// A connection of HTTP/1.
#[derive(Debug)]
pub(super) struct Http1 {
    limits: Limits,
    requests: Half,
    responses: Half,
    /// Requests that have begun and whose answer has not ended, the oldest first.
    open: VecDeque<Open>,
    next_exchange: u64,
    /// Found again, and no answer has come since: one more request says that an answer was missed.
    is_unsure: bool,
    /// The first bytes of a turn, while they could still be those of a request.
    beginning: Vec<u8>,
    /// An answer that came before its request: a call that wrote may be seen to return after the one that read.
    early: Vec<u8>,
}

/// What the connection becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Becomes {
    /// HTTP/2, whose stream 1 is this exchange (RFC 7540, section 3.2).
    Http2 {
        exchange: u64,
        next_exchange: u64,
        /// How many of the bytes pushed were read until then.
        used: usize,
    },
    /// Something that is not followed.
    Other,
}

/// One way.
#[derive(Debug, Default)]
struct Half {
    state: State,
    scanner: Scanner,
}

#[derive(Debug, Default)]
enum State {
    /// Between messages, or in a head.
    #[default]
    Head,
    /// In the content of a message.
    Body(Body),
    /// In the content of a message, it is not known where.
    Adrift,
    /// Anywhere.
    Lost,
}

/// A request under way.
#[derive(Debug, Clone, Copy)]
struct Open {
    exchange: u64,
    asks: Asks,
    asks_http2: bool,
}

/// What a method means for the answer's content (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Content,
    NoContent,
    Tunnel,
}

impl Http1 {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            requests: Half::default(),
            responses: Half::default(),
            open: VecDeque::new(),
            next_exchange: 0,
            is_unsure: false,
            beginning: Vec::new(),
            early: Vec::new(),
        }
    }

    /// A connection that was open before.
    pub(super) fn joined(limits: Limits) -> Self {
        let mut joined = Self::new(limits);
        joined.requests.state = State::Lost;
        joined.responses.state = State::Lost;
        joined
    }

    /// Bytes went by. Says so where they made something else of the connection.
    pub(super) fn push(
        &mut self,
        way: Way,
        begins_turn: bool,
        bytes: &[u8],
        events: &mut Vec<Event>,
    ) -> Option<Becomes> {
        match way {
            Way::Requests => self.push_requests(begins_turn, bytes, events),
            Way::Responses => self.push_responses(bytes, events),
        }
    }

    /// So many bytes went by unseen.
    pub(super) fn skip(&mut self, way: Way, bytes: u64, events: &mut Vec<Event>) {
        match way {
            Way::Requests => self.skip_requests(bytes, events),
            Way::Responses => self.skip_responses(bytes, events),
        }
    }

    /// The connection is over (RFC 9112, section 6.3, rule 8).
    pub(super) fn close(&mut self, events: &mut Vec<Event>) {
        if matches!(self.responses.state, State::Body(Body::UntilClose)) {
            self.end_response(true, events);
        }
    }

    /// Gives up what is under way, until a turn begins with a request.
    fn lose(&mut self, reason: Lost, events: &mut Vec<Event>) {
        self.give_up();
        events.push(Event::Lost(reason));
    }

    fn give_up(&mut self) {
        self.open.clear();
        wipe(std::mem::take(&mut self.early));
        for half in [&mut self.requests, &mut self.responses] {
            half.state = State::Lost;
            half.scanner.wipe();
        }
    }

    /// The answer to the oldest request has ended.
    fn end_response(&mut self, seen: bool, events: &mut Vec<Event>) {
        self.responses.state = State::Head;
        self.is_unsure = false;
        if let Some(open) = self.open.pop_front() {
            if matches!(self.requests.state, State::Adrift) && self.open.is_empty() {
                events.push(Event::RequestEnd { exchange: open.exchange, seen: false });
            }
            events.push(Event::ResponseEnd { exchange: open.exchange, seen });
        }
    }
}

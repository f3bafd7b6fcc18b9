//! From client to server.

use super::body::{Body, Passed};
use super::framing::Content;
use super::scanner::Scanned;
use super::{Asks, Becomes, Http1, Open, State, head};
use crate::http::event::{Event, Lost};
use crate::http::head::Version;
use crate::http::recognise::{Recognition, is_token, recognise};
use crate::http::wipe;

impl Http1 {
    pub(super) fn push_requests(
        &mut self,
        begins_turn: bool,
        bytes: &[u8],
        events: &mut Vec<Event>,
    ) -> Option<Becomes> {
        if (begins_turn || !self.beginning.is_empty()) && self.is_in_doubt() {
            return self.push_turn(begins_turn, bytes, events);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = match &mut self.requests.state {
                State::Head => self.read_request(rest, events),
                State::Body(body) => match body.push(rest, self.limits.head) {
                    Ok(Passed::All) => return None,
                    Ok(Passed::Ended(used)) => {
                        self.end_request(true, events);
                        used
                    }
                    Err(reason) => {
                        self.lose(reason, events);
                        return None;
                    }
                },
                State::Adrift | State::Lost => return None,
            };
            let Some(becomes) = self.release_early(events) else {
                rest = rest.get(used..).unwrap_or_default();
                continue;
            };
            return Some(becomes);
        }
        None
    }

    pub(super) fn skip_requests(&mut self, bytes: u64, events: &mut Vec<Event>) {
        wipe(std::mem::take(&mut self.beginning));
        match &mut self.requests.state {
            State::Adrift | State::Lost => {}
            State::Head => self.cut_request(Lost::Hole, events),
            State::Body(body) => match body.skip(bytes) {
                Some(true) => self.end_request(true, events),
                Some(false) => {}
                None if matches!(body, Body::Chunked(_)) => self.requests.state = State::Adrift,
                None => {
                    self.end_request(false, events);
                    self.lose(Lost::Hole, events);
                }
            },
        }
    }

    /// Whether the beginning of a turn can tell what was not seen.
    fn is_in_doubt(&self) -> bool {
        match self.requests.state {
            State::Lost | State::Adrift => true,
            State::Head => self.requests.scanner.is_empty() && matches!(self.responses.state, State::Adrift),
            State::Body(_) => false,
        }
    }

    /// The first bytes since something went the other way. If a request begins with them, then what was under way is over.
    fn push_turn(&mut self, begins_turn: bool, bytes: &[u8], events: &mut Vec<Event>) -> Option<Becomes> {
        let mut all = std::mem::take(&mut self.beginning);
        if begins_turn && !matches!(self.requests.state, State::Head) {
            all.clear();
        }
        all.extend_from_slice(bytes);
        match recognise(&all) {
            Recognition::TooFew => {
                self.beginning = all;
                return None;
            }
            Recognition::Request1 => self.begin_turn(events),
            _ => {}
        }
        let becomes = self.push_requests(false, &all, events);
        wipe(all);
        becomes
    }

    fn begin_turn(&mut self, events: &mut Vec<Event>) {
        match (&self.requests.state, &self.responses.state) {
            (State::Lost, _) => self.find_again(),
            (State::Adrift, State::Head) if self.open.is_empty() => self.requests.state = State::Head,
            (_, State::Adrift) if self.open.len() == 1 => {
                self.end_response(false, events);
                self.requests.state = State::Head;
            }
            (State::Head, State::Adrift) => {
                self.lose(Lost::Hole, events);
                self.find_again();
            }
            _ => {}
        }
    }

    fn find_again(&mut self) {
        self.requests.state = State::Head;
        self.responses.state = State::Head;
        self.is_unsure = true;
    }

    /// Reads of a request's head what is there. Says how many bytes that was.
    fn read_request(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> usize {
        if self.requests.scanner.is_empty() {
            let Some(at) = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) else { return bytes.len() };
            if at > 0 {
                return at;
            }
            if !bytes.first().is_some_and(|byte| is_token(*byte)) {
                self.lose(Lost::Malformed, events);
                return bytes.len();
            }
            if !self.open_exchange(events) {
                return bytes.len();
            }
        }
        let (read, used) = match self.requests.scanner.push(bytes, self.limits.head) {
            Scanned::More => return bytes.len(),
            Scanned::Head(all, used) => (head::request(all, false), used),
            Scanned::TooLong => {
                self.cut_request(Lost::TooLong, events);
                return bytes.len();
            }
        };
        self.requests.scanner.wipe();
        let (Some((head, framing)), Some(open)) = (read, self.open.back_mut()) else {
            self.lose(Lost::Malformed, events);
            return used;
        };
        open.asks = match &*head.method {
            "HEAD" => Asks::NoContent,
            "CONNECT" => Asks::Tunnel,
            _ => Asks::Content,
        };
        open.asks_http2 = framing.names_http2;
        let (exchange, is_http10) = (open.exchange, head.version == Version::Http10);
        events.push(Event::Request { exchange, head: Box::new(head) });
        match framing.of_request(is_http10) {
            Content::Absent => events.push(Event::RequestEnd { exchange, seen: true }),
            Content::Follows(body) => self.requests.state = State::Body(body),
            Content::Unknown => self.requests.state = State::Adrift,
        }
        used
    }

    /// One more request, if it can be counted.
    fn open_exchange(&mut self, events: &mut Vec<Event>) -> bool {
        if self.is_unsure && !self.open.is_empty() {
            self.lose(Lost::Hole, events);
            return false;
        }
        if self.open.len() >= self.limits.pipelined {
            self.lose(Lost::TooMany, events);
            return false;
        }
        let exchange = self.next_exchange;
        self.next_exchange += 1;
        self.open.push_back(Open { exchange, asks: Asks::Content, asks_http2: false });
        events.push(Event::Began { exchange });
        true
    }

    /// A head does not go on. What has come of it is told.
    fn cut_request(&mut self, reason: Lost, events: &mut Vec<Event>) {
        let exchange = self.open.back().map(|open| open.exchange);
        let cut = head::request(self.requests.scanner.held(), true);
        if let (Some((head, _)), Some(exchange)) = (cut, exchange) {
            events.push(Event::Request { exchange, head: Box::new(head) });
        }
        self.lose(reason, events);
    }

    fn end_request(&mut self, seen: bool, events: &mut Vec<Event>) {
        self.requests.state = State::Head;
        if let Some(open) = self.open.back() {
            events.push(Event::RequestEnd { exchange: open.exchange, seen });
        }
    }

    /// An answer that came early has its request now.
    fn release_early(&mut self, events: &mut Vec<Event>) -> Option<Becomes> {
        if self.early.is_empty() || self.open.is_empty() || !self.requests.scanner.is_empty() {
            return None;
        }
        let early = std::mem::take(&mut self.early);
        let becomes = self.push_responses(&early, events);
        wipe(early);
        let becomes = becomes?;
        if becomes != Becomes::Other {
            self.lose(Lost::Unsolicited, events);
            return None;
        }
        Some(becomes)
    }
}

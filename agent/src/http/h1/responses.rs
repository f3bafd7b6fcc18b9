//! From server to client.

use super::body::{Body, Passed};
use super::framing::Content;
use super::scanner::Scanned;
use super::{Asks, Becomes, Http1, State, head};
use crate::http::event::{Event, Lost};
use crate::http::head::{ResponseHead, Version};

/// A status that switches protocols (RFC 9110, section 15.2.2).
const SWITCHING: u16 = 101;

impl Http1 {
    pub(super) fn push_responses(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Option<Becomes> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = match &mut self.responses.state {
                State::Head if self.open.is_empty() => {
                    self.hold(rest, events);
                    return None;
                }
                State::Head => match self.read_response(rest, events) {
                    Read::Used(used) => used,
                    Read::Becomes(Becomes::Http2 { exchange, next_exchange, used }) => {
                        let used = bytes.len() - rest.len() + used;
                        return Some(Becomes::Http2 { exchange, next_exchange, used });
                    }
                    Read::Becomes(Becomes::Other) => return Some(Becomes::Other),
                },
                State::Body(body) => match body.push(rest, self.limits.head) {
                    Ok(Passed::All) => return None,
                    Ok(Passed::Ended(used)) => {
                        self.end_response(true, events);
                        used
                    }
                    Err(reason) => {
                        self.lose(reason, events);
                        return None;
                    }
                },
                State::Adrift | State::Lost => return None,
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        None
    }

    pub(super) fn skip_responses(&mut self, bytes: u64, events: &mut Vec<Event>) {
        match &mut self.responses.state {
            State::Adrift | State::Lost => {}
            State::Head => self.cut_response(Lost::Hole, events),
            State::Body(body) => match body.skip(bytes) {
                Some(true) => self.end_response(true, events),
                Some(false) => {}
                None if matches!(body, Body::Chunked(_)) && self.open.len() == 1 => {
                    self.responses.state = State::Adrift;
                }
                None => {
                    self.end_response(false, events);
                    self.lose(Lost::Hole, events);
                }
            },
        }
    }

    /// An answer without a request waits for one, unless its request may be among bytes that were not seen.
    fn hold(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        match self.requests.state {
            State::Head if self.early.len() + bytes.len() <= self.limits.head => self.early.extend_from_slice(bytes),
            State::Head | State::Body(_) => self.lose(Lost::Unsolicited, events),
            State::Adrift | State::Lost => self.lose(Lost::Unseen, events),
        }
    }

    /// A head does not go on. If one request alone is under way, then this was its answer, which is over when the next
    /// turn begins with a request.
    fn cut_response(&mut self, reason: Lost, events: &mut Vec<Event>) {
        let &mut [open] = self.open.make_contiguous() else {
            self.lose(reason, events);
            return;
        };
        let exchange = open.exchange;
        match head::response(self.responses.scanner.held()) {
            Some((head, _)) if head.status == SWITCHING || open.asks == Asks::Tunnel => self.lose(reason, events),
            Some((ResponseHead { status: status @ 100..200, .. }, _)) => {
                events.push(Event::Interim { exchange, status });
                self.responses.state = State::Adrift;
            }
            Some((head, _)) => {
                events.push(Event::Response { exchange, head });
                self.responses.state = State::Adrift;
            }
            None => self.responses.state = State::Adrift,
        }
        self.responses.scanner.wipe();
    }

    /// Reads of an answer's head what is there.
    fn read_response(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Read {
        if self.responses.scanner.is_empty() {
            let at = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
            if at > 0 {
                return Read::Used(at);
            }
            if bytes.first() != Some(&b'H') {
                self.lose(Lost::Malformed, events);
                return Read::Used(bytes.len());
            }
        }
        let (read, used) = match self.responses.scanner.push(bytes, self.limits.head) {
            Scanned::More => return Read::Used(bytes.len()),
            Scanned::Head(all, used) => (head::response(all), used),
            Scanned::TooLong => {
                self.cut_response(Lost::TooLong, events);
                return Read::Used(bytes.len());
            }
        };
        self.responses.scanner.wipe();
        let (Some((head, framing)), Some(open)) = (read, self.open.front().copied()) else {
            self.lose(Lost::Malformed, events);
            return Read::Used(used);
        };
        let exchange = open.exchange;
        match head.status {
            SWITCHING if open.asks_http2 && framing.names_http2 => {
                return Read::Becomes(Becomes::Http2 { exchange, next_exchange: self.next_exchange, used });
            }
            SWITCHING => {
                events.push(Event::Response { exchange, head });
                events.push(Event::Switched { exchange });
                return Read::Becomes(Becomes::Other);
            }
            status @ 100..200 => {
                events.push(Event::Interim { exchange, status });
                return Read::Used(used);
            }
            _ => events.push(Event::Response { exchange, head }),
        }
        let content = match (open.asks, head.status) {
            (Asks::Tunnel, 200..300) => {
                events.push(Event::Switched { exchange });
                return Read::Becomes(Becomes::Other);
            }
            (Asks::NoContent, _) | (_, 204 | 304) => Content::Absent,
            _ => framing.of_response(head.version == Version::Http10),
        };
        match content {
            Content::Absent => self.end_response(true, events),
            Content::Follows(body) => self.responses.state = State::Body(body),
            Content::Unknown => self.lose(Lost::Malformed, events),
        }
        Read::Used(used)
    }
}

/// What became of the bytes of a head.
enum Read {
    Used(usize),
    Becomes(Becomes),
}

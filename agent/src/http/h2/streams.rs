//! Streams, from the heads on them to exchanges (RFC 9113, sections 5.1 and 8.1).

use std::collections::BTreeMap;

use crate::http::event::{Event, Lost, Way};
use crate::http::head::{RequestHead, ResponseHead};

/// Events of an answer that are held until its request has been seen; only a broken server has more.
const MAX_EARLY: usize = 8;

/// The streams that clients opened. Those that servers opened are not followed.
#[derive(Debug)]
pub(super) struct Streams {
    open: BTreeMap<u32, Stream>,
    /// The last stream that a request came on.
    last: u32,
    next_exchange: u64,
    most: usize,
}

#[derive(Debug, Default)]
struct Stream {
    /// `None` until the request has begun.
    exchange: Option<u64>,
    /// The request's head has come.
    is_asked: bool,
    /// The request has ended.
    is_sent: bool,
    /// The final answer's head has come.
    is_answered: bool,
    /// The answer has ended.
    is_over: bool,
    /// The answer, where it is seen before its request: a call that wrote may return after the one that read.
    early: Vec<Answer>,
}

/// What is told of an answer.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Interim(u16),
    Head(ResponseHead),
    End,
}

/// A field block that was read.
#[derive(Debug)]
pub(super) enum Block {
    Request(Box<RequestHead>),
    Response(ResponseHead),
    /// A block without `:method` and `:status`.
    Trailers,
}

impl Streams {
    pub(super) fn new(most: usize, next_exchange: u64) -> Self {
        Self { open: BTreeMap::new(), last: 0, next_exchange, most }
    }

    /// Stream 1 is a request of HTTP/1 that was upgraded (RFC 7540, section 3.2).
    pub(super) fn upgrade(&mut self, exchange: u64) {
        self.last = 1;
        self.open.insert(1, Stream { exchange: Some(exchange), is_asked: true, is_sent: true, ..Stream::default() });
    }

    /// A HEADERS frame begins.
    pub(super) fn begin(&mut self, way: Way, stream: u32, events: &mut Vec<Event>) -> Result<(), Lost> {
        if stream.is_multiple_of(2) || stream <= self.last && way == Way::Requests {
            return Ok(());
        }
        let is_new = !self.open.contains_key(&stream);
        if is_new && stream <= self.last {
            return Ok(());
        }
        if is_new {
            self.make_room()?;
        }
        let open = self.open.entry(stream).or_default();
        if way == Way::Requests {
            events.push(Event::Began { exchange: self.next_exchange });
            open.exchange = Some(self.next_exchange);
            self.next_exchange += 1;
            self.last = stream;
        }
        Ok(())
    }

    /// A field block has come.
    pub(super) fn take(&mut self, stream: u32, block: Block, events: &mut Vec<Event>) {
        let Some(open) = self.open.get_mut(&stream) else { return };
        match (block, open.exchange) {
            (Block::Request(head), Some(exchange)) if !open.is_asked => {
                open.is_asked = true;
                events.push(Event::Request { exchange, head });
                events.extend(std::mem::take(&mut open.early).into_iter().map(|answer| answer.told(exchange)));
            }
            (Block::Response(ResponseHead { status: status @ 100..200, .. }), _) if !open.is_answered => {
                open.tell(Answer::Interim(status), events);
            }
            (Block::Response(head), _) if !open.is_answered => {
                open.is_answered = true;
                open.tell(Answer::Head(head), events);
            }
            _ => {}
        }
        self.forget_if_over(stream);
    }

    /// A frame with END_STREAM has gone by.
    pub(super) fn end(&mut self, way: Way, stream: u32, events: &mut Vec<Event>) {
        let Some(open) = self.open.get_mut(&stream) else { return };
        match (way, open.exchange) {
            (Way::Requests, Some(exchange)) if open.is_asked && !open.is_sent => {
                open.is_sent = true;
                events.push(Event::RequestEnd { exchange, seen: true });
            }
            (Way::Responses, _) if open.is_answered && !open.is_over => {
                open.is_over = true;
                open.tell(Answer::End, events);
            }
            _ => {}
        }
        self.forget_if_over(stream);
    }

    /// A stream was reset, by either side. After a whole answer that only says that the rest of the request is not
    /// wanted (section 8.1).
    pub(super) fn reset(&mut self, stream: u32, events: &mut Vec<Event>) {
        events.extend(self.open.remove(&stream).and_then(Stream::reset));
    }

    /// The server takes no stream after this one (section 6.8).
    pub(super) fn go_away(&mut self, last: u32, events: &mut Vec<Event>) {
        let refused = self.open.split_off(&last.saturating_add(1));
        events.extend(refused.into_values().filter_map(Stream::reset));
    }

    fn forget_if_over(&mut self, stream: u32) {
        if self.open.get(&stream).is_some_and(|open| open.is_asked && open.is_sent && open.is_over) {
            self.open.remove(&stream);
        }
    }

    /// If there are too many, forgets those that were answered, though their requests have not ended, and those whose
    /// requests cannot begin any more.
    fn make_room(&mut self) -> Result<(), Lost> {
        if self.open.len() >= self.most {
            let last = self.last;
            self.open.retain(|id, stream| !stream.is_over && (stream.exchange.is_some() || *id > last));
        }
        if self.open.len() < self.most { Ok(()) } else { Err(Lost::TooMany) }
    }
}

impl Stream {
    /// What is told if it is reset: nothing after a whole answer.
    fn reset(self) -> Option<Event> {
        let exchange = self.exchange.filter(|_| !self.is_over)?;
        Some(Event::Reset { exchange })
    }

    fn tell(&mut self, answer: Answer, events: &mut Vec<Event>) {
        if let (true, Some(exchange)) = (self.is_asked, self.exchange) {
            events.push(answer.told(exchange));
        } else if self.early.len() < MAX_EARLY {
            self.early.push(answer);
        }
    }
}

impl Answer {
    fn told(self, exchange: u64) -> Event {
        match self {
            Self::Interim(status) => Event::Interim { exchange, status },
            Self::Head(head) => Event::Response { exchange, head },
            Self::End => Event::ResponseEnd { exchange, seen: true },
        }
    }
}

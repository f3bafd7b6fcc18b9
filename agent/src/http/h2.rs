//! HTTP/2 without TLS on one connection (RFC 9113), from its first byte.
//!
//! Heads are compressed with a memory of those before, so one hole in them and nothing can be known any more. Content may
//! have holes within a frame. Streams that a server opens (PUSH_PROMISE) are read over.

mod frame;
mod half;
mod hpack;
mod huffman;
mod static_table;
mod streams;

#[cfg(test)]
mod tests;

use self::half::Half;
use self::streams::Streams;
use super::connection::Limits;
use super::event::{Event, Lost, Way};

/// A connection of HTTP/2.
#[derive(Debug)]
pub(super) struct Http2 {
    limits: Limits,
    requests: Half,
    responses: Half,
    streams: Streams,
}

impl Http2 {
    /// A connection that begins with the client's preface.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            requests: Half::new(Way::Requests, &limits),
            responses: Half::new(Way::Responses, &limits),
            streams: Streams::new(limits.streams, 0),
        }
    }

    /// A connection of HTTP/1 that was upgraded: `exchange` goes on as stream 1 (RFC 7540, section 3.2).
    pub(super) fn upgraded(limits: Limits, exchange: u64, next_exchange: u64) -> Self {
        let mut upgraded = Self { streams: Streams::new(limits.streams, next_exchange), ..Self::new(limits) };
        upgraded.streams.upgrade(exchange);
        upgraded
    }

    /// Bytes went by.
    ///
    /// # Errors
    /// After an error nothing more can be read, either way.
    pub(super) fn push(&mut self, way: Way, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Lost> {
        let half = if way == Way::Requests { &mut self.requests } else { &mut self.responses };
        half.push(bytes, &self.limits, &mut self.streams, events)
    }

    /// So many bytes went by unseen.
    ///
    /// # Errors
    /// As above.
    pub(super) fn skip(&mut self, way: Way, bytes: u64, events: &mut Vec<Event>) -> Result<(), Lost> {
        let half = if way == Way::Requests { &mut self.requests } else { &mut self.responses };
        half.skip(bytes, &self.limits, &mut self.streams, events)
    }
}

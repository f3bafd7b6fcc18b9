//! What a proxy remembers of every request where a report is fed: one cache line, left when the request ends.
//!
//! A note costs no allocation and waits for nothing. What does not fit into one, such as header lines, is a
//! [`Sighting`](super::sink::Sighting).

mod known;
mod ring;

pub use known::{KnownRoutes, MAX_ROUTES};
pub use ring::Ring;

use crate::trace::ids::{Flags, SpanId, TraceId};
use crate::trace::marker::Mark;
use crate::trace::traceparent::Traceparent;

/// Eight words are one cache line.
pub const WORDS: usize = 8;

/// One request, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// When its head had come: nanoseconds since the sink's clock began.
    pub begun: u64,
    /// How long it took until its answer was sent, in nanoseconds.
    pub duration: u64,
    /// Its `traceparent`, where that can be used; always of version 00.
    pub context: Option<Ids>,
    /// Its mark. One that counts leaves a sighting, so this is [`Mark::None`] or [`Mark::Untrusted`] in a note alone.
    pub mark: Mark,
    /// The template of its path: see [`super::route::hash`].
    pub route: u64,
    /// The connection it came on: see [`super::sink::Connection`].
    pub connection: u32,
    /// The status it was answered with; 0 for none.
    pub status: u16,
    /// The method.
    pub method: Method,
    /// What else is known.
    pub traits: Traits,
}

/// A context as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span.
    pub parent_id: SpanId,
    /// The flags as received.
    pub flags: Flags,
}

/// A method that fits into a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// Another one, which only a sighting names.
    Other,
}

crate::label!(Method {
    Get => "GET",
    Head => "HEAD",
    Post => "POST",
    Put => "PUT",
    Delete => "DELETE",
    Options => "OPTIONS",
    Patch => "PATCH",
    Other => "OTHER",
});

/// What is true of a request, yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traits {
    /// A `tracestate` came.
    pub has_tracestate: bool,
    /// User agent or source say that a synthetic monitor sent it.
    pub synthetic: bool,
    /// It says that it was relayed: `Via` or `X-Forwarded-For`.
    pub relayed: bool,
}

impl Note {
    /// The note as it lies in a ring.
    #[must_use]
    pub fn words(&self) -> [u64; WORDS] {
        let Traits { has_tracestate, synthetic, relayed } = self.traits;
        let (trace, parent, flags) = self.context.map_or((0, 0, 0), |ids| {
            let parent = u64::from_be_bytes(*ids.parent_id.bytes());
            (u128::from_be_bytes(*ids.trace_id.bytes()), parent, ids.flags.byte())
        });
        let small = [
            flags,
            self.mark as u8,
            self.method as u8,
            u8::from(has_tracestate) | u8::from(synthetic) << 1 | u8::from(relayed) << 2,
        ];
        [
            self.begun,
            self.duration,
            (trace >> 64) as u64,
            trace as u64,
            parent,
            self.route,
            u64::from(self.connection) << 32 | u64::from(u32::from_le_bytes(small)),
            u64::from(self.status),
        ]
    }

    /// The note that lay in a ring. Words that no note was turned into give a note nevertheless.
    #[must_use]
    pub fn from_words(words: [u64; WORDS]) -> Self {
        use crate::trace::counts::Label;
        let [begun, duration, trace_high, trace_low, parent, route, packed, status] = words;
        let [flags, mark, method, traits] = (packed as u32).to_le_bytes();
        let trace_id = TraceId::from_bytes((u128::from(trace_high) << 64 | u128::from(trace_low)).to_be_bytes());
        let context = trace_id.zip(SpanId::from_bytes(parent.to_be_bytes()));
        Self {
            begun,
            duration,
            context: context.map(|(trace_id, parent_id)| Ids { trace_id, parent_id, flags: Flags::from_byte(flags) }),
            mark: Mark::ALL.get(usize::from(mark)).copied().unwrap_or(Mark::None),
            route,
            connection: (packed >> 32) as u32,
            status: status as u16,
            method: Method::ALL.get(usize::from(method)).copied().unwrap_or(Method::Other),
            traits: Traits { has_tracestate: traits & 1 != 0, synthetic: traits & 2 != 0, relayed: traits & 4 != 0 },
        }
    }
}

impl Ids {
    /// The header value they came as.
    #[must_use]
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id, self.parent_id, self.flags.byte())
    }
}

impl From<Traceparent> for Ids {
    fn from(Traceparent { trace_id, parent_id, flags, .. }: Traceparent) -> Self {
        Self { trace_id, parent_id, flags }
    }
}

impl Method {
    /// The method of this name, as it stands in the request line.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests;

//! The compact record of one recorded request: its SERVER span and its attempt spans, as plain numbers and one
//! text arena.
//!
//! Built on the hot path with one allocation; turned into OTLP on the exporter's side.

use std::sync::Arc;

use super::ids::{Flags, SpanId, TraceId};

/// The attempts a request may make at its upstream: the first and one retry.
pub const MAX_ATTEMPTS: usize = 2;

/// What all requests of one listener have in common.
#[derive(Debug, PartialEq, Eq)]
pub struct Edge {
    /// `service.name` of the spans: the service behind, or `NAME-edge` before an instrumented upstream.
    pub service_name: String,
    /// Whether attempts are CLIENT spans (instrumented upstream) or INTERNAL ones.
    pub attempts_are_client: bool,
    /// `server.address` of the attempt span: the upstream's host as configured.
    pub upstream_host: String,
    /// `server.port` of the attempt span.
    pub upstream_port: u16,
    /// Whether the upstream is reached over TLS.
    pub upstream_tls: bool,
}

/// A piece of text in the record's arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Text {
    start: u32,
    len: u32,
}

/// The bytes of all texts of one record.
#[derive(Debug, Clone, Default)]
pub struct Arena(Vec<u8>);

/// One recorded request. Times are nanoseconds: `start_unix_nano` since the Unix epoch, all others since the start.
#[derive(Debug)]
pub struct RequestRecord {
    /// What all requests of this listener have in common.
    pub edge: Arc<Edge>,
    /// The trace both sides belong to.
    pub trace_id: TraceId,
    /// The flags sent to the upstream.
    pub flags: Flags,
    /// Whether the request bore a mark that was trusted.
    pub marked: bool,
    /// Whether ids of this record went out as parent-id (continue, start, restart), so that losing it orphans spans.
    pub propagated: bool,
    /// The id of the SERVER span.
    pub server_id: SpanId,
    /// The caller's parent-id, or `None` at a root.
    pub parent_id: Option<SpanId>,
    /// The one wall-clock anchor.
    pub start_unix_nano: u64,
    /// When the answer's last byte was sent, or the request was given up.
    pub end: u64,
    /// The texts that the fields below point into.
    pub arena: Arena,
    /// The request method as received.
    pub method: Text,
    /// The `tracestate` as received: lines joined by `,`; empty when none.
    pub trace_state: Text,
    /// The path of the request target, without the query.
    pub path: Text,
    /// The query, redacted, without `?`; empty when none.
    pub query: Text,
    /// The `Host` as received, without the port; empty when none.
    pub host: Text,
    /// The port in `Host`, or that of the listener.
    pub host_port: u16,
    /// `User-Agent` as received; empty when none.
    pub user_agent: Text,
    /// The client's address: from X-Forwarded-For behind a trusted hop, else the peer's; empty when unknown.
    pub client_address: Text,
    /// The peer of the downstream connection; empty when unknown.
    pub peer_address: Text,
    /// Its port; 0 when unknown.
    pub peer_port: u16,
    /// The HTTP version of the downstream request.
    pub version: HttpVersion,
    /// The status sent to the client; `None` when none was.
    pub status: Option<u16>,
    /// Why the request failed, if it did.
    pub error: Option<ErrorType>,
    /// A sentence on the cause, for the span's status; empty when none.
    pub error_message: Text,
    /// The attempts made, oldest first; filled from the front.
    pub attempts: [Option<Attempt>; MAX_ATTEMPTS],
}

/// One try at the upstream. Times are nanoseconds since the request's start.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The id of the attempt span: what went out as parent-id where the context was continued.
    pub id: SpanId,
    /// When the try began.
    pub start: u64,
    /// When its answer's last byte came, or it failed.
    pub end: u64,
    /// Whether a kept-alive connection was used; `None` when none was had.
    pub reused: Option<bool>,
    /// When the connection was there (TCP).
    pub connected: Option<u64>,
    /// When the TLS handshake was done.
    pub tls_done: Option<u64>,
    /// When the answer's head had arrived.
    pub first_byte: Option<u64>,
    /// The upstream's address; empty when none was tried.
    pub peer_address: Text,
    /// Its port; 0 when none was tried.
    pub peer_port: u16,
    /// The upstream's status; `None` when it did not answer.
    pub status: Option<u16>,
    /// Why the try failed, if it did.
    pub error: Option<ErrorType>,
    /// A sentence on the cause; empty when none.
    pub error_message: Text,
}

/// `network.protocol.version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

/// `error.type` of a span: low-cardinality names. A status of 500 and over is named by its number instead, when
/// nothing here applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorType {
    /// The upstream's host name has no address.
    Resolve,
    /// The connection was refused.
    ConnectRefused,
    /// The connection was not there in time.
    ConnectTimeout,
    /// The connection failed otherwise.
    ConnectFailed,
    /// The TLS handshake with the upstream failed.
    Tls,
    /// The upstream did not answer in time.
    ReadTimeout,
    /// The upstream did not take the request in time.
    WriteTimeout,
    /// The upstream closed or reset the connection before its answer was complete.
    UpstreamClosed,
    /// The upstream's answer is not HTTP.
    InvalidResponse,
    /// The client went away, or stopped sending its body. The span's status stays unset.
    ClientAbort,
    /// The request came back to where it had been: a loop.
    Loop,
    /// The request was refused by the proxy itself.
    Refused,
    /// The task was dropped, for example when the drain time ran out.
    Cancelled,
    /// A fault of the proxy.
    Internal,
}

crate::label!(ErrorType {
    Resolve => "resolve",
    ConnectRefused => "connect_refused",
    ConnectTimeout => "connect_timeout",
    ConnectFailed => "connect_failed",
    Tls => "tls",
    ReadTimeout => "read_timeout",
    WriteTimeout => "write_timeout",
    UpstreamClosed => "upstream_closed",
    InvalidResponse => "invalid_response",
    ClientAbort => "client_abort",
    Loop => "loop",
    Refused => "refused",
    Cancelled => "cancelled",
    Internal => "internal",
});

impl Arena {
    /// An arena with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Adds bytes. Texts past 4 GiB are not kept.
    pub fn push(&mut self, bytes: &[u8]) -> Text {
        let start = self.0.len();
        self.0.extend_from_slice(bytes);
        self.text_from(start)
    }

    /// Adds what `write` writes.
    pub fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Text {
        let start = self.0.len();
        write(&mut self.0);
        self.text_from(start)
    }

    /// The bytes of `text`; empty for a text of another arena that lies outside this one.
    #[must_use]
    pub fn get(&self, text: Text) -> &[u8] {
        let start = text.start as usize;
        self.0.get(start..start + text.len as usize).unwrap_or_default()
    }

    /// The bytes of all texts together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn text_from(&self, start: usize) -> Text {
        match (u32::try_from(start), u32::try_from(self.0.len().saturating_sub(start))) {
            (Ok(start), Ok(len)) => Text { start, len },
            _ => Text::default(),
        }
    }
}

impl Text {
    /// Whether there is no text.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

impl RequestRecord {
    /// How many spans this record stands for: the SERVER span and one for each attempt.
    #[must_use]
    pub fn spans(&self) -> u64 {
        1 + self.attempts.iter().flatten().count() as u64
    }

    /// How many of its spans are orphans' parents if it is lost: the attempts whose ids went out.
    #[must_use]
    pub fn orphans_if_lost(&self) -> u64 {
        if self.propagated { self.attempts.iter().flatten().count() as u64 } else { 0 }
    }
}

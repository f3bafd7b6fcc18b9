//! Heads of requests and answers, whatever version of HTTP they came with.

use std::sync::Arc;

/// Bytes of a method that are kept.
pub const MAX_METHOD: usize = 32;
/// Bytes of a host that are kept.
pub const MAX_HOST: usize = 255;

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, and later minor versions (RFC 9110, section 6.2).
    Http11,
    /// HTTP/2.
    Http2,
}

/// What is kept of a request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// As sent; at most [`MAX_METHOD`] bytes.
    pub method: Box<str>,
    /// The request target as sent, query included: redact it before it is kept. Bytes that are no UTF-8 are replaced.
    pub target: Box<str>,
    /// The version it was sent with.
    pub version: Version,
    /// `:authority`, the authority of a target in absolute form, or `Host`: the first of these that is there, at most
    /// [`MAX_HOST`] bytes.
    pub host: Option<Box<str>>,
    /// The `traceparent` lines in order, without white space around them.
    pub traceparent: Vec<Arc<str>>,
    /// The `tracestate` lines in order, without white space around them.
    pub tracestate: Vec<Arc<str>>,
    /// Whether `Via`, `Forwarded` or `X-Forwarded-For` is there.
    pub is_relayed: bool,
    /// Whether `User-Agent` names a synthetic monitor.
    pub is_synthetic: bool,
    /// Whether the end of the head is missing: fields may be, too. [`Event::Lost`](super::Event::Lost) follows.
    pub is_cut: bool,
}

/// What is kept of an answer's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHead {
    /// 200 to 999.
    pub status: u16,
    /// The version it was sent with.
    pub version: Version,
}

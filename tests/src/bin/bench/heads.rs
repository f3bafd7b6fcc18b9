//! The request heads that are sent: a few ordinary headers, and what the case adds.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The part all requests share. No proxy before this one has added anything.
const COMMON: &str = "GET /api/cart?item=42&currency=eur HTTP/1.1\r\n\
    Host: shop.example\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    Accept: application/json, text/plain, */*\r\n\
    Accept-Encoding: gzip, deflate, br\r\n";

/// What another proxy in front would have added.
const FORWARDED: &str = "X-Forwarded-For: 203.0.113.9\r\n\
    X-Forwarded-Proto: https\r\n\
    X-Forwarded-Host: shop.example\r\n";

/// What a request bears beside the ordinary headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// No context, no X-Forwarded-*.
    Plain,
    /// No context, but X-Forwarded-For, -Proto and -Host.
    Forwarded,
    /// A valid `traceparent` with a trace id of its own, unmarked.
    Traced,
    /// A valid `traceparent` with a trace id of its own, and the mark.
    Marked,
}

/// The bytes of one connection's requests; the trace id changes from request to request.
pub(crate) struct Request {
    bytes: Vec<u8>,
    /// Where the changing half of the trace id lies.
    id: Option<usize>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Head {
    /// The request to send, over and over.
    pub(crate) fn request(self) -> Request {
        const TRACEPARENT: &str = "traceparent: 00-4bf92f3577b34da6";
        let mut text = COMMON.to_owned();
        let mut id = None;
        if self == Self::Forwarded {
            text.push_str(FORWARDED);
        }
        if matches!(self, Self::Traced | Self::Marked) {
            text.push_str(TRACEPARENT);
            id = Some(text.len());
            text.push_str("0000000000000000-00f067aa0ba902b7-01\r\n");
        }
        if self == Self::Marked {
            text.push_str("tracestate: checkly=true\r\n");
        }
        text.push_str("\r\n");
        Request { bytes: text.into_bytes(), id }
    }
}

impl Request {
    /// The next request's bytes.
    pub(crate) fn next(&mut self) -> &[u8] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        if let Some(place) = self.id.and_then(|at| self.bytes.get_mut(at..at + 16)) {
            let mut number = NEXT_ID.fetch_add(1, Relaxed);
            for digit in place.iter_mut().rev() {
                *digit = DIGITS.get((number & 0xf) as usize).copied().unwrap_or(b'0');
                number >>= 4;
            }
        }
        &self.bytes
    }
}

//! What each span says: names, kinds, statuses and attributes by the stable HTTP conventions.
//!
//! Source: OpenTelemetry semantic conventions, "HTTP spans". Attributes under `throughline.` are our own: durations
//! are in seconds, and the last byte is the span's end.

use opentelemetry_semantic_conventions::attribute as semconv;

use super::wire::{SPAN_ATTRIBUTES as AT, Wire};
use crate::trace::counts::Label;
use crate::trace::record::{Attempt, ErrorType, HttpVersion, RequestRecord, Text};

/// Whether a kept-alive connection to the upstream was used.
pub const CONNECTION_REUSED: &str = "throughline.upstream.connection_reused";
/// From the attempt's start until the TCP connection was there.
pub const CONNECT_SECONDS: &str = "throughline.upstream.connect.duration";
/// From the TCP connection until the TLS handshake was done.
pub const TLS_SECONDS: &str = "throughline.upstream.tls.duration";
/// From the attempt's start until the answer's head had arrived.
pub const FIRST_BYTE_SECONDS: &str = "throughline.upstream.first_byte.duration";

/// Behind clear-text listeners only.
const LISTENER_SCHEME: &[u8] = b"http";

/// What is spoken to every upstream.
const UPSTREAM_VERSION: &[u8] = b"1.1";

/// The status of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanStatus {
    /// Nothing is stated.
    Unset,
    /// Failed; the text may be empty.
    Error(Text),
}

/// The span name of a request: its method where that is known, as no route is.
pub(super) fn span_name(method: &[u8]) -> &[u8] {
    if is_known(method) { method } else { b"HTTP" }
}

/// 4xx stays unset, and so does a client that went away before a 5xx.
pub(super) fn server_status(record: &RequestRecord) -> SpanStatus {
    match (record.status, record.error) {
        (Some(500..), _) => SpanStatus::Error(record.error_message),
        (Some(400..), Some(ErrorType::Refused)) | (_, Some(ErrorType::ClientAbort) | None) => SpanStatus::Unset,
        (_, Some(_)) => SpanStatus::Error(record.error_message),
    }
}

/// The lowest status that counts as a failure of an attempt. A CLIENT span fails by a 4xx; an INTERNAL one bears the
/// service's own name, to which a 4xx is an answer like others.
fn failing(record: &RequestRecord) -> u16 {
    if record.edge.attempts_are_client { 400 } else { 500 }
}

/// The rules for CLIENT spans; an INTERNAL attempt follows those of its SERVER span.
pub(super) fn attempt_status(record: &RequestRecord, attempt: &Attempt) -> SpanStatus {
    match (attempt.status, attempt.error) {
        (Some(status), _) if status >= failing(record) => SpanStatus::Error(attempt.error_message),
        (_, Some(ErrorType::ClientAbort) | None) => SpanStatus::Unset,
        (_, Some(_)) => SpanStatus::Error(attempt.error_message),
    }
}

pub(super) fn server(wire: &mut Wire, record: &RequestRecord) {
    let texts = &record.arena;
    method(wire, texts.get(record.method));
    wire.text(AT, semconv::URL_SCHEME, LISTENER_SCHEME);
    wire.text(AT, semconv::URL_PATH, texts.get(record.path));
    optional(wire, semconv::URL_QUERY, texts.get(record.query));
    endpoint(wire, [semconv::SERVER_ADDRESS, semconv::SERVER_PORT], texts.get(record.host), record.host_port);
    optional(wire, semconv::CLIENT_ADDRESS, texts.get(record.client_address));
    peer(wire, texts.get(record.peer_address), record.peer_port);
    wire.text(AT, semconv::NETWORK_PROTOCOL_VERSION, version(record.version));
    optional(wire, semconv::USER_AGENT_ORIGINAL, texts.get(record.user_agent));
    if record.marked {
        wire.text(AT, semconv::USER_AGENT_SYNTHETIC_TYPE, b"test");
    }
    outcome(wire, record.status, record.error, 500);
}

/// `index` is 0 for the first attempt; `upstream` is what all attempts of one edge share, from [`upstream`].
pub(super) fn attempt(wire: &mut Wire, record: &RequestRecord, attempt: &Attempt, index: usize, upstream: &[u8]) {
    let texts = &record.arena;
    method(wire, texts.get(record.method));
    wire.raw(upstream);
    peer(wire, texts.get(attempt.peer_address), attempt.peer_port);
    if index > 0 {
        wire.integer(AT, semconv::HTTP_REQUEST_RESEND_COUNT, index as u64);
    }
    if record.edge.attempts_are_client {
        wire.text(AT, semconv::URL_FULL, &full_url(record));
    }
    if let Some(reused) = attempt.reused {
        wire.boolean(AT, CONNECTION_REUSED, reused);
    }
    duration(wire, CONNECT_SECONDS, Some(attempt.start), attempt.connected);
    duration(wire, TLS_SECONDS, attempt.connected, attempt.tls_done);
    duration(wire, FIRST_BYTE_SECONDS, Some(attempt.start), attempt.first_byte);
    wire.text(AT, semconv::NETWORK_PROTOCOL_VERSION, UPSTREAM_VERSION);
    outcome(wire, attempt.status, attempt.error, failing(record));
}

/// The attributes that all attempts at one upstream share.
pub(super) fn upstream(wire: &mut Wire, host: &str, port: u16) {
    endpoint(wire, [semconv::SERVER_ADDRESS, semconv::SERVER_PORT], host.as_bytes(), port);
}

fn method(wire: &mut Wire, method: &[u8]) {
    if is_known(method) {
        wire.text(AT, semconv::HTTP_REQUEST_METHOD, method);
    } else {
        wire.text(AT, semconv::HTTP_REQUEST_METHOD, b"_OTHER");
        wire.text(AT, semconv::HTTP_REQUEST_METHOD_ORIGINAL, method);
    }
}

/// Case matters: `get` is not a method of RFC 9110.
fn is_known(method: &[u8]) -> bool {
    matches!(
        method,
        b"GET" | b"POST" | b"PUT" | b"DELETE" | b"HEAD" | b"OPTIONS" | b"PATCH" | b"CONNECT" | b"TRACE" | b"QUERY"
    )
}

/// `failing` is the lowest status that counts as a failure of this span.
fn outcome(wire: &mut Wire, status: Option<u16>, error: Option<ErrorType>, failing: u16) {
    if let Some(status) = status {
        wire.integer(AT, semconv::HTTP_RESPONSE_STATUS_CODE, u64::from(status));
    }
    match (error, status) {
        (Some(error), _) => wire.text(AT, semconv::ERROR_TYPE, error.name().as_bytes()),
        (None, Some(status)) if status >= failing => {
            wire.text(AT, semconv::ERROR_TYPE, status.to_string().as_bytes());
        }
        (None, _) => {}
    }
}

fn peer(wire: &mut Wire, address: &[u8], port: u16) {
    endpoint(wire, [semconv::NETWORK_PEER_ADDRESS, semconv::NETWORK_PEER_PORT], address, port);
}

fn endpoint(wire: &mut Wire, [address_key, port_key]: [&str; 2], address: &[u8], port: u16) {
    if !address.is_empty() {
        wire.text(AT, address_key, address);
        if port != 0 {
            wire.integer(AT, port_key, u64::from(port));
        }
    }
}

fn optional(wire: &mut Wire, key: &str, value: &[u8]) {
    if !value.is_empty() {
        wire.text(AT, key, value);
    }
}

fn duration(wire: &mut Wire, key: &str, from: Option<u64>, to: Option<u64>) {
    if let (Some(from), Some(to)) = (from, to) {
        wire.float(AT, key, to.saturating_sub(from) as f64 / 1e9);
    }
}

fn version(version: HttpVersion) -> &'static [u8] {
    match version {
        HttpVersion::Http10 => b"1.0",
        HttpVersion::Http11 => b"1.1",
        HttpVersion::Http2 => b"2",
    }
}

/// The URL that the attempt asked for; the query is redacted in the record already.
fn full_url(record: &RequestRecord) -> Vec<u8> {
    let edge = &record.edge;
    let (path, query) = (record.arena.get(record.path), record.arena.get(record.query));
    let scheme = if edge.upstream_tls { "https" } else { "http" };
    let host = &edge.upstream_host;
    let authority = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let mut url = format!("{scheme}://{authority}:{}", edge.upstream_port).into_bytes();
    url.extend_from_slice(path);
    if !query.is_empty() {
        url.push(b'?');
        url.extend_from_slice(query);
    }
    url
}

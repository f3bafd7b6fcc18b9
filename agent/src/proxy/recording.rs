//! One recorded request while it lives: fills the record, counts its spans, and delivers it however the request ends.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::Version;
use pingora::http::RequestHeader;
use pingora::protocols::Digest;

use super::stream::ConnectionNote;
use crate::trace::counts::SpanCounts;
use crate::trace::decision::Recording;
use crate::trace::ids::SpanId;
use crate::trace::record::{Arena, Attempt, Edge, ErrorType, HttpVersion, MAX_ATTEMPTS, RequestRecord, Text};
use crate::trace::sink::SpanSink;
use crate::trace::{redact, tracestate};

/// Places reserved for one request: its SERVER span and every attempt it may make.
pub(super) const PLACES: u32 = 1 + MAX_ATTEMPTS as u32;

/// Room for the texts of an ordinary request.
const ARENA: usize = 512;

/// Bytes of one text at most; the rest is not recorded. Common servers take no longer request line. Without it, forged
/// marks with long heads could fill the queue with a hundred megabytes.
const LONGEST_TEXT: usize = 8 * 1024;

/// Fills a record; delivers it when finished or dropped.
pub(super) struct Recorder {
    record: Option<RequestRecord>,
    begun: Instant,
    sink: Arc<dyn SpanSink>,
    counts: Arc<SpanCounts>,
}

/// What a request is recorded with.
pub(super) struct Subject<'a> {
    pub(super) edge: &'a Arc<Edge>,
    pub(super) request: &'a RequestHeader,
    pub(super) note: &'a ConnectionNote,
    pub(super) client: std::net::IpAddr,
    pub(super) recording: &'a Recording,
    /// Whether new ids go out as parent-id.
    pub(super) propagated: bool,
}

impl Recorder {
    /// Begins the SERVER span. [`PLACES`] places must have been reserved in `sink`.
    pub(super) fn begin(subject: &Subject<'_>, sink: Arc<dyn SpanSink>, counts: Arc<SpanCounts>) -> Box<Self> {
        counts.start(1);
        let record = record(subject, SystemTime::now());
        Box::new(Self { record: Some(record), begun: Instant::now(), sink, counts })
    }

    /// Begins an attempt span. More attempts than a record holds are never made.
    pub(super) fn begin_attempt(&mut self, id: SpanId) {
        let now = self.now();
        let Some(record) = &mut self.record else { return };
        if let Some(place) = record.attempts.iter_mut().find(|place| place.is_none()) {
            self.counts.start(1);
            *place = Some(Attempt {
                id,
                start: now,
                end: 0,
                reused: None,
                connected: None,
                tls_done: None,
                first_byte: None,
                peer_address: Text::default(),
                peer_port: 0,
                status: None,
                error: None,
                error_message: Text::default(),
            });
        }
    }

    /// The attempt tried this address, and may not have reached it.
    pub(super) fn tried(&mut self, peer: SocketAddr) {
        if let Some((arena, attempt)) = self.attempt() {
            attempt.peer_address = arena.write(|out| drop(write!(out, "{}", peer.ip().to_canonical())));
            attempt.peer_port = peer.port();
        }
    }

    /// The attempt has its connection.
    pub(super) fn connected(&mut self, reused: bool, digest: Option<&Digest>, peer: Option<SocketAddr>) {
        let now = self.now();
        if let Some(peer) = peer {
            self.tried(peer);
        }
        let Some((_, attempt)) = self.attempt() else { return };
        attempt.reused = Some(reused);
        if reused {
            return;
        }
        let mut layers = digest.into_iter().flat_map(|digest| digest.timing_digest.iter()).flatten();
        let tcp = layers.next().and_then(|layer| layer.establishment_duration);
        let tls = layers.next();
        attempt.connected = Some(tcp.map_or(now, |tcp| now.min(attempt.start + nanoseconds(tcp))));
        attempt.tls_done = tls.map(|_| now);
    }

    /// The head of the upstream's final answer has come.
    pub(super) fn first_byte(&mut self, status: u16) {
        let now = self.now();
        if let Some((_, attempt)) = self.attempt() {
            attempt.first_byte = Some(now);
            attempt.status = Some(status);
        }
    }

    /// The head of an answer goes out to the client.
    pub(super) fn answered(&mut self, status: u16) {
        if let Some(record) = &mut self.record {
            record.status = Some(status);
        }
    }

    /// The upstream's answer has come whole.
    pub(super) fn last_byte(&mut self) {
        let now = self.now();
        if let Some((_, attempt)) = self.attempt() {
            attempt.end = now;
        }
    }

    /// The attempt failed.
    pub(super) fn fail_attempt(&mut self, cause: ErrorType, message: &str) {
        let now = self.now();
        if let Some((arena, attempt)) = self.attempt() {
            attempt.end = now;
            attempt.error = Some(cause);
            attempt.error_message = arena.push(message.as_bytes());
        }
    }

    /// The request failed; its cause goes on the SERVER span.
    pub(super) fn fail(&mut self, cause: ErrorType, message: &str) {
        if let Some(record) = &mut self.record {
            record.error = Some(cause);
            record.error_message = record.arena.push(message.as_bytes());
        }
    }

    /// Ends the request's spans and delivers them. `status` is what the client got.
    pub(super) fn finish(mut self: Box<Self>, status: Option<u16>) {
        if let Some(record) = &mut self.record {
            record.status = status;
        }
        self.deliver();
    }

    fn deliver(&mut self) {
        let now = self.now();
        let Some(mut record) = self.record.take() else { return };
        record.end = now;
        for attempt in record.attempts.iter_mut().flatten().filter(|attempt| attempt.end == 0) {
            attempt.end = now;
            if attempt.status.is_none() {
                attempt.error = attempt.error.or(record.error);
            }
        }
        self.sink.deliver(record, PLACES);
    }

    fn now(&self) -> u64 {
        nanoseconds(self.begun.elapsed())
    }

    /// The attempt under way: the last one begun.
    fn attempt(&mut self) -> Option<(&mut Arena, &mut Attempt)> {
        let record = self.record.as_mut()?;
        let attempt = record.attempts.iter_mut().flatten().last()?;
        Some((&mut record.arena, attempt))
    }
}

/// A task that is dropped, for example when the time to drain runs out, still ends its spans.
impl Drop for Recorder {
    fn drop(&mut self) {
        if self.record.is_some() {
            self.fail(ErrorType::Cancelled, "the request was cut off");
            self.deliver();
        }
    }
}

fn record(subject: &Subject<'_>, start: SystemTime) -> RequestRecord {
    let Subject { edge, request, note, client, recording, propagated } = *subject;
    let mut arena = Arena::with_capacity(ARENA);
    let headers = &request.headers;
    let (path, query) = split_target(request.raw_path());
    let (host, host_port) = split_host(headers.get(http::header::HOST).map_or(b"", |value| value.as_bytes()));
    let lines = headers.get_all("tracestate").iter().map(http::HeaderValue::as_bytes);
    let peer = note.peer.ip().to_canonical();
    let peer_address = arena.write(|out| drop(write!(out, "{peer}")));
    RequestRecord {
        edge: Arc::clone(edge),
        trace_id: recording.trace_id,
        flags: recording.flags,
        marked: recording.marked,
        propagated,
        server_id: recording.server_id,
        parent_id: recording.parent_id,
        start_unix_nano: start.duration_since(SystemTime::UNIX_EPOCH).map_or(0, nanoseconds),
        end: 0,
        method: arena.push(start_of(request.method.as_str().as_bytes())),
        trace_state: arena.write(|out| tracestate::write_joined(lines, out)),
        path: arena.push(start_of(path)),
        query: arena.write(|out| redact::write_redacted_query(start_of(query), out)),
        host: arena.push(start_of(host)),
        host_port: host_port.unwrap_or_else(|| note.local.port()),
        user_agent: arena.push(start_of(headers.get(http::header::USER_AGENT).map_or(b"", |value| value.as_bytes()))),
        client_address: if client == peer { peer_address } else { arena.write(|out| drop(write!(out, "{client}"))) },
        peer_address,
        peer_port: note.peer.port(),
        version: match request.version {
            Version::HTTP_10 => HttpVersion::Http10,
            Version::HTTP_2 => HttpVersion::Http2,
            _ => HttpVersion::Http11,
        },
        status: None,
        error: None,
        error_message: Text::default(),
        attempts: [const { None }; MAX_ATTEMPTS],
        arena,
    }
}

/// As much of a text as is recorded.
fn start_of(text: &[u8]) -> &[u8] {
    text.get(..LONGEST_TEXT).unwrap_or(text)
}

/// Path and query of a request target. An absolute target (`http://host/path`) loses scheme and authority, which are
/// attributes of their own.
fn split_target(target: &[u8]) -> (&[u8], &[u8]) {
    let after_scheme = target.windows(3).position(|window| window == b"://").filter(|_| !target.starts_with(b"/"));
    let origin = match after_scheme.and_then(|at| target.get(at + 3..)) {
        Some(rest) => rest.iter().position(|byte| *byte == b'/').and_then(|at| rest.get(at..)).unwrap_or(b"/"),
        None => target,
    };
    match origin.iter().position(|byte| *byte == b'?') {
        Some(at) => (origin.get(..at).unwrap_or_default(), origin.get(at + 1..).unwrap_or_default()),
        None => (origin, b""),
    }
}

/// Host and port of a Host header; an address of version 6 loses its brackets.
fn split_host(host: &[u8]) -> (&[u8], Option<u16>) {
    let (name, port) = match host.iter().rposition(|byte| *byte == b':') {
        Some(at) if !host.ends_with(b"]") => {
            (host.get(..at).unwrap_or_default(), host.get(at + 1..).unwrap_or_default())
        }
        _ => (host, &b""[..]),
    };
    let name = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name);
    (name, std::str::from_utf8(port).ok().and_then(|port| port.parse().ok()))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_split_into_path_and_query() {
        let rows: &[(&str, &str, &str)] = &[
            ("/a/b?c=d&e", "/a/b", "c=d&e"),
            ("/", "/", ""),
            ("/a?", "/a", ""),
            ("*", "*", ""),
            ("http://shop.example/a?b", "/a", "b"),
            ("http://shop.example", "/", ""),
            ("/go?to=http://x/", "/go", "to=http://x/"),
            ("", "", ""),
        ];
        for (target, path, query) in rows {
            assert_eq!(split_target(target.as_bytes()), (path.as_bytes(), query.as_bytes()), "{target}");
        }
    }

    #[test]
    fn hosts_split_into_name_and_port() {
        let rows: &[(&str, &str, Option<u16>)] = &[
            ("shop.example", "shop.example", None),
            ("shop.example:8080", "shop.example", Some(8080)),
            ("[::1]:8080", "::1", Some(8080)),
            ("[::1]", "::1", None),
            ("shop:nonsense", "shop", None),
            ("", "", None),
        ];
        for (host, name, port) in rows {
            assert_eq!(split_host(host.as_bytes()), (name.as_bytes(), *port), "{host}");
        }
    }
}

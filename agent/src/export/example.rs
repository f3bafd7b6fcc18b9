//! Records for the tests of this module.
#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::sync::Arc;

use crate::trace::ids::{Flags, SpanId, TraceId};
use crate::trace::record::{Arena, Attempt, Edge, HttpVersion, MAX_ATTEMPTS, RequestRecord, Text};

pub(super) fn edge(attempts_are_client: bool) -> Arc<Edge> {
    Arc::new(Edge {
        service_name: "shop".to_owned(),
        attempts_are_client,
        upstream_host: "127.0.0.1".to_owned(),
        upstream_port: 8080,
        upstream_tls: false,
    })
}

/// A marked `GET /cart` answered with 200 after one attempt: two spans, one orphan if lost.
pub(super) fn record(number: u64, edge: &Arc<Edge>) -> RequestRecord {
    let mut arena = Arena::with_capacity(256);
    let mut attempts = [const { None }; MAX_ATTEMPTS];
    attempts[0] = Some(attempt(number, &mut arena));
    RequestRecord {
        edge: Arc::clone(edge),
        trace_id: TraceId::from_bytes((u128::from(number) + 1).to_be_bytes()).unwrap(),
        flags: Flags::SAMPLED.with(Flags::RANDOM),
        marked: true,
        propagated: true,
        server_id: SpanId::from_bytes((number + 1).to_be_bytes()).unwrap(),
        parent_id: SpanId::from_bytes([9; 8]),
        start_unix_nano: 1_700_000_000_000_000_000,
        end: 3_000_000,
        method: arena.push(b"GET"),
        trace_state: arena.push(b"foo=1 , checkly=true"),
        path: arena.push(b"/cart"),
        query: arena.push(b"a=1&sig=REDACTED"),
        host: arena.push(b"shop.example"),
        host_port: 80,
        user_agent: arena.push(b"Checkly/1.0"),
        client_address: arena.push(b"203.0.113.9"),
        peer_address: arena.push(b"10.0.0.7"),
        peer_port: 40_000,
        version: HttpVersion::Http11,
        status: Some(200),
        error: None,
        error_message: Text::default(),
        attempts,
        arena,
    }
}

pub(super) fn attempt(number: u64, arena: &mut Arena) -> Attempt {
    Attempt {
        id: SpanId::from_bytes((number | 1 << 63).to_be_bytes()).unwrap(),
        start: 1_000_000,
        end: 2_500_000,
        reused: Some(false),
        connected: Some(1_250_000),
        tls_done: None,
        first_byte: Some(2_000_000),
        peer_address: arena.push(b"127.0.0.1"),
        peer_port: 8080,
        status: Some(200),
        error: None,
        error_message: Text::default(),
    }
}

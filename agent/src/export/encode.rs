//! Records to the bytes of an OTLP `ExportTraceServiceRequest`.
//!
//! Pure: no I/O, no clock. The received `tracestate` goes out as it came; text that is not UTF-8 becomes U+FFFD,
//! because protobuf strings must be UTF-8.

pub mod attributes;
mod wire;

use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::SpanFlags;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_semantic_conventions::SCHEMA_URL;
use opentelemetry_semantic_conventions::attribute::SERVICE_NAME;

use self::attributes::SpanStatus;
use self::wire::{RESOURCE_ATTRIBUTES, Wire, delimited_len};
use super::resource::Resource;
use crate::trace::ids::SpanId;
use crate::trace::record::{Attempt, Edge, RequestRecord};

/// Turns batches of records into bytes; keeps its buffers and what each edge's spans share.
#[derive(Debug)]
pub struct Encoder {
    /// The encoded attributes of the resource without `service.name`.
    resource: Vec<u8>,
    /// The encoded `scope` field of `ScopeSpans`.
    scope: Vec<u8>,
    groups: Vec<Group>,
    span: Wire,
    out: Wire,
}

/// The spans of one listener.
#[derive(Debug)]
struct Group {
    edge: Arc<Edge>,
    /// The encoded `resource` field of `ResourceSpans`.
    resource: Vec<u8>,
    /// The encoded attributes that every attempt span has.
    upstream: Vec<u8>,
    /// The encoded `spans` fields of `ScopeSpans`.
    spans: Wire,
}

/// What the two sorts of span differ in, beside their attributes.
struct Head<'a> {
    id: SpanId,
    parent: Option<SpanId>,
    kind: SpanKind,
    remote_parent: bool,
    start: u64,
    end: u64,
    status: SpanStatus,
    record: &'a RequestRecord,
}

impl Encoder {
    /// An encoder for the spans of this process.
    #[must_use]
    pub fn new(resource: &Resource) -> Self {
        let mut wire = Wire::default();
        for (key, value) in resource.strings().filter(|(key, _)| *key != SERVICE_NAME) {
            wire.text(RESOURCE_ATTRIBUTES, key, value.as_bytes());
        }
        for (key, value) in resource.numbers() {
            wire.integer(RESOURCE_ATTRIBUTES, key, value);
        }
        let resource = wire.take();
        wire.bytes(1, env!("CARGO_PKG_NAME").as_bytes());
        wire.bytes(2, env!("CARGO_PKG_VERSION").as_bytes());
        let names = wire.take();
        wire.bytes(1, &names);
        Self { resource, scope: wire.take(), groups: Vec::new(), span: Wire::default(), out: Wire::default() }
    }

    /// The bytes of one export request with every span of `records`.
    pub fn encode<'a>(&mut self, records: impl IntoIterator<Item = &'a RequestRecord>) -> Vec<u8> {
        for record in records {
            self.add(record);
        }
        self.out.reserve(self.groups.iter().map(|group| group.room(&self.scope)).sum());
        for group in &mut self.groups {
            group.finish(&self.scope, &mut self.out);
        }
        // An edge that sent nothing in this batch may be gone; its part is cheap to make again.
        self.groups.retain_mut(|group| {
            let used = !group.spans.as_slice().is_empty();
            group.spans.clear();
            used
        });
        self.out.take()
    }

    /// Takes the bytes of an earlier request back, for the next one: batches are large, and memory that is taken and
    /// given back all the time is spread wide by an allocator.
    pub fn reuse(&mut self, bytes: Vec<u8>) {
        self.out.reuse(bytes);
    }

    fn add(&mut self, record: &RequestRecord) {
        let index = self.groups.iter().position(|group| Arc::ptr_eq(&group.edge, &record.edge));
        let index = index.unwrap_or_else(|| {
            self.groups.push(Group::new(Arc::clone(&record.edge), &self.resource));
            self.groups.len() - 1
        });
        let Some(group) = self.groups.get_mut(index) else { return };
        let span = &mut self.span;
        span.clear();
        head(span, &server_head(record));
        attributes::server(span, record);
        group.spans.bytes(2, span.as_slice());
        for (index, attempt) in record.attempts.iter().flatten().enumerate() {
            span.clear();
            head(span, &attempt_head(record, attempt));
            attributes::attempt(span, record, attempt, index, &group.upstream);
            group.spans.bytes(2, span.as_slice());
        }
    }
}

impl Group {
    fn new(edge: Arc<Edge>, shared: &[u8]) -> Self {
        let mut wire = Wire::default();
        wire.text(RESOURCE_ATTRIBUTES, SERVICE_NAME, edge.service_name.as_bytes());
        wire.raw(shared);
        let content = wire.take();
        wire.bytes(1, &content);
        let resource = wire.take();
        attributes::upstream(&mut wire, &edge.upstream_host, edge.upstream_port);
        Self { edge, resource, upstream: wire.take(), spans: Wire::default() }
    }

    /// What [`Self::finish`] appends at most, in bytes.
    fn room(&self, scope: &[u8]) -> usize {
        /// Keys and lengths of the messages around, of ten bytes at most each.
        const AROUND: usize = 64;
        self.resource.len() + scope.len() + self.spans.as_slice().len() + 2 * SCHEMA_URL.len() + AROUND
    }

    /// Appends one `ResourceSpans`.
    fn finish(&self, scope: &[u8], out: &mut Wire) {
        let spans = self.spans.as_slice();
        if spans.is_empty() {
            return;
        }
        let schema = delimited_len(SCHEMA_URL.len());
        let scope_spans = scope.len() + spans.len() + schema;
        out.start(1, self.resource.len() + delimited_len(scope_spans) + schema);
        out.raw(&self.resource);
        out.start(2, scope_spans);
        out.raw(scope);
        out.raw(spans);
        out.bytes(3, SCHEMA_URL.as_bytes());
        out.bytes(3, SCHEMA_URL.as_bytes());
    }
}

fn server_head(record: &RequestRecord) -> Head<'_> {
    Head {
        id: record.server_id,
        parent: record.parent_id,
        kind: SpanKind::Server,
        remote_parent: record.parent_id.is_some(),
        start: record.start_unix_nano,
        end: record.start_unix_nano.saturating_add(record.end),
        status: attributes::server_status(record),
        record,
    }
}

fn attempt_head<'a>(record: &'a RequestRecord, attempt: &Attempt) -> Head<'a> {
    Head {
        id: attempt.id,
        parent: Some(record.server_id),
        kind: if record.edge.attempts_are_client { SpanKind::Client } else { SpanKind::Internal },
        remote_parent: false,
        start: record.start_unix_nano.saturating_add(attempt.start),
        end: record.start_unix_nano.saturating_add(attempt.end),
        status: attributes::attempt_status(record, attempt),
        record,
    }
}

/// Every field of `Span` but the attributes.
fn head(span: &mut Wire, head: &Head<'_>) {
    let texts = &head.record.arena;
    span.bytes(1, head.record.trace_id.bytes());
    span.bytes(2, head.id.bytes());
    let trace_state = texts.get(head.record.trace_state);
    if !trace_state.is_empty() {
        span.bytes(3, String::from_utf8_lossy(trace_state).as_bytes());
    }
    if let Some(parent) = head.parent {
        span.bytes(4, parent.bytes());
    }
    span.bytes(5, attributes::span_name(texts.get(head.record.method)));
    span.number(6, head.kind as u64);
    span.fixed64(7, head.start);
    span.fixed64(8, head.end);
    if let SpanStatus::Error(message) = head.status {
        let message = String::from_utf8_lossy(texts.get(message));
        span.start(15, 2 + if message.is_empty() { 0 } else { delimited_len(message.len()) });
        if !message.is_empty() {
            span.bytes(2, message.as_bytes());
        }
        span.number(3, StatusCode::Error as u64);
    }
    let remote = if head.remote_parent { SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
    let known = SpanFlags::ContextHasIsRemoteMask as u32;
    span.fixed32_in_field_16(u32::from(head.record.flags.byte()) | known | remote);
}

#[cfg(test)]
mod tests;

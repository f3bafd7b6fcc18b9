//! OTLP trace bytes to plain spans: what the demonstration's collector, `--export print` and the tests read.
//!
//! Pure: bytes in, values out. Anything that is not an `ExportTraceServiceRequest` is an error, never a panic.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue as Wrapped, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use prost::Message;

/// One span as a collector received it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedSpan {
    /// `service.name` of its resource; empty when there is none.
    pub service: String,
    /// All attributes of its resource, shared by the spans of that resource.
    pub resource: Arc<Vec<(String, Value)>>,
    /// The trace id, 16 bytes.
    pub trace_id: [u8; 16],
    /// The span id, 8 bytes.
    pub span_id: [u8; 8],
    /// The parent's span id, or `None` at a root.
    pub parent_id: Option<[u8; 8]>,
    /// The span's name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// When it began, in nanoseconds since the Unix epoch.
    pub start_unix_nano: u64,
    /// When it ended, in nanoseconds since the Unix epoch.
    pub end_unix_nano: u64,
    /// Its status.
    pub status: Status,
    /// Its attributes, in the order received.
    pub attributes: Vec<(String, Value)>,
    /// The W3C `tracestate`.
    pub trace_state: String,
    /// Bits 0 to 7: the W3C trace flags. Bit 8: it is known whether the parent is remote. Bit 9: it is.
    pub flags: u32,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A 64-bit integer.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// A 64-bit floating point number.
    Float(f64),
    /// Bytes, an array, a map or nothing, as text for people.
    Other(String),
}

/// The kind of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not stated, or a number this version does not know.
    Unspecified,
    /// Work inside one service.
    Internal,
    /// The receiving side of a request.
    Server,
    /// The calling side of a request.
    Client,
    /// Publishes a message.
    Producer,
    /// Handles a message.
    Consumer,
}

/// The status of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Not stated.
    Unset,
    /// Stated to be well.
    Ok,
    /// Failed, with a sentence that may be empty.
    Error(String),
}

/// Why bytes are not an export request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not protobuf of the expected shape.
    #[error("not an OTLP trace export request: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// A span without a usable trace id.
    #[error("span {index} has a trace id of {bytes} bytes, or all zero; 16 bytes not all zero are required")]
    TraceId {
        /// The span's place in the request, from 0.
        index: usize,
        /// The id's length.
        bytes: usize,
    },
    /// A span without a usable span id, or with a malformed parent id.
    #[error("span {index} has a span or parent id of {bytes} bytes, or all zero; 8 bytes not all zero are required")]
    SpanId {
        /// The span's place in the request, from 0.
        index: usize,
        /// The id's length.
        bytes: usize,
    },
}

/// Reads the body of an OTLP/HTTP protobuf request (uncompressed) or the message of a gRPC one.
///
/// # Errors
/// Bytes that are not such a message, and ids of a wrong length.
pub fn decode_traces(bytes: &[u8]) -> Result<Vec<ReceivedSpan>, DecodeError> {
    let request = ExportTraceServiceRequest::decode(bytes)?;
    let mut spans = Vec::new();
    for group in request.resource_spans {
        let resource: Arc<Vec<_>> = Arc::new(attributes(group.resource.unwrap_or_default().attributes));
        let service = text(&resource, "service.name").unwrap_or_default().to_owned();
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let index = spans.len();
            spans.push(received(span, &service, &resource, index)?);
        }
    }
    Ok(spans)
}

/// The body a collector answers with: complete success when `rejected` is 0 and `message` is empty.
#[must_use]
pub fn partial_success_response(rejected: i64, message: &str) -> Vec<u8> {
    let partial_success = (rejected != 0 || !message.is_empty())
        .then(|| ExportTracePartialSuccess { rejected_spans: rejected, error_message: message.to_owned() });
    ExportTraceServiceResponse { partial_success }.encode_to_vec()
}

impl ReceivedSpan {
    /// The attribute of this name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The attribute of this name, if it is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        text(&self.attributes, name)
    }
}

impl Kind {
    /// The name in capitals, as the specification writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "UNSPECIFIED",
            Self::Internal => "INTERNAL",
            Self::Server => "SERVER",
            Self::Client => "CLIENT",
            Self::Producer => "PRODUCER",
            Self::Consumer => "CONSUMER",
        }
    }

    const fn from_number(number: i32) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }
}

fn received(
    span: Span,
    service: &str,
    resource: &Arc<Vec<(String, Value)>>,
    index: usize,
) -> Result<ReceivedSpan, DecodeError> {
    let span_id = |id: &[u8]| {
        let bytes = id.len();
        id.try_into().ok().filter(|id| *id != [0; 8]).ok_or(DecodeError::SpanId { index, bytes })
    };
    let trace_id = span.trace_id.as_slice().try_into().ok().filter(|id| *id != [0; 16]);
    let status = span.status.unwrap_or_default();
    Ok(ReceivedSpan {
        service: service.to_owned(),
        resource: Arc::clone(resource),
        trace_id: trace_id.ok_or(DecodeError::TraceId { index, bytes: span.trace_id.len() })?,
        span_id: span_id(&span.span_id)?,
        parent_id: if span.parent_span_id.is_empty() { None } else { Some(span_id(&span.parent_span_id)?) },
        name: span.name,
        kind: Kind::from_number(span.kind),
        start_unix_nano: span.start_time_unix_nano,
        end_unix_nano: span.end_time_unix_nano,
        status: match StatusCode::try_from(status.code) {
            Ok(StatusCode::Ok) => Status::Ok,
            Ok(StatusCode::Error) => Status::Error(status.message),
            _ => Status::Unset,
        },
        attributes: attributes(span.attributes),
        trace_state: span.trace_state,
        flags: span.flags,
    })
}

fn attributes(pairs: Vec<KeyValue>) -> Vec<(String, Value)> {
    pairs.into_iter().map(|pair| (pair.key, value(pair.value))).collect()
}

fn value(wrapped: Option<Wrapped>) -> Value {
    match wrapped.and_then(|wrapped| wrapped.value) {
        Some(AnyValue::StringValue(text)) => Value::Text(text),
        Some(AnyValue::IntValue(number)) => Value::Int(number),
        Some(AnyValue::BoolValue(truth)) => Value::Bool(truth),
        Some(AnyValue::DoubleValue(number)) => Value::Float(number),
        Some(other) => Value::Other(format!("{other:?}")),
        None => Value::Other(String::new()),
    }
}

fn text<'a>(attributes: &'a [(String, Value)], name: &str) -> Option<&'a str> {
    attributes.iter().find_map(|(key, value)| match value {
        Value::Text(text) if key == name => Some(text.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;

//! A span as the collector decoded it, with short ways to look at it.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

/// Attributes by key.
pub type Attributes = BTreeMap<String, Value>;

/// A decoded span with its resource.
#[derive(Debug, Clone)]
pub struct Span {
    /// The resource's attributes.
    pub resource: Attributes,
    /// The span's attributes.
    pub attributes: Attributes,
    /// Everything else.
    pub raw: opentelemetry_proto::tonic::trace::v1::Span,
}

impl Span {
    /// Every span of one export request.
    ///
    /// # Panics
    /// When an attribute occurs twice or has no value.
    #[must_use]
    pub fn all(request: &ExportTraceServiceRequest) -> Vec<Self> {
        let mut spans = Vec::new();
        for group in &request.resource_spans {
            let resource = attributes(group.resource.as_ref().map_or(&[], |resource| resource.attributes.as_slice()));
            for raw in group.scope_spans.iter().flat_map(|scope| &scope.spans) {
                spans.push(Self {
                    resource: resource.clone(),
                    attributes: attributes(&raw.attributes),
                    raw: raw.clone(),
                });
            }
        }
        spans
    }

    /// The trace id in hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        hex(&self.raw.trace_id)
    }

    /// The span id in hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&self.raw.span_id)
    }

    /// The parent's id in hexadecimal digits; empty at a root.
    #[must_use]
    pub fn parent(&self) -> String {
        hex(&self.raw.parent_span_id)
    }

    /// Whether this is a SERVER span.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.raw.kind() == SpanKind::Server
    }

    /// `service.name` of the resource.
    #[must_use]
    pub fn service(&self) -> String {
        text(&self.resource, "service.name")
    }

    /// An attribute as text; empty when it is absent or no text.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        text(&self.attributes, key)
    }

    /// An attribute as an integer; `None` when it is absent or no integer.
    #[must_use]
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.attributes.get(key) {
            Some(Value::IntValue(value)) => Some(*value),
            _ => None,
        }
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.raw.status.as_ref().map_or(StatusCode::Unset, |status| status.code())
    }

    /// How long it took.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        Duration::from_nanos(self.raw.end_time_unix_nano.saturating_sub(self.raw.start_time_unix_nano))
    }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(attributes: &Attributes, key: &str) -> String {
    match attributes.get(key) {
        Some(Value::StringValue(value)) => value.clone(),
        _ => String::new(),
    }
}

fn attributes(pairs: &[KeyValue]) -> Attributes {
    let mut attributes = Attributes::new();
    for pair in pairs {
        let value = pair.value.as_ref().and_then(|value| value.value.clone());
        let value = value.unwrap_or_else(|| panic!("attribute {} has no value", pair.key));
        assert!(attributes.insert(pair.key.clone(), value).is_none(), "attribute {} occurs twice", pair.key);
    }
    attributes
}

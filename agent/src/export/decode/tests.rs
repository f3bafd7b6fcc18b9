//! Bytes that are no export request, and the answers of a collector.
#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use super::*;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};

#[test]
fn bad_input_is_an_error() {
    let with = |trace: usize, span: usize, parent: usize| {
        request(Span {
            trace_id: vec![1; trace],
            span_id: vec![2; span],
            parent_span_id: vec![3; parent],
            ..Span::default()
        })
    };
    let zero = request(Span { trace_id: vec![0; 16], span_id: vec![2; 8], ..Span::default() });
    for (bytes, good, reason) in [
        (with(16, 8, 0), true, "a root"),
        (with(16, 8, 8), true, "a child"),
        (Vec::new(), true, "the empty message holds no spans"),
        (with(15, 8, 0), false, "a trace id one byte short"),
        (with(16, 9, 0), false, "a span id one byte long"),
        (with(16, 8, 7), false, "a parent id one byte short"),
        (with(16, 0, 0), false, "no span id"),
        (zero, false, "an all-zero trace id"),
        (b"GET / HTTP/1.1".to_vec(), false, "text"),
    ] {
        assert_eq!(decode_traces(&bytes).is_ok(), good, "{reason}");
    }
}

#[test]
fn answers_say_what_was_rejected() {
    assert!(partial_success_response(0, "").is_empty(), "complete success has no fields");
    let answer = ExportTraceServiceResponse::decode(partial_success_response(3, "too old").as_slice()).unwrap();
    let partial = answer.partial_success.unwrap();
    assert_eq!((partial.rejected_spans, partial.error_message.as_str()), (3, "too old"));
}

fn request(span: Span) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

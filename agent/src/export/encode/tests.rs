//! What is encoded is what an independent decoder (the generated messages) reads.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test panics")]

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::export::decode::{Kind, ReceivedSpan, Status, Value, decode_traces};
use crate::export::example::{attempt, edge, record};
use crate::trace::counts::Label;
use crate::trace::record::ErrorType;

fn spans(records: &[RequestRecord]) -> Vec<ReceivedSpan> {
    decode_traces(&Encoder::new(&Resource::default()).encode(records)).unwrap()
}

fn int(span: &ReceivedSpan, name: &str) -> Option<i64> {
    match span.attribute(name)? {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

#[test]
fn a_request_is_a_server_span_and_an_attempt() {
    let [server, attempt] = spans(&[record(7, &edge(false))]).try_into().unwrap();
    assert_eq!((server.name.as_str(), server.kind, server.service.as_str()), ("GET", Kind::Server, "shop"));
    assert_eq!((server.parent_id, server.flags), (Some([9; 8]), 0x303));
    assert_eq!((server.start_unix_nano, server.end_unix_nano), (1_700_000_000_000_000_000, 1_700_000_000_003_000_000));
    for (key, value) in [
        ("http.request.method", "GET"),
        ("url.path", "/cart"),
        ("url.query", "a=1&sig=REDACTED"),
        ("url.scheme", "http"),
        ("server.address", "shop.example"),
        ("client.address", "203.0.113.9"),
        ("network.peer.address", "10.0.0.7"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "Checkly/1.0"),
        ("user_agent.synthetic.type", "test"),
    ] {
        assert_eq!(server.text(key), Some(value), "{key}");
    }
    for (key, value) in [("http.response.status_code", 200), ("server.port", 80), ("network.peer.port", 40_000)] {
        assert_eq!(int(&server, key), Some(value), "{key}");
    }
    assert_eq!((attempt.kind, attempt.parent_id, attempt.flags), (Kind::Internal, Some(server.span_id), 0x103));
    assert_eq!((attempt.text("server.address"), int(&attempt, "server.port")), (Some("127.0.0.1"), Some(8080)));
    assert_eq!(attempt.attribute("throughline.upstream.connection_reused"), Some(&Value::Bool(false)));
    assert_eq!(attempt.attribute("throughline.upstream.connect.duration"), Some(&Value::Float(0.000_25)));
    assert_eq!(attempt.attribute("throughline.upstream.first_byte.duration"), Some(&Value::Float(0.001)));
    assert_eq!(attempt.attribute("http.request.resend_count"), None);
    for span in [&server, &attempt] {
        assert_eq!(span.trace_state, "foo=1 , checkly=true", "white space is the sender's");
        assert_eq!(span.status, Status::Unset);
    }
}

#[test]
fn statuses_follow_the_conventions() {
    use ErrorType::{ClientAbort, ConnectRefused, Refused, UpstreamClosed};
    for (status, error, server_fails, attempt_fails, error_type, reason) in [
        (Some(200), None, false, false, [None, None], "success"),
        (Some(404), None, false, true, [None, Some("404")], "4xx is the client's fault, not the server's"),
        (Some(503), None, true, true, [Some("503"), Some("503")], "5xx"),
        (None, Some(ClientAbort), false, false, [Some("client_abort"); 2], "the client went away"),
        (Some(502), Some(ConnectRefused), true, true, [Some("connect_refused"); 2], "the name says more than 502"),
        (Some(200), Some(UpstreamClosed), true, true, [Some("upstream_closed"); 2], "cut short after a good head"),
        (Some(400), Some(Refused), false, true, [Some("refused"); 2], "the proxy refused a bad request"),
    ] {
        let mut record = record(1, &edge(true));
        (record.status, record.error) = (status, error);
        let attempt = record.attempts[0].as_mut().unwrap();
        (attempt.status, attempt.error) = (status, error);
        let [server, attempt] = spans(&[record]).try_into().unwrap();
        assert_eq!(server.status != Status::Unset, server_fails, "server: {reason}");
        assert_eq!(attempt.status != Status::Unset, attempt_fails, "attempt: {reason}");
        assert_eq!([server.text("error.type"), attempt.text("error.type")], error_type, "{reason}");
    }
}

#[test]
fn methods_names_and_urls() {
    for (method, name, known, reason) in [
        (&b"DELETE"[..], "DELETE", true, "RFC 9110"),
        (b"get", "HTTP", false, "methods are case-sensitive"),
        (b"BREW\xff", "HTTP", false, "unknown, and not UTF-8"),
        (b"", "HTTP", false, "none was read"),
    ] {
        let mut record = record(1, &edge(true));
        record.method = record.arena.push(method);
        let [server, attempt] = spans(&[record]).try_into().unwrap();
        assert_eq!((server.name.as_str(), attempt.name.as_str()), (name, name), "{reason}");
        let original = (!known).then(|| String::from_utf8_lossy(method).into_owned());
        assert_eq!(server.text("http.request.method_original").map(str::to_owned), original, "{reason}");
        assert_eq!(server.text("http.request.method") == Some("_OTHER"), !known, "{reason}");
        assert_eq!(attempt.text("url.full"), Some("http://127.0.0.1:8080/cart?a=1&sig=REDACTED"));
        assert_eq!(attempt.kind, Kind::Client);
    }
}

#[test]
fn a_second_attempt_is_a_resend_and_edges_keep_apart() {
    let (shop, cart) = (edge(false), Arc::new(Edge { service_name: "cart".to_owned(), ..edge_parts() }));
    let mut encoder = Encoder::new(&Resource::detect(&[("service.name".to_owned(), "never".to_owned())]));
    for _ in 0..2 {
        let mut retried = record(1, &shop);
        retried.attempts[1] = Some(attempt(5, &mut retried.arena));
        let bytes = encoder.encode(&[retried, record(2, &cart)]);
        let request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        assert_eq!(request.resource_spans.len(), 2, "one for each edge");
        assert_eq!(request.resource_spans[0].schema_url, SCHEMA_URL);
        assert_eq!(request.resource_spans[0].scope_spans[0].scope.as_ref().unwrap().name, "throughline");
        let spans = decode_traces(&bytes).unwrap();
        let services: Vec<_> = spans.iter().map(|span| span.service.as_str()).collect();
        assert_eq!(services, ["shop", "shop", "shop", "cart", "cart"]);
        assert_eq!(int(&spans[2], "http.request.resend_count"), Some(1));
    }
    assert!(encoder.encode(&[]).is_empty());
}

fn edge_parts() -> Edge {
    Arc::into_inner(edge(false)).unwrap()
}

proptest! {
    #[test]
    fn any_record_comes_back(
        number in 0..u64::MAX - 1,
        texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 9),
        ports in any::<(u16, u16)>(),
        status in proptest::option::of(0u16..1000),
        error in proptest::option::of(0..ErrorType::ALL.len()),
        flags in any::<u8>(),
        times in any::<(u64, u64)>(),
    ) {
        let mut record = record(number, &edge(number % 2 == 0));
        record.method = record.arena.push(&texts[0]);
        record.trace_state = record.arena.push(&texts[1]);
        record.path = record.arena.push(&texts[2]);
        record.query = record.arena.push(&texts[3]);
        record.host = record.arena.push(&texts[4]);
        record.user_agent = record.arena.push(&texts[5]);
        record.client_address = record.arena.push(&texts[6]);
        record.peer_address = record.arena.push(&texts[7]);
        record.error_message = record.arena.push(&texts[8]);
        (record.host_port, record.peer_port) = ports;
        record.status = status;
        record.error = error.map(|index| ErrorType::ALL[index]);
        record.flags = crate::trace::ids::Flags::from_byte(flags);
        (record.start_unix_nano, record.end) = times;
        let ids = (*record.trace_id.bytes(), *record.server_id.bytes());
        let spans = spans(&[record]);
        prop_assert_eq!(spans.len(), 2);
        let server = &spans[0];
        prop_assert_eq!((server.trace_id, server.span_id), ids);
        prop_assert_eq!((server.start_unix_nano, server.end_unix_nano), (times.0, times.0.saturating_add(times.1)));
        prop_assert_eq!(server.flags & 0xff, u32::from(flags));
        prop_assert_eq!(&server.trace_state, &String::from_utf8_lossy(&texts[1]));
        for (key, bytes) in [("url.path", &texts[2]), ("url.query", &texts[3]), ("user_agent.original", &texts[5])] {
            let expected = (key == "url.path" || !bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
            prop_assert_eq!(server.text(key).map(str::to_owned), expected);
        }
        prop_assert_eq!(int(server, "http.response.status_code"), status.map(i64::from));
        if let Status::Error(message) = &server.status {
            prop_assert_eq!(message, &String::from_utf8_lossy(&texts[8]));
        }
    }
}

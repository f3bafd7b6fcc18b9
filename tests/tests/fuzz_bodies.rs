//! The bodies of the fuzz targets on a bounded number of generated inputs, near to valid ones and far from them.

use proptest::prelude::*;
use throughline::{config, gap, http, probe, trace, workload};

#[path = "../fuzz/src/bodies.rs"]
#[expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a broken promise fails the test")]
#[expect(unreachable_pub, reason = "the fuzz targets are other crates")]
mod bodies;

/// Any bytes, or text made of the pieces that headers are made of.
fn input(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let text =
        prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![prop::collection::vec(any::<u8>(), 0..100), text]
}

/// A valid `traceparent` with one byte replaced.
fn near_traceparent() -> impl Strategy<Value = Vec<u8>> {
    (0..60usize, any::<u8>()).prop_map(|(at, byte)| {
        let mut value = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_vec();
        if let Some(place) = value.get_mut(at) {
            *place = byte;
        } else {
            value.push(byte);
        }
        value
    })
}

const STATE: &[&str] =
    &["checkly", "=", "true", ",", " ", "\t", "\n", "a", "B", "0", "@", "é", "foo=1", ",x=y", ",checkly=true"];
const QUERY: &[&str] =
    &["token", "key", "=", "&", ";", "?", "%5f", "%", "[", "]", ".", "-", "a", "hidden", "sig=", "&api_key="];

const FILE: &[&str] = &[
    "file_format: \"1\"\n",
    "proxies:\n",
    "  - listen: ",
    ":0\n",
    "    upstream: ",
    "http://a\n",
    "    service: ",
    "a\n",
    "    admission: off\n",
    "    timeouts: {read: ",
    "5",
    "s}\n",
    "    trust: [10.0.0.0/8]\n",
    "    egress: {listen: '127.0.0.1:1', allow: [",
    "*",
    "]}\n",
    "export:\n",
    "  headers: {a: b}\n",
    "  endpoint: ",
    "${env:A:-",
    "}",
    "$",
    "&a ",
    "*a ",
    "\"",
    "\t",
    "\n",
    "# ",
    "é",
];

/// A file that is one, with something put into it.
fn near_file() -> impl Strategy<Value = Vec<u8>> {
    const WHOLE: &str = "file_format: 1\nproxies:\n  - listen: ':0'\n    upstream: http://a\n    service: a\n    \
        timeouts: {read: 5m}\n    admission: {rate: 2}\nexport: {to: otlp, queue: {max_size: 90, max_batch: 9}}\n\
        stop: {drain: 2s}\nreport: {suppress: [G104], scope: [x]}\n";
    (0..WHOLE.len(), prop::sample::select(FILE), 0..3usize).prop_map(|(at, piece, cut)| {
        let (before, after) = WHOLE.split_at(at);
        format!("{before}{piece}{}", after.get(cut..).unwrap_or_default()).into_bytes()
    })
}

const LINE: &[&str] = &[
    "{\"dir\":\"in\",\"service\":\"cart\",\"method\":\"GET\",\"route\":\"/\",\"start\":5",
    ",\"traceparent\":[\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"]",
    ",\"tracestate\":[\"checkly=true\"]",
    ",\"mark\":\"other\"",
    ",\"peer\":{\"address\":\"[::1]:80\"}",
    ",\"completeness\":\"lost\"",
    ",\"has_tracestate\":true",
    ",\"end\":0",
    ",\"x\":[{}]",
    "}\n",
    "\n",
    "{\"schema\":\"throughline.observations\",\"version\":1}\n",
    "{\"schema\":\"throughline.observations\",\"version\":2}\n",
    "\u{0}",
    "\\u0000",
];

const PROCESS: &[&str] = &[
    "0::",
    "1:name=systemd:",
    "/kubepods.slice",
    "/pod",
    "-podb6d5c0de_1f2a_4b3c_8d4e_5f60718293a4.slice",
    "/docker/",
    "/cri-containerd-",
    "8c1e5f6b2d3a4958b7c6d5e4f3a2b1c08c1e5f6b2d3a4958b7c6d5e4f3a2b1c0",
    ".scope",
    ".service",
    "\n",
    "\0",
    "python",
    "-m",
    "-c",
    "gunicorn: master [",
    "]",
    "shop:app",
    "--app",
    "=",
    "-jar",
    "OTEL_SERVICE_NAME=",
    "OTEL_RESOURCE_ATTRIBUTES=service.name=",
    "NODE_OPTIONS=--require @opentelemetry/x",
    "\u{7f}ELF\u{2}\u{1}\u{1}",
    "7f1c-7f1d r-xp 0 08:01 7 /usr/lib/",
    "libjvm.so",
    " (deleted)",
    "77 (cat) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19",
    "(",
    ")",
    " ",
    "ä",
];

proptest! {
    #[test]
    fn config_file(value in prop_oneof![near_file(), input(FILE)]) {
        bodies::config(&value);
    }

    #[test]
    fn http1(value in prop::collection::vec(0..16_u8, 0..60)) {
        bodies::http1(&value);
    }

    #[test]
    fn http2(value in prop::collection::vec(prop_oneof![0..9_u8, any::<u8>()], 0..100)) {
        bodies::http2(&value);
    }

    #[test]
    fn recognise(value in input(&["GET ", "/", "PRI * HTTP/2.0", "\r\n", "HTTP/1.", "PROXY TCP4 ", "\0", "\u{1}", "Q"])) {
        bodies::recognise(&value);
    }

    #[test]
    fn process(kind in 0..6_u8, value in input(PROCESS)) {
        bodies::process(&[vec![kind], value].concat());
    }

    #[test]
    fn records(value in prop::collection::vec(any::<u8>(), 0..300)) {
        bodies::records(&value);
    }

    #[test]
    fn recording(value in input(LINE)) {
        bodies::recording(&value);
    }

    #[test]
    fn traceparent(value in prop_oneof![near_traceparent(), input(&["00", "-", "f", "0f", "A", " "])]) {
        bodies::traceparent(&value);
    }

    #[test]
    fn tracestate(value in input(STATE)) {
        bodies::tracestate(&value);
    }

    #[test]
    fn decision(head in prop::collection::vec(any::<u8>(), 9), rest in prop_oneof![near_traceparent(), input(STATE)]) {
        bodies::decision(&[head, rest].concat());
    }

    #[test]
    fn redact(value in input(QUERY)) {
        bodies::redact(&value);
    }

    #[test]
    fn decode(first in near_traceparent(), second in input(STATE)) {
        bodies::decode(&[first, b"\n".to_vec(), second].concat());
    }
}

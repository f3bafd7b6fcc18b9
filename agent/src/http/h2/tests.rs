//! Conversations of HTTP/2, each with what is told of it.

use crate::http::recognise::PREFACE;
use crate::http::script::Step::{self, Answer, AnswerHole, Ask, AskHole};
use crate::http::script::{fresh, play, told, words};
use crate::http::{Connection, Event, Limits, RequestHead, Version};

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// `:method: GET`, `:scheme: http`, `:path: /`.
const GET: &[u8] = b"\x82\x86\x84";
/// `:status: 200`.
const OK: &[u8] = b"\x88";

/// Bytes of hexadecimal digits.
pub(super) fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    [length.get(1..).unwrap_or_default(), &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A client's bytes: preface, settings and these frames.
fn client(frames: &[Vec<u8>]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]), &frames.concat()].concat()
}

fn server(frames: &[Vec<u8>]) -> Vec<u8> {
    [frame(SETTINGS, 0, 0, &[]), frames.concat()].concat()
}

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, GET)
}

fn ok(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, OK)
}

/// What went one way after the settings.
type Frames<'a> = &'a [Vec<u8>];

/// Plays what the client sent and then what the server sent.
fn both(asked: &[Vec<u8>], answered: &[Vec<u8>], reason: &str) -> String {
    let told = told(fresh, &[Ask(&client(asked)), Answer(&server(answered))], reason);
    told.strip_prefix("Http2 ").map(str::to_owned).unwrap_or(told)
}

#[test]
fn frames_are_read_into_exchanges() {
    let headers = |flags, stream, block: &[u8]| frame(HEADERS, flags | END_HEADERS, stream, block);
    let padded = [&[3], GET, &[0, 0, 0]].concat();
    let weighted = [&[0x80, 0, 0, 3, 200], GET].concat();
    let everything = [&[2, 0, 0, 0, 0, 9], GET, &[0, 0]].concat();
    let promise = [&[0, 0, 0, 2], b"\x82\x86\x44\x02/p".as_slice()].concat();
    let rows: &[(Frames<'_>, Frames<'_>, &str, &str)] = &[
        (&[get(1)], &[ok(1)], "0:GET/ 0. 0=200 0!", "RFC 9113, section 8.1"),
        (&[get(1), get(3)], &[ok(3), ok(1)], "0:GET/ 0. 1:GET/ 1. 1=200 1! 0=200 0!", "in another order"),
        (
            &[headers(0, 1, GET), frame(DATA, 0, 1, b"ab"), get(3), frame(DATA, END_STREAM, 1, b"")],
            &[headers(0, 1, OK), ok(3), frame(DATA, END_STREAM, 1, b"xyz")],
            "0:GET/ 1:GET/ 1. 0. 0=200 1=200 1! 0!",
            "content on interleaved streams (5.1)",
        ),
        (
            &[headers(0, 1, GET), headers(END_STREAM, 1, b"\0\x01a\x01b")],
            &[headers(0, 1, OK), frame(DATA, 0, 1, b"x"), headers(END_STREAM, 1, b"\0\x01a\x01b")],
            "0:GET/ 0. 0=200 0!",
            "trailers, both ways (8.1)",
        ),
        (
            &[get(1)],
            &[headers(0, 1, b"\x08\x03103"), headers(0, 1, b"\x08\x03100"), ok(1)],
            "0:GET/ 0. 0:103 0:100 0=200 0!",
            "interim answers (8.1)",
        ),
        (&[headers(PADDED | END_STREAM, 1, &padded)], &[], "0:GET/ 0.", "padding (6.2)"),
        (&[headers(PRIORITY | END_STREAM, 1, &weighted)], &[], "0:GET/ 0.", "a priority (6.2)"),
        (&[headers(PADDED | PRIORITY | END_STREAM, 1, &everything)], &[], "0:GET/ 0.", "both"),
        (&[headers(PADDED, 1, &[9, 1])], &[], "Malformed", "more padding than frame (6.2)"),
        (&[headers(PRIORITY, 1, &[9, 1])], &[], "Malformed", "half a priority"),
        (
            &[
                frame(HEADERS, END_STREAM, 1, b"\x82"),
                frame(CONTINUATION, 0, 1, b"\x86"),
                frame(CONTINUATION, END_HEADERS, 1, b"\x84"),
            ],
            &[],
            "0:GET/ 0.",
            "a block in pieces (6.10)",
        ),
        (&[frame(HEADERS, 0, 1, b"\x82"), frame(PING, 0, 0, &[0; 8])], &[], "Malformed", "a frame within a block"),
        (
            &[frame(HEADERS, 0, 1, b"\x82"), frame(CONTINUATION, 4, 3, b"")],
            &[],
            "Malformed",
            "another stream within a block",
        ),
        (&[frame(CONTINUATION, END_HEADERS, 1, GET)], &[], "Malformed", "a piece of no block"),
        (&[headers(0, 0, GET)], &[], "Malformed", "stream 0 bears no request (5.1.1)"),
        (&[get(1)], &[frame(RST_STREAM, 0, 1, &[0; 4])], "0:GET/ 0. 0-reset", "reset by the server (6.4)"),
        (
            &[headers(0, 1, GET), frame(RST_STREAM, 0, 1, &[0; 4]), get(3)],
            &[headers(0, 1, OK), ok(3)],
            "0:GET/ 0-reset 1:GET/ 1. 1=200 1!",
            "reset by the client while the answer is under way (5.1)",
        ),
        (
            &[headers(0, 1, GET)],
            &[ok(1), frame(RST_STREAM, 0, 1, &[0; 4])],
            "0:GET/ 0=200 0!",
            "the rest of a request is not wanted (8.1)",
        ),
        (
            &[get(1), get(3), get(5)],
            &[frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]), ok(1)],
            "0:GET/ 0. 1:GET/ 1. 2:GET/ 2. 1-reset 2-reset 0=200 0!",
            "the server goes away (6.8)",
        ),
        (
            &[get(1)],
            &[
                frame(PUSH_PROMISE, END_HEADERS, 1, &promise),
                headers(END_STREAM, 2, b"\x48\x03418"),
                headers(END_STREAM, 1, b"\xbe"),
            ],
            "0:GET/ 0. 0=418 0!",
            "a pushed answer is no exchange, but fills the table (8.4)",
        ),
        (&[frame(0xee, 0xff, 7, b"any"), get(1)], &[], "0:GET/ 0.", "a type that is not known (5.5)"),
        (&[headers(END_STREAM, 1, b"\x42\x07CONNECT\x41\x03a:1")], &[], "0:CONNECTa:1 0.", "CONNECT (8.5)"),
        (&[get(3), get(1)], &[ok(3)], "0:GET/ 0. 0=200 0!", "a stream that was passed over is closed (5.1.1)"),
        (&[get(1)], &[headers(0, 1, b"\x08\x0220"), ok(1)], "0:GET/ 0. 0=200 0!", "no status"),
    ];
    for (asked, answered, expected, reason) in rows {
        assert_eq!(both(asked, answered, reason), *expected, "{reason}");
    }
}

#[test]
fn what_a_block_says_is_kept() {
    let block = b"\x82\x86\x44\x05/a?b=\x41\x04shop\x40\x0btraceparent\x0400-a\x40\x0atracestate\x0d checkly=true\x40\x0atracestate\x01x\
        \x7a\x07Checkly\x40\x0fx-forwarded-for\x01y";
    let asked = client(&[frame(HEADERS, END_HEADERS | END_STREAM, 1, block)]);
    let events = play(&mut fresh(), &[Ask(&asked)], 5);
    let Some(head) = events.iter().find_map(request) else { unreachable!("{events:?}") };
    assert_eq!((&*head.method, &*head.target, head.version), ("GET", "/a?b=", Version::Http2));
    assert_eq!(head.host.as_deref(), Some("shop"));
    assert_eq!(head.traceparent, ["00-a".into()]);
    assert_eq!(head.tracestate, ["checkly=true".into(), std::sync::Arc::<str>::from("x")]);
    assert!(head.is_synthetic && head.is_relayed && !head.is_cut);
}

#[test]
fn a_hole_in_content_costs_nothing_and_any_other_the_connection() {
    let begun = |frames: &[Vec<u8>], more: &[u8]| [client(frames), more.to_vec()].concat();
    let post = frame(HEADERS, END_HEADERS, 1, GET);
    let data = [0, 0, 100, DATA, END_STREAM, 0, 0, 0, 1, b'x'];
    let rows: &[(Vec<u8>, u64, &str, &str)] = &[
        (begun(std::slice::from_ref(&post), &data), 99, "0:GET/ 0. 1:GET/ 1.", "the rest of a DATA frame"),
        (begun(std::slice::from_ref(&post), &data), 100, "0:GET/ Hole", "more than that"),
        (begun(std::slice::from_ref(&post), &[]), 9, "0:GET/ Hole", "a frame"),
        (begun(&[], &[0, 0, 3, HEADERS, END_HEADERS, 0, 0, 0, 1, 0x82]), 2, "Hole", "the rest of a HEADERS frame"),
    ];
    for (bytes, hole, expected, reason) in rows {
        let asked = told(fresh, &[Ask(bytes), AskHole(*hole), Ask(&get(3)), Ask(&get(5))], reason);
        let asked = asked.replace(" 2:GET/ 2.", "");
        assert_eq!(asked.strip_prefix("Http2 "), Some(*expected), "{reason}");
    }
}

#[test]
fn an_upgraded_request_goes_on_as_stream_1() {
    let ask = Ask(
        b"GET /up HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    let switching = |frames: &[u8]| [b"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", frames].concat();
    let (asked, answered) = (client(&[get(3)]), server(&[ok(1)]));
    let rows: &[(&[Step<'_>], &str, &str)] = &[
        (
            &[ask, Answer(&switching(&answered)), Ask(&asked), Answer(&ok(3))],
            "0:GET/up 0. Http2 0=200 0! 1:GET/ 1. 1=200 1!",
            "RFC 7540, section 3.2",
        ),
        (
            &[ask, Answer(&switching(&[])), Ask(&asked), Answer(&server(&[ok(3), ok(1)]))],
            "0:GET/up 0. Http2 1:GET/ 1. 1=200 1! 0=200 0!",
            "the client is faster",
        ),
        (
            &[ask, Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Ask(b"GET / HTTP/1.1\r\n\r\n")],
            "0:GET/up 0. 0=200 0! 1:GET/ 1.",
            "the server does not speak it",
        ),
        (
            &[ask, Answer(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n"), Ask(&asked)],
            "0:GET/up 0. 0=101 0-switched",
            "something else",
        ),
    ];
    for (steps, expected, reason) in rows {
        assert_eq!(told(fresh, steps, reason), *expected, "{reason}");
    }
}

#[test]
fn the_server_may_speak_first_and_answers_may_be_seen_before_requests() {
    let (asked, answered) = (client(&[get(1), get(3)]), server(&[]));
    let early = [ok(1), frame(HEADERS, END_HEADERS, 3, b"\x08\x03103")].concat();
    let steps = [Answer(&answered), Answer(&early), Ask(&asked), Answer(&ok(3))];
    assert_eq!(told(fresh, &steps, "early"), "Http2 0:GET/ 0=200 0! 0. 1:GET/ 1:103 1. 1=200 1!");
}

#[test]
fn everything_is_bounded() {
    let limits = Limits { header_list: 200, table: 5000, streams: 3, ..Limits::default() };
    let small = || Connection::new(limits);
    let open = |stream| frame(HEADERS, END_HEADERS, stream, GET);
    let long = frame(HEADERS, END_HEADERS, 1, &[0; 201]);
    let pieces = [frame(HEADERS, 0, 1, &[0x82; 150]), frame(CONTINUATION, 0, 1, &[0x82; 150])].concat();
    let unfolds = frame(HEADERS, END_HEADERS, 1, &[0x82; 6]);
    let rows: &[(Vec<u8>, &str, &str)] = &[
        (long, "TooLong", "a frame that has to be read"),
        (pieces, "TooLong", "a block"),
        (unfolds, "TooLong", "what a block unfolds to"),
        (frame(HEADERS, END_HEADERS, 1, b"\x3f\xea\x26"), "TooLong", "the table"),
        ([1, 3, 5, 7].map(open).concat(), "0:GET/ 1:GET/ 2:GET/ TooMany", "streams"),
    ];
    for (bytes, expected, reason) in rows {
        let told = told(small, &[Ask(&client(std::slice::from_ref(bytes)))], reason);
        assert_eq!(told.strip_prefix("Http2 "), Some(*expected), "{reason}");
    }
    // Streams that were answered make room, though the client goes on sending.
    let steps = [Ask(&client(&[1, 3, 5].map(open))), Answer(&server(&[1, 3, 5].map(ok))), Ask(&open(7))];
    assert!(words(&play(&mut small(), &steps, 9)).ends_with("3:GET/"));
}

#[test]
fn an_answer_with_a_hole_in_content_ends() {
    let answered = server(&[frame(HEADERS, END_HEADERS, 1, OK)]);
    let data = [0, 1, 0, DATA, END_STREAM, 0, 0, 0, 1];
    let steps = [Ask(&client(&[get(1)])), Answer(&answered), Answer(&data), AnswerHole(256)];
    assert_eq!(told(fresh, &steps, "hole"), "Http2 0:GET/ 0. 0=200 0!");
}

fn request(event: &Event) -> Option<&RequestHead> {
    if let Event::Request { head, .. } = event { Some(head) } else { None }
}

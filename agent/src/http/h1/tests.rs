//! Conversations of HTTP/1, each with what is told of it.

use crate::http::script::Step::{self, Answer, AnswerHole, Ask, AskHole, Close};
use crate::http::script::{fresh, play, told, words};
use crate::http::{Connection, Event, Limits, Lost, RequestHead, Version};

const GET: Step<'_> = Ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
const OK: Step<'_> = Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
/// What is told of both, as the first exchange.
const GOOD: &str = "0:GET/ 0. 0=200 0!";

#[test]
fn messages_end_where_the_specification_says() {
    let rows: &[(&[Step<'_>], &str, &str)] = &[
        (&[GET, OK, GET, OK], "0:GET/ 0. 0=200 0! 1:GET/ 1. 1=200 1!", "kept alive (RFC 9112, section 9.3)"),
        (
            &[Ask(b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"), Answer(b"HTTP/1.1 204 x\r\n\r\nHTTP/1.1 304 x\r\n\r\n")],
            "0:GET/a 0. 1:GET/b 1. 0=204 0! 1=304 1!",
            "pipelined (section 9.3.2); 204 and 304 have no content (6.3, rule 1)",
        ),
        (
            &[Ask(b"HEAD / HTTP/1.1\r\n\r\n"), Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), GET, OK],
            "0:HEAD/ 0. 0=200 0! 1:GET/ 1. 1=200 1!",
            "HEAD has no content, whatever the length says (rule 1)",
        ),
        (
            &[GET, Answer(b"HTTP/1.1 204 x\r\nContent-Length: 9\r\n\r\n"), GET, OK],
            "0:GET/ 0. 0=204 0! 1:GET/ 1. 1=200 1!",
            "204 has none either",
        ),
        (
            &[Ask(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), OK],
            "0:POST/ 0. 0=200 0!",
            "a length (rule 6)",
        ),
        (
            &[Ask(b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3, 3\r\n\r\nabc"), OK],
            "0:POST/ 0. 0=200 0!",
            "equal lengths are one (rule 5)",
        ),
        (
            &[Ask(b"POST / HTTP/1.1\r\nContent-Length: 9\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), OK],
            "0:POST/ 0. 0=200 0!",
            "chunks go before a length (rule 3)",
        ),
        (
            &[GET, Answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n"), GET, OK],
            "0:GET/ 0. 0=200 0! 1:GET/ 1. 1=200 1!",
            "chunks with trailers (7.1.2)",
        ),
        (
            &[GET, Answer(b"HTTP/1.0 200 OK\r\n\r\nany"), Answer(b"thing"), Close],
            GOOD,
            "until the connection is closed (rule 8)",
        ),
        (
            &[GET, Answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx"), Close],
            GOOD,
            "so is a coding that is not chunked at last (rule 4)",
        ),
        (
            &[GET, Answer(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx"), Close],
            GOOD,
            "and chunks with HTTP/1.0 (6.1)",
        ),
        (&[GET, Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"), Close], "0:GET/ 0. 0=200", "a whole answer is longer"),
        (
            &[GET, Answer(b"HTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 103 x\r\n\r\n"), OK],
            "0:GET/ 0. 0:103 0:103 0=200 0!",
            "interim answers (RFC 9110, section 15.2)",
        ),
        (
            &[
                Ask(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"),
                Answer(b"HTTP/1.1 100 Continue\r\n\r\n"),
                Ask(b"GET"),
                OK,
            ],
            "0:PUT/ 0:100 0. 0=200 0!",
            "content after 100 (RFC 9110, section 10.1.1), even if it looks like a request",
        ),
        (
            &[Ask(b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"), Answer(b"HTTP/1.1 413 x\r\nContent-Length: 0\r\n\r\n"), Ask(b"defghi")],
            "0:PUT/ 0=413 0!",
            "an answer before the end of the request (RFC 9110, section 7.5)",
        ),
        (
            &[Ask(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"), Answer(b"HTTP/1.1 101 x\r\n\r\n\x81\x02hi"), Ask(b"\x81"), Close],
            "0:GET/ 0. 0=101 0-switched",
            "another protocol (RFC 9110, section 7.8)",
        ),
        (
            &[Ask(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"), OK, GET, OK],
            "0:GET/ 0. 0=200 0! 1:GET/ 1. 1=200 1!",
            "not upgraded",
        ),
        (
            &[Ask(b"CONNECT a:443 HTTP/1.1\r\n\r\n"), Answer(b"HTTP/1.1 200 x\r\n\r\n\x16\x03"), Ask(b"\x16\x03")],
            "0:CONNECTa:443 0. 0=200 0-switched",
            "a tunnel (6.3, rule 2)",
        ),
        (
            &[Ask(b"CONNECT a:443 HTTP/1.1\r\n\r\n"), Answer(b"HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n"), GET, OK],
            "0:CONNECTa:443 0. 0=403 0! 1:GET/ 1. 1=200 1!",
            "a tunnel refused",
        ),
    ];
    for (steps, expected, reason) in rows {
        assert_eq!(told(fresh, steps, reason), *expected, "{reason}");
    }
}

#[test]
fn heads_are_read_as_servers_read_them() {
    let rows: &[(&[u8], &str, &str)] = &[
        (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", "0:GET/ 0.", "line ends before it (RFC 9112, section 2.2)"),
        (b"GET / HTTP/1.1\n\n", "0:GET/ 0.", "line feeds alone (2.2)"),
        (
            b"GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n",
            "0:GET/ 0.",
            "a line of white space after the first is passed over (2.2)",
        ),
        (b"GET /\tHTTP/1.1 \r\n\r\n", "0:GET/ 0.", "white space of other kinds (3)"),
        (b"GET /a b HTTP/1.1\r\n\r\n", "0:GET/a b 0.", "a space in the target"),
        (b"POST / HTTP/1.1\r\nContent-Length:\r\n 3\r\n\r\nabc", "0:POST/ 0.", "a value on the next line (5.2)"),
        (b"POST / HTTP/1.1\r\nContent-Length : 3\r\n\r\n", "0:POST/ 0.", "space before the colon: no field (5.1)"),
        (b"GET / HTTP/1.2\r\n\r\n", "0:GET/ 0.", "a later minor version (RFC 9110, section 6.2)"),
        (b"GET / HTTP/2.0\r\n\r\n", "Malformed", "another major version"),
        (b"GET /\r\n\r\n", "Malformed", "HTTP/0.9"),
        (b"GET / http/1.1\r\n\r\n", "Malformed", "the name is case-sensitive (2.3)"),
        (
            b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "0:GET/",
            "no length: where it ends is not known (6.3, rule 5)",
        ),
        (b"GET / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n", "0:GET/", "two lengths (rule 5)"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "0:GET/", "not chunked at last (rule 4)"),
    ];
    for (bytes, expected, reason) in rows {
        assert_eq!(told(fresh, &[Ask(bytes)], reason), *expected, "{reason}");
    }
}

#[test]
fn answers_are_read_as_clients_read_them() {
    let rows: &[(&[u8], &str, &str)] = &[
        (b"HTTP/1.1 200\r\n\r\n", "0:GET/ 0. 0=200", "no reason and no space (RFC 9112, section 4)"),
        (b"HTTP/1.1 200 OK\n\n", "0:GET/ 0. 0=200", "line feeds alone"),
        (b"HTTP/1.1 999 x\r\n\r\n", "0:GET/ 0. 0=999", "any three digits (RFC 9110, section 15)"),
        (b"HTTP/1.1 20 x\r\n\r\n", "0:GET/ 0. Malformed", "two digits"),
        (b"HTTP/1.1 2000 x\r\n\r\n", "0:GET/ 0. Malformed", "four digits"),
        (b"ICY 200 OK\r\n\r\n", "0:GET/ 0. Malformed", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "0:GET/ 0. 0=200 Malformed", "no length (6.3, rule 5)"),
    ];
    for (bytes, expected, reason) in rows {
        assert_eq!(told(fresh, &[GET, Answer(bytes)], reason), *expected, "{reason}");
    }
}

#[test]
fn holes_cost_no_more_than_they_must() {
    let long: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nxx";
    let chunks: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nxx";
    let upload: &[u8] = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nxx";
    let again = " 1:GET/ 1. 1=200 1!";
    let rows: &[(&[Step<'_>], String, &str)] = &[
        (&[GET, Answer(long), AnswerHole(998), GET, OK], format!("{GOOD}{again}"), "the rest of content"),
        (
            &[GET, Answer(chunks), AnswerHole(253), Answer(b"\r\n0\r\n\r\n"), GET, OK],
            format!("{GOOD}{again}"),
            "the rest of a chunk",
        ),
        (
            &[GET, Answer(chunks), AnswerHole(9999), GET, OK],
            format!("{GOOD}?{again}"),
            "chunks: over when the next request begins",
        ),
        (&[GET, Answer(chunks), AnswerHole(9999), Close], "0:GET/ 0. 0=200".into(), "chunks, and no next request"),
        (&[GET, AnswerHole(999), GET, OK], format!("0:GET/ 0. 0!?{again}"), "a whole answer"),
        (
            &[GET, Answer(b"HTTP/1.1 200 OK\r\nA: b"), AnswerHole(9), GET, OK],
            format!("{GOOD}?{again}"),
            "the rest of an answer's head",
        ),
        (
            &[GET, Answer(b"HTTP/1.1 100 x\r\nA: b"), AnswerHole(9), OK],
            "0:GET/ 0. 0:100".into(),
            "the rest of an interim answer's head",
        ),
        (&[Ask(upload), AskHole(9999), OK, GET, OK], format!("0:PUT/ 0=200 0.? 0!{again}"), "chunks of a request"),
        (
            &[Ask(upload), AskHole(9999), Answer(b"HTTP/1.1 100 x\r\n\r\n"), GET, OK],
            "0:PUT/ 0:100 0=200 0.? 0!".into(),
            "a request that may be content",
        ),
        (
            &[Ask(upload), AskHole(9999), Answer(chunks), AnswerHole(9999), GET, OK],
            format!("0:PUT/ 0=200 0.? 0!?{again}"),
            "chunks both ways",
        ),
        (
            &[Ask(b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"), AskHole(9), OK, GET, OK],
            format!("0:PUT/ 0. 0=200 0!{again}"),
            "content",
        ),
        (
            &[Ask(b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"), AskHole(10), OK, GET, OK],
            format!("0:PUT/ 0.? Hole{again}"),
            "content, and more",
        ),
        (
            &[Ask(b"GET /a HTTP/1.1\r\nA: b\r\nC"), AskHole(9), OK, GET, OK],
            format!("0:GET/a~ Hole{again}"),
            "the rest of a head",
        ),
        (&[Ask(b"GET /a"), AskHole(9), OK, GET, OK], format!("Hole{again}"), "the rest of the first line"),
        (&[GET, OK, AskHole(30), OK, GET, OK], format!("{GOOD} Hole{again}"), "a whole request"),
        (
            &[Ask(b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"), Answer(chunks), AnswerHole(9999), GET, OK],
            "0:GET/a 0. 1:GET/b 1. 0=200 0!? Hole 2:GET/ 2. 2=200 2!".into(),
            "which of two answers is over is not known",
        ),
        (&[AskHole(1), GET], "Hole".into(), "the first bytes"),
    ];
    for (steps, expected, reason) in rows {
        assert_eq!(told(fresh, steps, reason), *expected, "{reason}");
    }
}

#[test]
fn connections_that_were_open_are_joined_at_a_request() {
    let rows: &[(&[Step<'_>], &str, &str)] = &[
        (&[GET, OK], GOOD, "at once"),
        (&[Answer(b"rest\r\n\r\n"), GET, OK], GOOD, "after the rest of an answer"),
        (&[Ask(b"rest of content"), OK, GET, OK], GOOD, "after the rest of a request"),
        (&[OK, Ask(b"\x17\x03\x03"), OK, Ask(b"\x17\x03")], "", "never"),
        (&[GET, Answer(b"rest of an answer")], "0:GET/ 0. Malformed", "an answer was still under way"),
        (
            &[OK, GET, Ask(b"GET /b HTTP/1.1\r\n\r\n"), OK, GET, OK],
            "0:GET/ 0. Hole 1:GET/ 1. 1=200 1!",
            "a second request without an answer: the answer to the first may have been missed",
        ),
    ];
    for (steps, expected, reason) in rows {
        assert_eq!(told(|| Connection::joined(Limits::default()), steps, reason), *expected, "{reason}");
    }
}

#[test]
fn answers_seen_before_their_requests_wait_for_them() {
    let rows: &[(&[Step<'_>], &str, &str)] = &[
        (&[OK, GET, GET, OK], "0:GET/ 0. 0=200 0! 1:GET/ 1. 1=200 1!", "the call that wrote returned late"),
        (
            &[Ask(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n9"), AskHole(99), OK, OK, GET, OK],
            "0:PUT/ 0=200 0.? 0! Unseen 1:GET/ 1. 1=200 1!",
            "but not if their request may have gone by with the content of another",
        ),
        (
            &[GET, OK, OK, Ask(b"HEAD / HTTP/1.1\r\n\r\n"), GET, OK],
            "0:GET/ 0. 0=200 0! 1:HEAD/ 1. 1=200 1! 2:GET/ 2. Malformed",
            "it is read as an answer to its request",
        ),
        (&[GET, OK, Answer(&[b'x'; 20_000])], "0:GET/ 0. 0=200 0! Unsolicited", "but not without bound"),
    ];
    for (steps, expected, reason) in rows {
        let events = play(&mut fresh(), steps, usize::MAX);
        assert_eq!(words(&events), *expected, "{reason}");
    }
}

#[test]
fn everything_is_bounded() {
    let small = || Connection::new(Limits { head: 100, pipelined: 3, ..Limits::default() });
    let long = format!("GET / HTTP/1.1\r\nA: b\r\n{}", "x".repeat(200));
    let answer = format!("HTTP/1.1 200 OK\r\n{}", "x".repeat(200));
    let many = "GET / HTTP/1.1\r\n\r\n".repeat(5);
    let rows: &[(&[Step<'_>], &str, &str)] = &[
        (&[Ask(long.as_bytes())], "0:GET/~ TooLong", "a head"),
        (&[GET, Answer(answer.as_bytes()), GET, OK], "0:GET/ 0. 0=200 0!? 1:GET/ 1. 1=200 1!", "an answer's head"),
        (&[Ask(many.as_bytes())], "0:GET/ 0. 1:GET/ 1. 2:GET/ 2. TooMany", "requests without answers"),
    ];
    for (steps, expected, reason) in rows {
        assert_eq!(told(small, steps, reason), *expected, "{reason}");
    }
}

#[test]
fn what_a_head_says_is_kept() {
    let head =
        b"POST /cart?x=1 HTTP/1.0\r\nHOST: shop \r\ntraceParent:  00-a \r\ntracestate: a=1,\r\n checkly=true\r\n\
        Tracestate:\r\nUser-Agent: Checkly/1\r\nVia: 1.1 b\r\n\r\n";
    let events = play(&mut fresh(), &[Ask(head)], 7);
    let Some(head) = events.iter().find_map(request) else { unreachable!("{events:?}") };
    assert_eq!((&*head.method, &*head.target, head.version), ("POST", "/cart?x=1", Version::Http10));
    assert_eq!(head.host.as_deref(), Some("shop"));
    assert_eq!(head.traceparent, ["00-a".into()]);
    assert_eq!(head.tracestate, ["a=1, checkly=true".into(), std::sync::Arc::<str>::from("")]);
    assert!(head.is_synthetic && head.is_relayed && !head.is_cut);
}

#[test]
fn a_lost_connection_says_so_once() {
    let events = play(&mut fresh(), &[GET, Answer(b"x"), Answer(b"y"), AnswerHole(3), AskHole(5), Ask(b"z")], 1);
    let lost = events.iter().filter(|event| matches!(event, Event::Lost(Lost::Malformed))).count();
    assert_eq!(lost, 1, "{events:?}");
}

fn request(event: &Event) -> Option<&RequestHead> {
    if let Event::Request { head, .. } = event { Some(head) } else { None }
}

//! What comes of scripted calls, row by row.

use super::kernel::{HEAD_BYTES, Kernel};
use super::{shop, told};
use crate::gap::observation::Completeness::{self, Lost, Truncated, Whole};
use crate::gap::observation::{Direction, Threads};

const GET: &[u8] = b"GET /a HTTP/1.1\r\nhost: shop\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

/// What matters of an exchange: route, status, whole or not, end in microseconds.
type Row = (&'static str, Option<u16>, Completeness, Option<u64>);
/// The same without the end.
type Hit = (&'static str, Option<u16>, Completeness);
/// Calls, given a long answer in pieces.
type Script = fn(&mut Kernel, &[&[u8]]);
/// Calls while a request is under way.
type Meanwhile = fn(&mut Kernel);

#[test]
fn an_exchange_has_its_times_threads_and_ends() {
    let mut kernel = Kernel::default();
    kernel.accept(1, 7);
    kernel.reads(1, 7, GET);
    kernel.writes(1, 7, OK);
    let [one] = &told(kernel)[..] else { panic!("one exchange") };
    assert_eq!((one.direction, one.connection, one.tgid), (Direction::In, 1, 100));
    assert_eq!((one.start, one.end), (2000, Some(3000)), "the calls returned then");
    assert_eq!(one.threads, Some(Threads { head: 7, answer: Some(7), waited_elsewhere: Some(false) }));
    assert_eq!(one.local.map(|local| local.to_string()).as_deref(), Some("127.0.0.1:80"));
    assert_eq!(one.remote.map(|remote| remote.port()), Some(1));
    let head = one.head.as_ref().unwrap();
    assert_eq!((&*head.method, &*head.target, head.host.as_deref()), ("GET", "/a", Some("shop")));
}

#[test]
fn a_thread_that_turns_away_has_waited_elsewhere() {
    let rows: [(&str, bool, Meanwhile); 8] = [
        ("it answered at once", false, |_| ()),
        ("it waited for whatever comes", true, |kernel| kernel.waits(7)),
        ("another thread waited", false, |kernel| kernel.waits(8)),
        ("it made a call of its own", false, |kernel| {
            kernel.connect(2, 7);
            kernel.writes(2, 7, GET);
            kernel.reads(2, 7, OK);
        }),
        ("it accepted another client", true, |kernel| kernel.accept(3, 7)),
        ("it read from another client", true, |kernel| {
            kernel.accept(3, 8);
            kernel.reads(3, 7, GET);
        }),
        ("another thread read from another client", false, |kernel| {
            kernel.accept(3, 8);
            kernel.reads(3, 8, GET);
        }),
        ("it read the request's content", false, |_| ()),
    ];
    for (reason, waited, meanwhile) in rows {
        let mut kernel = Kernel::default();
        kernel.accept(1, 7);
        kernel.reads(1, 7, b"POST /a HTTP/1.1\r\ncontent-length: 3\r\n\r\n");
        meanwhile(&mut kernel);
        kernel.reads(1, 7, b"abc");
        kernel.writes(1, 7, OK);
        let exchanges = told(kernel);
        let one = exchanges.iter().find(|one| one.connection == 1).unwrap();
        let expected = Threads { head: 7, answer: Some(7), waited_elsewhere: Some(waited) };
        assert_eq!(one.threads, Some(expected), "{reason}");
    }
}

#[test]
fn who_serves_is_who_read_the_heads_end_and_who_wrote_the_answers_beginning() {
    let mut kernel = Kernel::default();
    kernel.accept(1, 7);
    kernel.reads(1, 7, &GET[..10]);
    kernel.waits(7);
    kernel.reads(1, 7, &GET[10..]);
    kernel.writes(1, 7, &OK[..10]);
    kernel.writes(1, 9, &OK[10..]);
    kernel.reads(1, 7, &GET[..10]);
    kernel.reads(1, 8, &GET[10..]);
    kernel.writes(1, 8, OK);
    kernel.connect(2, 5);
    kernel.writes(2, 5, &GET[..10]);
    kernel.writes(2, 6, &GET[10..]);
    kernel.reads(2, 4, OK);
    let threads: Vec<_> = told(kernel).into_iter().filter_map(|one| one.threads).collect();
    let expected = [
        Threads { head: 7, answer: Some(7), waited_elsewhere: Some(true) },
        Threads { head: 8, answer: Some(8), waited_elsewhere: Some(true) },
        Threads { head: 5, answer: Some(4), waited_elsewhere: None },
    ];
    assert_eq!(threads, expected, "waits count from the head's first byte");
}

#[test]
fn the_rest_of_an_answer_is_not_the_beginning_of_the_next() {
    let mut kernel = Kernel::default();
    kernel.accept(1, 7);
    kernel.reads(1, 7, &[GET, GET].concat());
    let (head, rest) = OK.split_at(OK.len() - 1);
    kernel.writes(1, 7, head);
    kernel.writes(1, 8, rest);
    kernel.writes(1, 9, OK);
    let answered: Vec<_> = told(kernel).iter().filter_map(|one| one.threads?.answer).collect();
    assert_eq!(answered, [7, 9]);
}

#[test]
fn what_was_seen_is_told_and_what_was_not_is_not_made_up() {
    let long = [b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".as_slice(), &[b'x'; 100_000]].concat();
    let many: Vec<&[u8]> = long.chunks(5000).collect();
    let rows: Vec<(&str, Script, Vec<Row>)> = vec![
        (
            "two on one connection",
            |kernel, _| {
                shop(kernel, "/a", OK);
                shop(kernel, "/b", OK);
            },
            vec![("/a", Some(200), Whole, Some(3)), ("/b", Some(200), Whole, Some(5))],
        ),
        (
            "an answer in many calls, more than is captured",
            |kernel, many| {
                shop(kernel, "/a", many[0]);
                many[1..].iter().for_each(|part| kernel.writes(1, 7, part));
                shop(kernel, "/b", OK);
            },
            vec![("/a", Some(200), Whole, Some(23)), ("/b", Some(200), Whole, Some(25))],
        ),
        (
            "an answer of a file",
            |kernel, _| {
                shop(kernel, "/a", b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n");
                kernel.sends_file(1, 7, 5000);
            },
            vec![("/a", Some(200), Whole, Some(4))],
        ),
        (
            "an answer that ends with the connection",
            |kernel, _| {
                shop(kernel, "/a", b"HTTP/1.0 200 OK\r\n\r\nhello");
                kernel.writes(1, 7, b"world");
                kernel.close(1);
            },
            vec![("/a", Some(200), Whole, Some(4))],
        ),
        (
            "chunks, more than is captured, and one more request",
            |kernel, many| {
                shop(kernel, "/a", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n186a0\r\n");
                many.iter().for_each(|part| kernel.writes(1, 7, part));
                shop(kernel, "/b", OK);
            },
            vec![("/a", Some(200), Whole, Some(24)), ("/b", Some(200), Whole, Some(26))],
        ),
        (
            "no answer",
            |kernel, _| {
                kernel.reads(1, 7, GET);
                kernel.close(1);
            },
            vec![("/a", None, Whole, Some(3))],
        ),
        (
            "no content where none can be",
            |kernel, _| {
                kernel.reads(1, 7, b"HEAD /a HTTP/1.1\r\n\r\n");
                kernel.writes(1, 7, b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n");
                shop(kernel, "/b", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n");
            },
            vec![("/a", Some(200), Whole, Some(3)), ("/b", Some(304), Whole, Some(5))],
        ),
        (
            "an interim answer first",
            |kernel, _| {
                kernel.reads(1, 7, b"POST /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n");
                kernel.writes(1, 7, b"HTTP/1.1 100 Continue\r\n\r\n");
                kernel.reads(1, 7, b"abc");
                kernel.writes(1, 7, OK);
            },
            vec![("/a", Some(200), Whole, Some(5))],
        ),
        (
            "two requests in one call",
            |kernel, _| {
                kernel.reads(1, 7, b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
                kernel.writes(1, 7, OK);
                kernel.writes(1, 7, OK);
            },
            vec![("/a", Some(200), Whole, Some(3)), ("/b", Some(200), Whole, Some(4))],
        ),
        (
            "a head longer than is captured",
            |kernel, _| {
                let mut head = b"GET /a HTTP/1.1\r\nx: ".to_vec();
                head.resize(HEAD_BYTES as usize + 10, b'x');
                head.extend_from_slice(b"\r\n\r\n");
                kernel.reads(1, 7, &head);
                kernel.writes(1, 7, OK);
                shop(kernel, "/b", OK);
            },
            vec![("/a", None, Truncated, Some(3)), ("/b", Some(200), Whole, Some(5))],
        ),
        (
            "the probe came when the connection was open",
            |kernel, _| {
                kernel.writes(5, 7, b"the end of an answer");
                kernel.reads(5, 7, b"GET /a HTTP/1.1\r\n\r\n");
                kernel.writes(5, 7, OK);
            },
            vec![("/a", Some(200), Whole, Some(5))],
        ),
        (
            "messages were passed over",
            |kernel, _| {
                shop(kernel, "/a", OK);
                kernel.is_gated = true;
                shop(kernel, "/b", OK);
                kernel.is_gated = false;
                shop(kernel, "/c", OK);
            },
            vec![("/a", Some(200), Whole, Some(3)), ("/c", Some(200), Whole, Some(7))],
        ),
        (
            "another protocol takes over",
            |kernel, _| {
                kernel.reads(1, 7, b"GET /a HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
                kernel.writes(1, 7, b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n");
                kernel.reads(1, 7, GET);
            },
            vec![("/a", Some(101), Whole, Some(3))],
        ),
    ];
    for (reason, script, expected) in rows {
        let mut kernel = Kernel::default();
        kernel.accept(1, 7);
        script(&mut kernel, &many);
        let found: Vec<_> = told(kernel)
            .iter()
            .map(|one| {
                let target = one.head.as_ref().map_or("", |head| &head.target).to_owned();
                (target, one.status, one.completeness, one.end.map(|end| end / 1000))
            })
            .collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(target, status, whole, end)| (target.to_owned(), status, whole, end)).collect();
        assert_eq!(found, expected, "{reason}");
    }
}

#[test]
fn an_answer_that_is_read_before_the_call_that_asked_returns_waits_for_it() {
    let mut kernel = Kernel::default();
    kernel.connect(1, 7);
    kernel.reads(1, 8, OK);
    kernel.writes(1, 7, GET);
    kernel.reads(1, 8, OK);
    kernel.writes(1, 7, GET);
    let found: Vec<_> = told(kernel).iter().map(|one| (one.status, one.start, one.end)).collect();
    assert_eq!(found, [(Some(200), 2000, Some(2000)), (Some(200), 4000, Some(4000))]);
}

#[test]
fn lost_records_hit_their_exchange_and_no_other() {
    let rows: [(&str, usize, &[Hit]); 4] = [
        ("the second request", 3, &[("/a", Some(200), Whole), ("/c", Some(200), Whole)]),
        ("its answer", 4, &[("/a", Some(200), Whole), ("/b", None, Lost), ("/c", Some(200), Whole)]),
        ("the first request", 1, &[("/b", Some(200), Whole), ("/c", Some(200), Whole)]),
        (
            "what tells of the connection",
            0,
            &[("/a", Some(200), Whole), ("/b", Some(200), Whole), ("/c", Some(200), Whole)],
        ),
    ];
    for (reason, missing, expected) in rows {
        let mut kernel = Kernel::default();
        kernel.accept(1, 7);
        shop(&mut kernel, "/a", OK);
        shop(&mut kernel, "/b", OK);
        shop(&mut kernel, "/c", OK);
        kernel.records.remove(missing);
        let exchanges = told(kernel);
        let found: Vec<_> = exchanges
            .iter()
            .map(|one| (one.head.as_ref().map_or("", |head| &*head.target), one.status, one.completeness))
            .collect();
        assert_eq!(found, expected, "{reason}");
    }
}

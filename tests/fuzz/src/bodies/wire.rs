//! Bytes of connections: a conversation is made of the input, and played twice, in other pieces.

use std::collections::BTreeMap;

use super::super::http::{Connection, Event, Limits, Recognition, Way};

/// Small, so that short inputs come to the bounds.
const LIMITS: Limits = Limits { head: 400, pipelined: 4, header_list: 400, table: 200, streams: 4 };

/// What a byte of the input stands for.
const ASKED: [&[u8]; 8] = [
    b"GET /a?b HTTP/1.1\r\nHost: a\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
    b"HEAD / HTTP/1.1\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n",
    b"POST / HTTP/1.1\nTransfer-Encoding:\n chunked\n\n",
    b"GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",
    b"3\r\nabc\r\n",
    b"0\r\na: b\r\n\r\n",
];
const ANSWERED: [&[u8]; 8] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 204 x\r\n\r\n",
    b"HTTP/1.1 100 x\r\n\r\n",
    b"HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.0 500 x\r\n\r\n",
    b"5\r\nabcde\r\n",
    b"0\r\n\r\n",
];

enum Step {
    Bytes(Way, Vec<u8>),
    Hole(Way, u64),
    Close,
}

/// What is told of a conversation of HTTP/1 makes sense, however its bytes come.
pub fn http1(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let joins = bytes.next().is_some_and(|first| first % 4 == 3);
    let mut steps = Vec::new();
    while let (Some(kind), Some(what)) = (bytes.next(), bytes.next()) {
        let canned = |pieces: [&[u8]; 8]| pieces.into_iter().cycle().nth(what.into()).unwrap_or_default().to_vec();
        let mut raw = || bytes.by_ref().take((what % 32).into()).collect();
        steps.push(match kind % 9 {
            0 | 1 => Step::Bytes(Way::Requests, canned(ASKED)),
            2 | 3 => Step::Bytes(Way::Responses, canned(ANSWERED)),
            4 => Step::Bytes(Way::Requests, raw()),
            5 => Step::Bytes(Way::Responses, raw()),
            6 => Step::Hole(Way::Requests, what.into()),
            7 => Step::Hole(Way::Responses, what.into()),
            _ => Step::Close,
        });
    }
    check(|| if joins { Connection::joined(LIMITS) } else { Connection::new(LIMITS) }, &steps);
}

/// What is told of a conversation of HTTP/2 makes sense, however its bytes come.
pub fn http2(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut steps = vec![Step::Bytes(Way::Requests, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec())];
    while let (Some(kind), Some(what)) = (bytes.next(), bytes.next()) {
        let way = if kind & 0x80 == 0 { Way::Requests } else { Way::Responses };
        let raw = |bytes: &mut dyn Iterator<Item = u8>| bytes.take((what % 64).into()).collect::<Vec<_>>();
        steps.push(match kind & 0x7f {
            // A frame: type, flags, stream, payload.
            0..0x60 => {
                let (flags, stream) = (bytes.next().unwrap_or_default(), bytes.next().unwrap_or_default() % 16);
                let payload = raw(&mut bytes);
                let length = u8::try_from(payload.len()).unwrap_or_default();
                let header = [0, 0, length, (kind & 0x7f) % 12, flags, 0, 0, 0, stream];
                Step::Bytes(way, [header.as_slice(), &payload].concat())
            }
            // An exchange with nothing special.
            0x60..0x70 => match way {
                Way::Requests => Step::Bytes(way, vec![0, 0, 3, 1, what & 5, 0, 0, 0, kind % 16, 0x82, 0x84, 0x86]),
                Way::Responses => Step::Bytes(way, vec![0, 0, 1, 1, what & 5, 0, 0, 0, kind % 16, 0x88]),
            },
            0x70..0x78 => Step::Hole(way, what.into()),
            _ => Step::Bytes(way, raw(&mut bytes)),
        });
    }
    check(|| Connection::new(LIMITS), &steps);
}

/// First bytes are recognised once and for all, and soon.
pub fn recognise(data: &[u8]) {
    let mut decided = None;
    for length in 0..=data.len().min(300) {
        let seen = super::super::http::recognise(data.get(..length).expect("it is in bounds"));
        match decided {
            Some(before) => assert_eq!(seen, before, "after {length} bytes"),
            None if seen != Recognition::TooFew => decided = Some(seen),
            None => assert!(length <= 128, "waits for more than {length} bytes"),
        }
    }
    check(|| Connection::new(LIMITS), &[Step::Bytes(Way::Requests, data.to_vec())]);
    check(|| Connection::new(LIMITS), &[Step::Bytes(Way::Responses, data.to_vec())]);
}

/// Whole and byte by byte, the same is told, until it is not known any more what bytes mean.
fn check(make: impl Fn() -> Connection, steps: &[Step]) {
    let (whole, bytes) = (play(&mut make(), steps, usize::MAX), play(&mut make(), steps, 1));
    check_order(&whole);
    check_order(&bytes);
    let sure = |events: &[Event]| events.iter().position(is_unsure).unwrap_or(events.len());
    let (sure_whole, sure_bytes) = (sure(&whole), sure(&bytes));
    let both = sure_whole.min(sure_bytes);
    assert_eq!(whole.get(..both), bytes.get(..both));
    assert!(sure_whole < whole.len() || sure_bytes < bytes.len() || whole.len() == bytes.len());
}

fn is_unsure(event: &Event) -> bool {
    matches!(event, Event::Lost(_) | Event::RequestEnd { seen: false, .. } | Event::ResponseEnd { seen: false, .. })
}

fn play(connection: &mut Connection, steps: &[Step], piece: usize) -> Vec<Event> {
    let mut events = Vec::new();
    let (mut last, mut sum) = (None, 0);
    for step in steps {
        match step {
            Step::Bytes(way, bytes) => {
                for bytes in bytes.chunks(piece) {
                    connection.push(*way, last != Some(*way), bytes, &mut events);
                    last = Some(*way);
                    sum += bytes.len();
                }
            }
            Step::Hole(way, bytes) => {
                connection.skip(*way, *bytes, &mut events);
                last = Some(*way);
                sum += 1;
            }
            Step::Close => connection.close(&mut events),
        }
    }
    assert!(events.len() <= 4 * sum + 1, "{} events of {sum} bytes", events.len());
    events
}

/// How far an exchange has come.
#[derive(Default)]
struct Progress {
    asked: bool,
    sent: bool,
    answered: bool,
    over: bool,
}

/// Exchanges begin in order, and nothing of them comes twice, nor after what ends them.
fn check_order(events: &[Event]) {
    let mut open: BTreeMap<u64, Progress> = BTreeMap::new();
    let (mut next, mut switched) = (0, false);
    for event in events {
        assert!(!switched, "{events:?}");
        let mut of = |exchange: &u64| open.remove(exchange).unwrap_or_else(|| panic!("{exchange} of {events:?}"));
        let (exchange, progress) = match event {
            Event::Recognised(_) => continue,
            Event::Lost(_) => {
                open.clear();
                continue;
            }
            Event::Began { exchange } => {
                assert!(*exchange >= next, "{events:?}");
                next = exchange + 1;
                (exchange, Progress::default())
            }
            Event::Request { exchange, .. } => {
                let before = of(exchange);
                assert!(!before.asked && !before.sent, "{events:?}");
                (exchange, Progress { asked: true, ..before })
            }
            Event::RequestEnd { exchange, .. } => {
                let before = of(exchange);
                assert!(before.asked && !before.sent, "{events:?}");
                (exchange, Progress { sent: true, ..before })
            }
            Event::Interim { exchange, .. } => {
                let before = of(exchange);
                assert!(!before.answered && !before.over, "{events:?}");
                (exchange, before)
            }
            Event::Response { exchange, .. } => {
                let before = of(exchange);
                assert!(!before.answered && !before.over, "{events:?}");
                (exchange, Progress { answered: true, ..before })
            }
            Event::ResponseEnd { exchange, seen } => {
                let before = of(exchange);
                assert!(!before.over && (before.answered || !seen), "{events:?}");
                (exchange, Progress { over: true, ..before })
            }
            Event::Reset { exchange } => {
                of(exchange);
                continue;
            }
            Event::Switched { exchange } => {
                assert!(of(exchange).answered);
                switched = true;
                continue;
            }
        };
        open.insert(*exchange, progress);
    }
}

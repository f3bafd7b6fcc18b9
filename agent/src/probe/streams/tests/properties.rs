//! What holds for any split, any loss and any bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use throughline_common::record::{Direction, Header};

use super::kernel::Kernel;
use crate::gap::observation::Completeness;
use crate::probe::streams::{Bounds, Exchange, Streams};

/// One request with its answer. Its number is in target, status and thread, so that nothing can be mistaken.
#[derive(Debug, Clone)]
struct Planned {
    content: Content,
    answer: Content,
    has_interim: bool,
    is_head: bool,
}

#[derive(Debug, Clone)]
enum Content {
    None,
    Length(usize),
    Chunked(Vec<usize>),
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        Just(Content::None),
        (0usize..40_000).prop_map(Content::Length),
        vec(1usize..12_000, 0..4).prop_map(Content::Chunked),
    ]
}

fn planned() -> impl Strategy<Value = Planned> {
    (content(), content(), any::<bool>(), any::<bool>()).prop_map(|(content, answer, has_interim, is_head)| Planned {
        content,
        answer,
        has_interim,
        is_head,
    })
}

impl Content {
    /// The header lines and the bytes.
    fn write(&self) -> (String, Vec<u8>) {
        match self {
            Self::None => ("content-length: 0\r\n".to_owned(), Vec::new()),
            Self::Length(length) => (format!("content-length: {length}\r\n"), vec![b'x'; *length]),
            Self::Chunked(chunks) => {
                let mut bytes = Vec::new();
                for length in chunks.iter().chain([&0]) {
                    bytes.extend_from_slice(format!("{length:x}\r\n").as_bytes());
                    bytes.extend(std::iter::repeat_n(b'x', *length));
                    bytes.extend_from_slice(b"\r\n");
                }
                ("transfer-encoding: chunked\r\n".to_owned(), bytes)
            }
        }
    }
}

/// The requests one after the other on one connection, in calls of at most these lengths.
fn play(plan: &[Planned], arrives: bool, cuts: &[usize]) -> Kernel {
    let mut kernel = Kernel::default();
    if arrives {
        kernel.accept(1, 1)
    } else {
        kernel.connect(1, 1)
    }
    let (there, back) = if arrives { (Direction::Read, Direction::Write) } else { (Direction::Write, Direction::Read) };
    let mut cuts = cuts.iter().copied().cycle();
    let mut moves = |kernel: &mut Kernel, tid: u32, way: Direction, bytes: &[u8]| {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (call, after) = rest.split_at(cuts.next().unwrap_or(usize::MAX).min(rest.len()));
            kernel.moves(1, tid, way, call);
            rest = after;
        }
    };
    for (number, one) in plan.iter().enumerate() {
        let tid = 100 + number as u32;
        let method = if one.is_head { "HEAD" } else { "PUT" };
        let (fields, bytes) = one.content.write();
        let head = format!("{method} /{number} HTTP/1.1\r\nhost: shop\r\n{fields}\r\n");
        moves(&mut kernel, tid, there, &[head.as_bytes(), &bytes].concat());
        let interim = if one.has_interim { "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" } else { "" };
        let (fields, bytes) = one.answer.write();
        let head = format!("{interim}HTTP/1.1 {} Yes\r\n{fields}\r\n", 200 + number);
        let bytes = if one.is_head { Vec::new() } else { bytes };
        moves(&mut kernel, tid, back, &[head.as_bytes(), &bytes].concat());
    }
    kernel.close(1);
    kernel
}

/// The number in an exchange's target.
fn number(one: &Exchange) -> Option<u32> {
    one.head.as_ref()?.target.strip_prefix('/')?.parse().ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn how_programs_split_their_calls_does_not_matter(
        plan in vec(planned(), 1..5),
        arrives in any::<bool>(),
        cuts in vec(1usize..9000, 1..20),
    ) {
        let exchanges = super::told(play(&plan, arrives, &cuts));
        prop_assert_eq!(exchanges.len(), plan.len());
        let mut before = 0;
        for (at, one) in exchanges.iter().enumerate() {
            let at = at as u32;
            prop_assert_eq!((number(one), one.status), (Some(at), Some(200 + at as u16)));
            prop_assert_eq!(one.completeness, Completeness::Whole);
            let threads = one.threads.unwrap();
            prop_assert_eq!((threads.head, threads.answer), (100 + at, Some(100 + at)));
            prop_assert_eq!(threads.waited_elsewhere, arrives.then_some(false));
            prop_assert!(one.start > before && one.end.unwrap() > one.start, "one after the other");
            before = one.end.unwrap();
        }
    }

    #[test]
    fn a_lost_record_never_puts_an_answer_to_another_request(
        plan in vec(planned(), 1..6),
        arrives in any::<bool>(),
        cuts in vec(1usize..9000, 1..20),
        lost in vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let mut kernel = play(&plan, arrives, &cuts);
        for lost in lost {
            if !kernel.records.is_empty() {
                kernel.records.remove(lost.index(kernel.records.len()));
            }
        }
        for one in super::told(kernel) {
            let Some(at) = number(&one) else {
                prop_assert_ne!(one.completeness, Completeness::Whole);
                continue;
            };
            prop_assert!(one.status.is_none_or(|status| status == 200 + at as u16), "{one:?}");
            let threads = one.threads.unwrap();
            prop_assert!(threads.head == 100 + at || one.completeness != Completeness::Whole, "{one:?}");
            prop_assert!(threads.answer.is_none_or(|answer| answer == 100 + at), "{one:?}");
        }
    }

    #[test]
    fn any_records_are_taken_within_bounds(records in vec(record(), 0..200)) {
        let bounds = Bounds { connections: 4, under_way: 8, heads: 4096, held: 4096, finished: 16, ..Bounds::default() };
        let mut streams = Streams::new(bounds);
        for (header, data) in &records {
            streams.take(header, data);
            streams.advance(header.time);
            let around = &streams.around;
            prop_assert!(streams.connections() <= 4 && around.under_way <= 8);
            prop_assert!(around.heads <= 4096 + data.len() && around.held <= 4096 && around.finished.len() <= 16);
        }
        prop_assert_eq!(streams.counts().records, records.len() as u64);
        let under_way: usize = streams.connections.values().map(|one| one.under_way.len()).sum();
        prop_assert_eq!(streams.around.under_way, under_way);
        let heads: usize = streams.connections.values().map(|one| one.unfinished).sum();
        prop_assert_eq!(streams.around.heads, heads);
    }
}

fn record() -> impl Strategy<Value = (Header, Vec<u8>)> {
    let text = prop_oneof![
        Just(b"GET /a HTTP/1.1\r\n\r\n".to_vec()),
        Just(b"GET /a HTTP/1.1\r\nx: ".to_vec()),
        Just(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc".to_vec()),
        Just(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()),
        vec(any::<u8>(), 0..60),
        vec(Just(b'x'), 0..2000),
    ];
    let small = 0u64..8;
    let fields = (1u8..5, 0u8..3, any::<u16>(), small, 0u32..3, 0u64..3000, any::<u16>(), 0u32..3);
    (text, fields).prop_map(|(data, (kind, direction, flags, connection, tid, offset, moved, sequence))| {
        let header = Header {
            kind,
            direction,
            flags,
            length: data.len() as u32,
            time: offset * 1_000_000,
            connection,
            tgid: 1,
            tid,
            offset,
            other_offset: offset / 2,
            moved: moved.into(),
            sequence,
            ..Header::default()
        };
        (header, data)
    })
}

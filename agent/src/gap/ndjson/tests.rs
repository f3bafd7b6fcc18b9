//! Lines as they are written and read, faults by name, and what holds for any observation and any bytes.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test should stop")]

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::gap::observation::*;
use crate::trace::counts::Label;
use crate::trace::marker::Mark;
use crate::trace::traceparent::TraceparentError;

const HEADER: &str = "{\"schema\":\"throughline.observations\",\"version\":1}\n";
const LEAST: &str = r#"{"dir":"in","service":"cart","method":"GET","route":"/cart/{}","start":5}"#;
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Everything in a recording, and its counts.
fn read_all(bytes: &[u8], piece: usize) -> (Vec<Observation>, Vec<Fault>, Counts) {
    let mut reader = Reader::new("test.ndjson");
    let (mut observations, mut faults) = (Vec::new(), Vec::new());
    let mut take = |item: Result<Observation, Fault>| match item {
        Ok(observation) => observations.push(observation),
        Err(fault) => faults.push(fault),
    };
    for piece in bytes.chunks(piece.max(1)) {
        reader.push(piece);
        while let Some(item) = reader.next_observation() {
            take(item);
        }
    }
    if let Some(item) = reader.finish() {
        take(item);
    }
    (observations, faults, reader.counts())
}

fn read_one(line: &str) -> Observation {
    let (mut observations, faults, _) = read_all(format!("{HEADER}{line}\n").as_bytes(), 1000);
    assert_eq!((observations.len(), faults), (1, Vec::new()), "{line}");
    observations.remove(0)
}

#[test]
fn the_least_line_gets_every_default() {
    let read = read_one(LEAST);
    assert_eq!((&*read.origin.name, &*read.origin.clock, read.origin.sequence), ("test.ndjson", "test.ndjson", 0));
    assert_eq!((read.origin.kind, read.completeness), (SourceKind::File, Completeness::Whole));
    assert_eq!(read.context, Context { tracestate_kept: true, ..Context::default() });
    assert_eq!(read.peer, Peer::default());
    assert!(!read.synthetic && read.end.is_none() && read.status.is_none());
}

#[test]
fn header_lines_alone_say_what_they_mean() {
    let with = |keys: &str| read_one(&LEAST.replace("\"start\"", &format!("{keys},\"start\""))).context;
    let marked = with(&format!(r#""traceparent":["{TRACEPARENT}"],"tracestate":["a=b,checkly=true"]"#));
    assert_eq!((marked.mark.0, marked.problem), (Mark::Other, None));
    assert!(marked.has_tracestate && marked.tracestate_kept);
    let upper = with(&format!(r#""traceparent":["{}"],"tracestate":["checkly=true"]"#, TRACEPARENT.to_uppercase()));
    assert_eq!((upper.mark.0, upper.problem), (Mark::None, Some(TraceparentError::UpperCase)));
    let twice = with(&format!(r#""traceparent":["{TRACEPARENT}","{TRACEPARENT}"]"#));
    assert_eq!((twice.problem, twice.traceparent.len()), (Some(TraceparentError::SeveralLines), 2));
    let said = with(&format!(r#""traceparent":["{TRACEPARENT}"],"tracestate":["checkly=true"],"mark":"untrusted""#));
    assert_eq!(said.mark.0, Mark::Untrusted, "what is said is not judged again");
    let note = with(&format!(r#""traceparent":["{TRACEPARENT}"],"mark":"none","has_tracestate":true"#));
    assert!(note.has_tracestate && !note.tracestate_kept, "a tracestate came and was not kept");
}

#[test]
fn lines_that_cannot_be_read_are_named_and_the_rest_is_read() {
    let rows: &[(&str, &str, &str)] = &[
        ("nonsense", "expected", "no JSON"),
        ("[1,2]", "expected an object", "no object"),
        ("{\"dir\":\"in\"}", "missing field `service`", "a required key is missing"),
        (&LEAST.replace("\"in\"", "\"up\""), "unknown variant `up`", "a direction that is none"),
        (&LEAST.replace(":5", ":-5"), "invalid value", "a time before the epoch"),
        (&LEAST.replace(":5", ":5.5"), "invalid type: floating point", "a time that is no integer"),
        (&LEAST.replace(":5", ":5,\"status\":99"), "status cannot be \"99\"", "a status that is none"),
        (&LEAST.replace(":5", ":5,\"mark\":\"x\""), "mark cannot be \"x\"", "a mark that is none"),
        (&LEAST.replace(":5", ":5,\"problem\":\"x\""), "problem cannot be \"x\"", "a problem that is none"),
        (&LEAST.replace(":5", ":5,\"start\":6"), "duplicate field `start`", "a key twice"),
        (&LEAST.replace(":5", ":5,\"peer\":{\"address\":\"x\"}"), "invalid socket address", "an address that is none"),
        (&format!("{{\"x\":{}", "[".repeat(5000)), "EOF while parsing", "nested without end, which costs no stack"),
    ];
    for (line, expected, reason) in rows {
        let text = format!("{HEADER}{LEAST}\n{line}\n{LEAST}\n");
        let (observations, faults, counts) = read_all(text.as_bytes(), 7);
        assert_eq!((observations.len(), faults.len(), counts.faults), (2, 1, 1), "{reason}");
        let said = faults[0].to_string();
        assert!(said.starts_with("line 3: ") && said.contains(expected), "{reason}: {said}");
    }
}

#[test]
fn headers_say_what_can_be_read() {
    let other = HEADER.replace(":1}", ":2}");
    let foreign = HEADER.replace("observations", "spans");
    let spaced = HEADER.replace(':', " : ");
    let rows: &[(&str, String, usize, &str, u64)] = &[
        ("joined recordings", format!("{HEADER}{LEAST}\n{HEADER}{LEAST}\n"), 2, "", 0),
        ("with white space, with CRLF", format!("{spaced}{LEAST}\r\n\r\n{spaced}{LEAST}\n"), 2, "", 0),
        ("nothing", String::new(), 0, "", 0),
        ("a header and nothing", HEADER.to_owned(), 0, "", 0),
        ("none", format!("{LEAST}\n{LEAST}\n"), 0, "no header", 1),
        ("another version", format!("{other}{LEAST}\n{LEAST}\n"), 0, "the version is 2, and only version 1", 2),
        ("another version, then ours", format!("{other}{LEAST}\n{HEADER}{LEAST}\n"), 1, "the version is 2", 1),
        ("another version after ours", format!("{HEADER}{LEAST}\n{other}{LEAST}\n"), 1, "line 3: the version is 2", 1),
        ("another schema", format!("{foreign}{LEAST}\n"), 0, "\"throughline.spans\", and only \"throughline.obs", 1),
        ("more keys", HEADER.replace('}', ",\"host\":\"x\"}") + LEAST + "\n", 1, "", 0),
    ];
    for (reason, text, read, fault, skipped) in rows {
        let (observations, faults, counts) = read_all(text.as_bytes(), 5);
        assert_eq!((observations.len(), counts.skipped), (*read, *skipped), "{reason}");
        let said = faults.iter().map(ToString::to_string).collect::<String>();
        assert!(said.contains(fault) && said.is_empty() == fault.is_empty(), "{reason}: {said}");
    }
}

#[test]
fn a_recording_that_was_cut_off_says_so() {
    let text = format!("{HEADER}{LEAST}\n{LEAST}");
    let (observations, faults, counts) = read_all(text.as_bytes(), 9);
    assert_eq!((observations.len(), faults.len(), counts.lines), (2, 0, 3), "only the line feed is missing");
    let (observations, faults, _) = read_all(&text.as_bytes()[..text.len() - 1], 9);
    assert_eq!((observations.len(), faults), (1, vec![Fault { line: 3, problem: Problem::Truncated }]));
    let (_, faults, _) = read_all(&HEADER.as_bytes()[..20], 9);
    assert_eq!(faults, [Fault { line: 1, problem: Problem::Truncated }], "within the header");
}

#[test]
fn a_line_without_end_costs_no_memory_and_no_other_line() {
    let long = "x".repeat(3 << 20);
    let text = format!("{HEADER}{LEAST}\n{long}\n{LEAST}\n{long}");
    for piece in [4096, 1 << 22] {
        let (observations, faults, _) = read_all(text.as_bytes(), piece);
        let lines: Vec<u64> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!((observations.len(), lines), (2, vec![3, 5]), "in pieces of {piece}");
        assert!(faults.iter().all(|fault| fault.problem == Problem::TooLong));
    }
    let mut reader = Reader::new("x");
    for _ in 0..1000 {
        reader.push(&[b'x'; 8192]);
        while reader.next_observation().is_some() {}
    }
    assert!(reader.counts().faults == 1 && format!("{reader:?}").len() < 16 << 20);
}

#[test]
fn texts_are_bounded_and_cut_at_a_character() {
    let long = "\u{e9}".repeat(10_000);
    let line = LEAST.replace("\"cart\"", &format!("\"{long}\"")).replace(
        ":5",
        &format!(":5,\"peer\":{{\"host\":\"{long}\"}},\"traceparent\":[{}]", vec![format!("\"{long}\""); 9].join(",")),
    );
    let (observations, _, counts) = read_all(format!("{HEADER}{line}\n").as_bytes(), 4096);
    let read = &observations[0];
    assert_eq!((read.service.len(), read.peer.host.as_ref().unwrap().len()), (254, 254), "characters of two bytes");
    assert_eq!((read.context.traceparent.len(), read.context.traceparent[0].len()), (8, 8192));
    assert_eq!(counts.cut, 1 + 1 + 1 + 8, "service, host, the number of lines, each line");
}

fn text() -> impl Strategy<Value = Arc<str>> {
    prop_oneof!["[a-z/{}]{0,12}", "\\PC{0,8}", "[\u{0}-\u{20}\"\\\\]{0,5}"].prop_map(Arc::from)
}

fn context() -> impl Strategy<Value = Context> {
    let lines = || prop::collection::vec(text(), 0..3);
    let problem = prop::option::of(prop::sample::select(TraceparentError::ALL));
    let delivered = prop::option::of(text());
    let parts = (lines(), delivered, lines(), problem, prop::sample::select(Mark::ALL), any::<bool>());
    parts.prop_map(|(traceparent, delivered, tracestate, problem, mark, kept)| {
        let has_tracestate = !kept || !tracestate.is_empty();
        let tracestate = if kept { tracestate } else { Vec::new() };
        let mark = MarkSeen(mark);
        Context { traceparent, delivered, tracestate, problem, mark, has_tracestate, tracestate_kept: kept }
    })
}

fn observation() -> impl Strategy<Value = Observation> {
    let process = || prop::option::of((any::<u32>(), any::<u64>()).prop_map(|(pid, started)| Process { pid, started }));
    let origin = (0..3usize, text(), any::<u64>(), text()).prop_map(|(kind, name, sequence, clock)| Origin {
        kind: [SourceKind::Proxy, SourceKind::Probe, SourceKind::File][kind],
        name,
        sequence,
        clock,
    });
    let addresses = ["127.0.0.1:80", "[::1]:65535", "[fe80::1%3]:1"].map(|address| address.parse().unwrap());
    let peer = (
        prop::option::of(prop::sample::select(addresses.to_vec())),
        prop::option::of(text()),
        process(),
        prop::option::of(text()),
        prop::option::of(text()),
        prop::sample::select(vec![
            Resolved::Unknown,
            Resolved::Socket,
            Resolved::Address,
            Resolved::Proxy,
            Resolved::Egress,
            Resolved::Intermediary,
        ]),
    );
    let peer = peer.prop_map(|(address, service, process, epoch, host, resolved)| Peer {
        address,
        service,
        process,
        epoch,
        host,
        resolved,
    });
    let threads = (any::<u32>(), prop::option::of(any::<u32>()), prop::option::of(any::<bool>()))
        .prop_map(|(head, answer, waited_elsewhere)| Threads { head, answer, waited_elsewhere });
    let rest = (
        (text(), text(), text(), prop::option::of(text()), prop::option::of(prop::sample::select(addresses.to_vec()))),
        (any::<u64>(), prop::option::of(any::<u64>()), prop::option::of(100..=599u16), prop::option::of(any::<u64>())),
        (any::<bool>(), prop::sample::select(Completeness::ALL), any::<bool>()),
    );
    (origin, process(), peer, context(), prop::option::of(threads), rest).prop_map(
        |(origin, process, peer, context, threads, rest)| {
            let (
                (service, method, route, epoch, local),
                (start, end, status, connection),
                (inward, completeness, synthetic),
            ) = rest;
            Observation {
                origin,
                direction: if inward { Direction::In } else { Direction::Out },
                service,
                process,
                epoch,
                peer,
                local,
                method,
                route,
                start,
                end,
                context,
                status,
                connection,
                threads,
                completeness,
                synthetic,
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(written in prop::collection::vec(observation(), 0..4), piece in 1..200usize) {
        let mut bytes = Vec::new();
        write_header(&mut bytes);
        for observation in &written {
            write(observation, &mut bytes);
        }
        prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), written.len() + 1);
        let (read, faults, counts) = read_all(&bytes, piece);
        prop_assert_eq!(read, written);
        prop_assert!(faults.is_empty() && counts.cut == 0);
    }

    #[test]
    fn any_bytes_are_read_without_panic_and_how_they_come_does_not_matter(
        observation in observation(),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        piece in 1..50usize,
    ) {
        let mut bytes = Vec::new();
        write_header(&mut bytes);
        write(&observation, &mut bytes);
        write(&observation, &mut bytes);
        for (at, byte) in noise {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert_eq!(read_all(&bytes, piece), read_all(&bytes, bytes.len()));
    }
}

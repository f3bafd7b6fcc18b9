//! What real clients and servers of HTTP sent each other, read by `http`, against what the servers said they got. The
//! conversations of `data/wire` are recorded by `real/wire/record.py`.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use throughline::http::{Connection, Event, Limits, Way};

/// A conversation: its name, what the server told, what went which way.
struct Recording {
    name: String,
    told: Vec<String>,
    pieces: Vec<(Way, Vec<u8>)>,
}

#[test]
fn what_servers_tell_is_what_is_read() {
    let recordings = recordings();
    assert!(recordings.len() >= 11, "the recordings are there");
    for recording in recordings {
        let name = &recording.name;
        let read = exchanges(&play(&recording, usize::MAX));
        assert_eq!(sorted(&read), sorted(&recording.told), "{name}");
        for piece in [1, 7, 100] {
            assert_eq!(exchanges(&play(&recording, piece)), read, "{name} in pieces of {piece}");
        }
    }
}

#[test]
fn every_exchange_ends() {
    for recording in recordings() {
        let events = play(&recording, usize::MAX);
        let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
        let begun = count(|event| matches!(event, Event::Began { .. }));
        let reset = count(|event| matches!(event, Event::Reset { .. }));
        let ended = count(|event| matches!(event, Event::ResponseEnd { seen: true, .. } | Event::Switched { .. }));
        assert_eq!((begun, count(|event| matches!(event, Event::Lost(_)))), (reset + ended, 0), "{}", recording.name);
    }
}

/// Anything that is missing makes the rest unknown, or nothing at all; never something else.
#[test]
fn holes_lose_exchanges_and_change_none() {
    for recording in recordings() {
        for left_out in 0..recording.pieces.len() {
            let mut connection = Connection::new(Limits::default());
            let (mut events, mut last) = (Vec::new(), None);
            for (number, (way, bytes)) in recording.pieces.iter().enumerate() {
                if number == left_out {
                    connection.skip(*way, bytes.len() as u64, &mut events);
                } else {
                    connection.push(*way, last != Some(*way), bytes, &mut events);
                }
                last = Some(*way);
            }
            for exchange in exchanges(&events) {
                let known = exchange.replace(" 0 ", " ");
                let is_told = |told: &String| *told == exchange || without_status(told) == known;
                assert!(recording.told.iter().any(is_told), "{}: {exchange}", recording.name);
            }
        }
    }
}

fn without_status(told: &str) -> String {
    told.split(' ').enumerate().filter(|(place, _)| *place != 2).map(|(_, word)| word).collect::<Vec<_>>().join(" ")
}

fn play(recording: &Recording, piece: usize) -> Vec<Event> {
    let mut connection = Connection::new(Limits::default());
    let (mut events, mut last) = (Vec::new(), None);
    for (way, bytes) in &recording.pieces {
        for bytes in bytes.chunks(piece) {
            connection.push(*way, last != Some(*way), bytes, &mut events);
            last = Some(*way);
        }
    }
    events
}

/// Method, target, status (`reset` for none, 0 for not known) and context of each, in the order they began.
fn exchanges(events: &[Event]) -> Vec<String> {
    let mut heads = BTreeMap::new();
    let mut statuses = BTreeMap::new();
    for event in events {
        match event {
            Event::Request { exchange, head } => {
                let context = format!("{} {}", joined(&head.traceparent), joined(&head.tracestate));
                heads.insert(*exchange, (format!("{} {}", head.method, head.target), context));
            }
            Event::Response { exchange, head } => drop(statuses.insert(*exchange, head.status.to_string())),
            Event::Reset { exchange } => drop(statuses.entry(*exchange).or_insert_with(|| "reset".to_owned())),
            _ => {}
        }
    }
    let heads = heads.into_iter().map(|(exchange, (line, context))| {
        let status = statuses.get(&exchange).map_or("0", String::as_str);
        format!("{line} {status} {context}")
    });
    heads.collect()
}

/// As servers join the lines of a field.
fn joined(lines: &[Arc<str>]) -> String {
    if lines.is_empty() { "-".to_owned() } else { lines.join(", ") }
}

fn sorted(lines: &[String]) -> Vec<String> {
    let mut lines = lines.to_vec();
    lines.sort();
    lines
}

fn recordings() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/wire");
    let files = std::fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("a file").path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "txt")).map(|path| read(&path)).collect()
}

fn read(path: &Path) -> Recording {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut recording = Recording { name, told: Vec::new(), pieces: Vec::new() };
    for line in std::fs::read_to_string(path).expect("a readable file").lines() {
        match line.split_once(' ') {
            Some(("#", _)) => {}
            Some(("=", told)) => recording.told.push(told.to_owned()),
            Some((">", digits)) => recording.pieces.push((Way::Requests, bytes(digits))),
            Some(("<", digits)) => recording.pieces.push((Way::Responses, bytes(digits))),
            _ => panic!("{}: {line}", path.display()),
        }
    }
    recording
}

fn bytes(digits: &str) -> Vec<u8> {
    let digit =
        |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default();
    digits.as_bytes().chunks(2).map(|pair| pair.iter().fold(0, |byte, next| byte << 4 | digit(next))).collect()
}

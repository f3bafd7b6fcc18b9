//! One function for each fuzz target: any bytes in, a panic where a promise is broken.
//!
//! Also compiled into the normal tests, which feed it a bounded number of generated inputs. Uses public items only.

#[path = "bodies/process.rs"]
mod process;
#[path = "bodies/records.rs"]
mod records;
#[path = "bodies/wire.rs"]
mod wire;

use std::io;
use std::path::{Path, PathBuf};

use super::config::file::{Outside, Overrides, read, show};
use super::gap::ndjson::{Fault, Reader, write, write_header};
use super::gap::observation::Observation;
use super::trace::admission::Source;
use super::trace::counts::Label;
use super::trace::decision::{
    Action, Candidate, Decision, Gate, InjectPolicy, Policy, Received, RecordMode, SampledPolicy, UpstreamKind, decide,
};
use super::trace::explain::explain;
use super::trace::hops::RequestIdentity;
use super::trace::ids::{Flags, RandomSource};
use super::trace::marker::{Mark, Marker, Trust};
use super::trace::redact::write_redacted_query;
use super::trace::sink::NoRoom;
use super::trace::traceparent::{Incoming, Traceparent, TraceparentError};
use super::trace::tracestate::{Inspection, TracestateError, inspect, write_joined};

pub use self::process::process;
pub use self::records::records;
pub use self::wire::{http1, http2, recognise};

/// What is read is written as what was read, and nothing but the first four fields matters.
pub fn traceparent(data: &[u8]) {
    let read = Traceparent::parse(data);
    assert_eq!(Traceparent::parse(&[b" \t", data, b"\t "].concat()), read, "white space around");
    assert_eq!(Incoming::extract([data, data]), Incoming::Invalid(TraceparentError::SeveralLines));
    match read {
        Ok(read) => {
            let again = Traceparent::parse(&read.encode()).expect("what is written can be read");
            assert_eq!(again, Traceparent { flags: read.flags.known(), version: 0, ..read });
            let text = format!("{:02x}-{}-{}-{:02x}", read.version, read.trace_id, read.parent_id, read.flags.byte());
            assert!(data.trim_ascii().starts_with(text.as_bytes()), "{text}");
        }
        Err(reason) => assert!(TraceparentError::ALL.contains(&reason) && !reason.to_string().is_empty()),
    }
}

/// The one-pass reader agrees with a slow and plain one; lines are one list. Lines end at line feeds.
pub fn tracestate(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|&byte| byte == b'\n').collect();
    let seen = inspect(lines.iter().copied(), &Marker::default());
    let mut joined = Vec::new();
    write_joined(lines.iter().copied(), &mut joined);
    assert_eq!(inspect([joined.as_slice()], &Marker::default()), seen, "how lines are split does not matter");
    assert_eq!((seen.validity.ok(), seen.marked), plain_tracestate(&joined));
    assert!(seen.present && (seen.validity.is_ok() || !seen.marked));
    if let Err(reason) = seen.validity {
        assert!(TracestateError::ALL.contains(&reason));
    }
}

/// A configuration is read or its mistakes are named, one line each; what was read can be shown, and comes to the same.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match read("f", &text, &Nothing) {
        Ok(file) => {
            let config = file.settle(Overrides::default(), &|_| None).expect("there is no variable").0;
            let shown = show(&config).expect("it can be shown");
            let again = read("shown", &shown, &Nothing).unwrap_or_else(|problems| panic!("{problems}\n{shown}"));
            let again = again.settle(Overrides::default(), &|_| None).expect("there is no variable").0;
            // A password in a URL is not shown, so it cannot be read again.
            assert!(shown.contains("hidden") || format!("{again:?}") == format!("{config:?}"), "{shown}");
        }
        Err(problems) => {
            assert!(problems.lines().count() > 0);
            assert!(problems.lines().all(|line| line.starts_with("f:") && !line.contains(char::is_control)));
        }
    }
}

/// The decision keeps its promises for any input.
pub fn decision(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut next = || bytes.next().unwrap_or_default();
    let policy = Policy {
        record: pick([RecordMode::Marked, RecordMode::All, RecordMode::None], next()),
        inject: pick([InjectPolicy::Recorded, InjectPolicy::All, InjectPolicy::Off], next()),
        sampled: pick([SampledPolicy::Set, SampledPolicy::Keep], next()),
        upstream: pick(
            [UpstreamKind::Uninstrumented, UpstreamKind::Instrumented, UpstreamKind::InstrumentedSameBackend],
            next(),
        ),
    };
    let gate = pick([Gate::Open, Gate::NotAdmitted, Gate::NoRoom(NoRoom::QueueFull)], next());
    let trust = pick([Trust::Unrestricted, Trust::Inside, Trust::Outside], next());
    let (bypass, lines, flags) = (next() % 8 == 0, next() % 4, next());
    let rest: Vec<u8> = bytes.collect();
    let valid = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags:02x}");
    let context = match lines {
        0 => Incoming::extract([]),
        1 => Incoming::extract([rest.as_slice()]),
        2 => Incoming::extract([rest.as_slice(), rest.as_slice()]),
        _ => Incoming::extract([valid.as_bytes()]),
    };
    let tracestate = inspect(rest.split(|&byte| byte == b'\n'), &Marker::default());
    let mark = Mark::weigh(tracestate.marked || flags & 1 == 1, &context, || trust);
    let identity = RequestIdentity { method: b"GET", host: b"shop", target: &rest };
    let received = Received { context: &context, tracestate, mark, identity };
    let mut random = Steps(u64::from(flags));
    let mut asked = None;
    let ask = |candidate| {
        asked = Some(candidate);
        gate
    };
    let decision = decide(&received, &policy, bypass, ask, &mut random);
    check_decision(&received, &policy, bypass, asked, &decision);
    check_attempts(&received, &decision, &mut random);
    if let Some(gate) = decision.withheld {
        assert!(gate != Gate::Open && decision.recording.is_none());
    }
}

/// Redaction changes values and nothing else, and finds every plain credential.
pub fn redact(data: &[u8]) {
    let redact = |query: &[u8]| {
        let mut out = Vec::new();
        write_redacted_query(query, &mut out);
        out
    };
    let once = redact(data);
    assert_eq!(redact(&once), once, "twice is as once");
    let parameters = |query: &[u8]| query.split(|&byte| byte == b'&').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (before, after) = (parameters(data), parameters(&once));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        match after.strip_suffix(b"REDACTED") {
            Some(kept) => assert!(before.starts_with(kept)),
            None => assert_eq!(before, after),
        }
    }
    let planted = redact(&[b"TOKEN=hidden&", data, b"&api%5fkey=hidden"].concat());
    let bare = [b"TOKEN=REDACTED&".as_slice(), &once, b"&api%5fkey=REDACTED"].concat();
    assert_eq!(planted, bare);
}

/// The explanation agrees with the parsers, and cannot steer a terminal. The values are split at the first line feed.
pub fn decode(data: &[u8]) {
    let mut values = data.splitn(2, |&byte| byte == b'\n');
    let (first, second) = (values.next().unwrap_or_default(), values.next());
    let explanation = explain(first, second, &Marker::default());
    assert_eq!(explanation.context.map_err(|defect| defect.reason), Traceparent::parse(first));
    let seen = second.map_or(Inspection::ABSENT, |second| inspect([second], &Marker::default()));
    assert_eq!(explanation.is_valid(), explanation.context.is_ok() && seen.validity.is_ok());
    let text = explanation.to_string();
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
    let marked = seen.marked && explanation.context.is_ok();
    assert_eq!(text.lines().any(|line| line.starts_with("marked       yes")), marked);
}

/// What can be read of a recording is written as what was read, and how its bytes come does not matter.
pub fn recording(data: &[u8]) {
    let mut bytes = Vec::new();
    write_header(&mut bytes);
    bytes.extend_from_slice(data);
    let (read, faults) = read_recording(&bytes, bytes.len());
    assert_eq!(read_recording(&bytes, 3), (read.clone(), faults));
    let mut again = Vec::new();
    write_header(&mut again);
    for observation in &read {
        write(observation, &mut again);
    }
    assert_eq!(read_recording(&again, 4096), (read, Vec::new()));
}

fn read_recording(bytes: &[u8], piece: usize) -> (Vec<Observation>, Vec<Fault>) {
    let mut reader = Reader::new("fuzz");
    let (mut observations, mut faults) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(piece).map(Some).chain([None]) {
        let mut last = None;
        match piece {
            Some(piece) => reader.push(piece),
            None => last = reader.finish(),
        }
        while let Some(item) = last.take().or_else(|| reader.next_observation()) {
            match item {
                Ok(observation) => observations.push(observation),
                Err(fault) => faults.push(fault),
            }
        }
    }
    (observations, faults)
}

fn check_decision(
    received: &Received<'_>,
    policy: &Policy,
    bypass: bool,
    asked: Option<Candidate>,
    decision: &Decision,
) {
    let marked = received.mark.counts();
    let wanted = !bypass && (policy.record == RecordMode::All || policy.record == RecordMode::Marked && marked);
    assert_eq!(asked.is_some(), wanted, "the gate is asked where recording is wanted, and only there");
    let expected = if policy.record == RecordMode::All { None } else { received.mark.source() };
    assert!(asked.is_none_or(|asked| asked.source == expected));
    assert_eq!(decision.recording.is_some() || decision.withheld.is_some(), wanted);
    assert!(!bypass || *decision == Decision::FORWARD, "the emergency switch forwards");
    assert!(received.mark.source() != Some(Source::Trusted) || received.context.valid().is_some());
    match decision.action {
        Action::Forward => assert!(decision.recording.is_none() && decision.drops_tracestate.is_none()),
        Action::Observe => assert!(decision.recording.is_some() && decision.drops_tracestate.is_none()),
        Action::Continue => assert!(received.context.valid().is_some() && decision.recording.is_some()),
        Action::Start => assert_eq!(*received.context, Incoming::Absent),
        Action::Restart => assert!(matches!(received.context, Incoming::Invalid(_))),
        Action::Loop => panic!("a first request is in no loop"),
    }
    if matches!(decision.action, Action::Start | Action::Restart) {
        assert!(policy.inject != InjectPolicy::Off, "off never starts a context");
        assert_eq!(decision.drops_tracestate.is_some(), received.tracestate.present);
    }
}

fn check_attempts(received: &Received<'_>, decision: &Decision, random: &mut Steps) {
    let changes = matches!(decision.action, Action::Continue | Action::Start | Action::Restart);
    let (first, second) = (decision.attempt(random), decision.attempt(random));
    assert_eq!(first.is_some(), changes || decision.recording.is_some(), "an id for a span or a header");
    assert!(first.is_none() || first.map(|first| first.id) != second.map(|second| second.id));
    for attempt in [first, second].into_iter().flatten() {
        assert_eq!(attempt.traceparent.is_some(), changes, "forward and observe leave the header lines alone");
        let Some(header) = attempt.traceparent else { continue };
        let sent = Traceparent::parse(&header).expect("what is sent can be read");
        assert_eq!((sent.parent_id, sent.version), (attempt.id, 0), "the span's id goes out");
        assert_eq!(sent.flags, sent.flags.known());
        if let Some(recording) = decision.recording {
            assert_eq!((sent.trace_id, sent.flags), (recording.trace_id, recording.flags));
        } else {
            assert_eq!(sent.flags, Flags::RANDOM, "what is not recorded is not sampled");
        }
        if let Some(caller) = received.context.valid() {
            assert!(sent.trace_id == caller.trace_id && sent.parent_id != caller.parent_id);
            assert_eq!(sent.flags.contains(Flags::RANDOM), caller.flags.contains(Flags::RANDOM));
        }
    }
}

/// The number of members, if the list can be used, and whether it has the mark: as one would write it at leisure.
fn plain_tracestate(list: &[u8]) -> (Option<usize>, bool) {
    let Ok(list) = std::str::from_utf8(list) else { return (None, false) };
    let mut members = Vec::new();
    for member in list.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty()) {
        let Some((key, value)) = member.split_once('=') else { return (None, false) };
        let good_key = key.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-*/@".contains(c));
        let good_value = value.chars().all(|c| (' '..='~').contains(&c) && c != '=');
        let good_lengths = (1..=256).contains(&key.len()) && (1..=256).contains(&value.len());
        if !good_key || !good_value || !good_lengths {
            return (None, false);
        }
        members.push((key, value));
    }
    if members.len() > 32 {
        return (None, false);
    }
    (Some(members.len()), members.contains(&("checkly", "true")))
}

fn pick<T: Copy, const N: usize>(choices: [T; N], byte: u8) -> T {
    choices.into_iter().cycle().nth(usize::from(byte) % N).expect("there is a choice")
}

/// Ids that differ; a linear congruential generator.
struct Steps(u64);

impl RandomSource for Steps {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0
    }
}

/// A machine without variables and files.
struct Nothing;

impl Outside for Nothing {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn resolve(&self, name: &str) -> PathBuf {
        name.into()
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn is_world_readable(&self, _: &Path) -> io::Result<bool> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn has_targets(&self) -> bool {
        false
    }
}

//! What real servers really did, judged: every recording of `data/recordings` against the truth beside it. Nothing
//! may be wrong, in any form the evidence can have; what has to be found is found as surely as it is written there.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use throughline::gap::code::{Code, Severity};
use throughline::gap::engine::{Engine, EngineConfig, Scope};
use throughline::gap::judgement::{Confidence, Finding, Hop, Judgement, Verdict};
use throughline::gap::ndjson::Reader;
use throughline::gap::observation::{Completeness, Context, Direction, MarkSeen, Observation, Resolved};
use throughline::trace::counts::Label as _;
use throughline::trace::marker::Mark;

/// What is left of the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// All of it.
    Recorded,
    /// What is seen without watching system calls: no threads.
    WithoutThreads,
    /// What proxies before both services see: no threads, no calls as they leave, no process of the arriving request.
    Proxies,
}

const FORMS: [Form; 3] = [Form::Recorded, Form::WithoutThreads, Form::Proxies];
const SEEDS: u64 = 5;

/// One recording and what is true of it.
#[derive(Debug, Clone)]
struct Recording {
    name: String,
    server: String,
    context: String,
    observations: Vec<Observation>,
    hops: Vec<Value>,
}

#[test]
fn nothing_is_wrong_and_what_is_expected_is_found() {
    let mut wrong = Vec::new();
    for recording in recordings() {
        let judgement = judge(&recording, Form::Recorded, 1);
        wrong.extend(errors(&recording, &judgement).into_iter().map(|error| format!("{}: {error}", recording.name)));
        for truth in &recording.hops {
            let missing = missing(truth, found(&judgement, truth));
            wrong.extend(missing.map(|missing| format!("{}: {missing}", recording.name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_wrong_where_less_is_seen() {
    let mut wrong = Vec::new();
    let mut cells = BTreeMap::<_, (usize, usize)>::new();
    for recording in recordings() {
        for (form, seed) in FORMS.into_iter().flat_map(|form| (0..SEEDS).map(move |seed| (form, seed))) {
            let judgement = judge(&recording, form, seed);
            let errors = errors(&recording, &judgement);
            wrong.extend(errors.iter().map(|error| format!("{} {form:?} seed {seed}: {error}", recording.name)));
            let Some(truth) = recording.hops.first().filter(|truth| truth["judged"] == true) else { continue };
            let hop = found(&judgement, truth);
            let cell = cells.entry((format!("{form:?}"), recording.context.clone(), recording.server.clone()));
            let (known, all) = cell.or_default();
            *known += usize::from(hop.is_some_and(|hop| judged_sure(hop, truth)));
            *all += 1;
        }
    }
    let lines = cells.iter().map(|((form, context, server), (known, all))| {
        format!("{form:<15} {context:<12} {server:<9} {known:>3} of {all:>3}\n")
    });
    say(&format!("judged, and at least likely, per form, behaviour and server:\n{}", lines.collect::<String>()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_was_not_seen_whole_never_breaks() {
    for recording in recordings() {
        for completeness in [Completeness::Truncated, Completeness::Lost, Completeness::Encrypted] {
            let mut cut = recording.observations.clone();
            for call in cut.iter_mut().filter(|seen| seen.direction == Direction::Out || &*seen.service == "stock") {
                call.completeness = completeness;
                call.context = Context::default();
            }
            let judgement = judge(&Recording { observations: cut, ..recording.clone() }, Form::Recorded, 1);
            let breaks = judgement.hops.iter().find(|hop| hop.verdict == Verdict::Breaks);
            assert!(breaks.is_none(), "{} {completeness:?}: {breaks:?}", recording.name);
        }
    }
}

/// The same traffic, but the marked requests are those to `/health`, which call nobody: whatever the service does with
/// a context, none of its calls tells.
#[test]
fn marks_on_requests_without_a_call_blame_nobody() {
    let (mut wrong, mut possible, mut judged) = (Vec::new(), 0, 0);
    for recording in recordings().into_iter().filter(|recording| recording.context == "drop") {
        let mut moved = recording.observations.clone();
        for (number, seen) in (0_u64..).zip(&mut moved) {
            seen.context = Context::default();
            if &*seen.route == "/health" {
                seen.context.traceparent = vec![format!("00-{:032x}-{:016x}-01", number + 1, number + 1).into()];
                seen.context.tracestate = vec!["checkly=true".into()];
                seen.context.has_tracestate = true;
                seen.context.tracestate_kept = true;
                seen.context.mark = MarkSeen(Mark::Other);
                // As long as one with calls, so that calls of others leave meanwhile.
                seen.end = Some(seen.start + 100_000_000);
            }
        }
        let moved = Recording { observations: moved, ..recording };
        for (form, seed) in FORMS.into_iter().flat_map(|form| (0..SEEDS).map(move |seed| (form, seed))) {
            let judgement = judge(&moved, form, seed);
            assert!(judgement.coverage.marked_requests >= 10, "{}: marks arrived", moved.name);
            for finding in judgement.hops.iter().flat_map(|hop| &hop.findings) {
                possible += usize::from(finding.confidence == Confidence::Possible);
                let said = format!("{} {form:?} seed {seed}: {}", moved.name, summary(finding));
                wrong.extend((finding.confidence > Confidence::Possible).then_some(said));
            }
            judged += 1;
        }
    }
    say(&format!("marks that call nobody: {possible} findings called possible in {judged} judgements"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_call_seen_from_both_its_ends_counts_once() {
    for name in ["flask-forward", "gunicorn-drop", "node-traceparent"] {
        let recording = recordings().into_iter().find(|found| found.name == name).expect("it is recorded from both");
        let from_caller = calls(&recording, |observation| observation.direction == Direction::Out);
        let from_callee = calls(&recording, |observation| &*observation.service == "stock");
        assert_eq!(from_caller, from_callee, "{name}: both ends saw each call");
        let judgement = judge(&recording, Form::Recorded, 1);
        let judged: u64 = judgement.hops.iter().filter(|hop| &*hop.key.service == "shop").map(|hop| hop.calls).sum();
        assert_eq!(judged, u64::try_from(from_caller).expect("few"), "{name}: and each is one call");
    }
}

fn calls(recording: &Recording, is_call: impl Fn(&Observation) -> bool) -> usize {
    recording.observations.iter().filter(|observation| is_call(observation)).count()
}

/// What is said of the recording and is not so.
fn errors(recording: &Recording, judgement: &Judgement) -> Vec<String> {
    let mut errors = Vec::new();
    for hop in &judgement.hops {
        let truth = recording.hops.iter().find(|truth| is_of(hop, truth));
        let codes: Vec<&str> =
            truth.and_then(|truth| truth["codes"].as_array()).into_iter().flatten().filter_map(Value::as_str).collect();
        for finding in hop.findings.iter().filter(|finding| !codes.contains(&finding.code.as_str())) {
            errors.push(format!("{} is not true: {}", described(hop), summary(finding)));
        }
        let allowed = truth.map_or("unknown", |truth| truth["verdict"].as_str().expect("each hop has one"));
        let said = verdict(hop);
        if said != "unknown" && said != allowed {
            errors.push(format!("{} is said to be {said}, and is {allowed}", described(hop)));
        }
    }
    let mut arrivals = judgement.arrivals.iter();
    errors.extend(arrivals.find(|arrival| arrival.code != Code::NotObservable).map(|arrival| format!("{arrival:?}")));
    errors
}

/// What has to be said of the hop and is not.
fn missing(truth: &Value, hop: Option<&Hop>) -> Option<String> {
    let expected = truth["expected"].as_object()?;
    let Some(hop) = hop else { return Some(format!("no hop {truth}")) };
    if verdict(hop) != expected["verdict"] {
        return Some(format!(
            "{} is said to be {}, and has to be {}",
            described(hop),
            verdict(hop),
            expected["verdict"]
        ));
    }
    let code = expected.get("code")?.as_str()?;
    let sure = expected["confidence"].as_str()?;
    let found = hop.findings.iter().find(|finding| finding.code.as_str() == code);
    let enough = found.is_some_and(|finding| finding.confidence.name() == sure);
    (!enough).then(|| format!("{} lacks {code} {sure}: {:?}", described(hop), found.map(summary)))
}

/// Whether the hop's true verdict was given, and a broken one at least as likely.
fn judged_sure(hop: &Hop, truth: &Value) -> bool {
    let sure =
        |finding: &Finding| finding.code.severity() == Severity::Error && finding.confidence >= Confidence::Likely;
    verdict(hop) == truth["verdict"] && (hop.verdict != Verdict::Breaks || hop.findings.iter().any(sure))
}

fn judge(recording: &Recording, form: Form, seed: u64) -> Judgement {
    let scope = Scope { peers: vec!["stock".to_owned()] };
    let mut engine = Engine::new(EngineConfig { scope, ..EngineConfig::default() }, seed);
    for observation in &recording.observations {
        let seen_by_both = recording.observations.iter().any(|other| &*other.service == "stock");
        if let Some(observation) = reduced(observation.clone(), form, seen_by_both) {
            engine.advance(observation.start);
            engine.observe(observation);
        }
    }
    engine.finish();
    engine.judgement()
}

/// What is left of an observation. A call becomes what a proxy before its callee sees, if nothing else saw that.
fn reduced(mut observation: Observation, form: Form, seen_by_both: bool) -> Option<Observation> {
    if form == Form::Recorded {
        return Some(observation);
    }
    observation.threads = None;
    if form == Form::WithoutThreads {
        return Some(observation);
    }
    if observation.direction == Direction::In {
        observation.process = None;
        observation.peer.process = None;
        return Some(observation);
    }
    if seen_by_both {
        return None;
    }
    observation.direction = Direction::In;
    let caller = std::mem::replace(&mut observation.service, observation.peer.service.clone()?);
    observation.process = None;
    observation.peer.service = Some(caller);
    observation.peer.address = None;
    observation.peer.resolved = Resolved::Socket;
    Some(observation)
}

fn found<'a>(judgement: &'a Judgement, truth: &Value) -> Option<&'a Hop> {
    judgement.hops.iter().find(|hop| is_of(hop, truth))
}

fn is_of(hop: &Hop, truth: &Value) -> bool {
    let key = &hop.key;
    truth["service"] == *key.service
        && truth["peer"] == *key.peer
        && truth["method"] == *key.method
        && truth["route"] == *key.route
}

fn verdict(hop: &Hop) -> &'static str {
    match hop.verdict {
        Verdict::Breaks => "breaks",
        Verdict::Forwards => "forwards",
        Verdict::Unknown(_) => "unknown",
    }
}

fn described(hop: &Hop) -> String {
    let key = &hop.key;
    format!(
        "{} -> {} {} {} ({} samples of {} calls)",
        key.service, key.peer, key.method, key.route, hop.samples, hop.calls
    )
}

fn summary(finding: &Finding) -> String {
    let Finding { code, confidence, attribution, broken, of, .. } = finding;
    let (confidence, attribution) = (confidence.name(), attribution.name());
    format!("{code} {confidence} by {attribution}, {broken} of {of}, first evidence {:?}", finding.evidence.first())
}

fn recordings() -> Vec<Recording> {
    let text = std::fs::read_to_string(folder().join("truth.json")).expect("the truth lies beside the recordings");
    let rows: Vec<Value> = serde_json::from_str(&text).expect("the truth is JSON");
    assert!(rows.len() >= 25, "the recordings are there: {}", rows.len());
    rows.into_iter().map(read).collect()
}

fn read(row: Value) -> Recording {
    let text = |key: &str| row[key].as_str().expect("a text").to_owned();
    let file = text("file");
    let bytes = std::fs::read(folder().join(&file)).expect("each row has its recording");
    let mut reader = Reader::new(&file);
    reader.push(&bytes);
    let mut observations = Vec::new();
    while let Some(next) = reader.next_observation() {
        observations.push(next.unwrap_or_else(|fault| panic!("{file}: {fault}")));
    }
    assert!(reader.finish().is_none(), "{file} ends with a line feed");
    let name = file.trim_end_matches(".ndjson").to_owned();
    let hops = row["hops"].as_array().expect("a list").clone();
    Recording { name, server: text("server"), context: text("context"), observations, hops }
}

/// `THROUGHLINE_TEST_RECORDINGS` names a folder of others, made by `tests/real/record/record.py`.
fn folder() -> PathBuf {
    let given = std::env::var_os("THROUGHLINE_TEST_RECORDINGS").map(PathBuf::from);
    given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("data/recordings"))
}

#[expect(clippy::print_stdout, reason = "figures for whoever runs it with --nocapture")]
fn say(text: &str) {
    println!("{text}");
}

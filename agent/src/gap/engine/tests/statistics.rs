//! Calls without a trace: only statistics say whose they are.

use super::super::hash::Random;
use super::*;
use crate::gap::challenge::{Challenge, Pair};
use crate::gap::judgement::Attribution;
use crate::trace::ids::TraceId;

/// How `shop` treats its requests.
#[derive(Debug, Clone, Copy)]
struct Case {
    /// Unmarked requests a second; each makes one call without a context, after 5 ms to 8 ms.
    load: u64,
    /// Marked requests, one in four seconds or so.
    marked: u64,
    /// Of ten marked requests, so many lose their context.
    lost: u64,
    /// Whether a lost one begins another trace instead.
    restarts: bool,
    /// Calls that leave after the answer instead.
    late: bool,
    /// Whether the marked requests are a challenge.
    challenge: bool,
}

const CASE: Case = Case { load: 10, marked: 80, lost: 10, restarts: false, late: false, challenge: false };

fn judged(case: Case) -> Hop {
    let mut random = Random(11);
    let mut seen = Vec::new();
    let length = case.marked * 4000;
    let serve = |seen: &mut Vec<Observation>, at: u64, lag: u64, received: Context, sent: Context| {
        seen.push(arrival("shop", at, 12, received));
        seen.push(call(at + if case.late { 14 } else { lag }, sent));
    };
    for _ in 0..length * case.load / 1000 {
        let at = random.below(length);
        serve(&mut seen, at, 5 + random.below(3), Context::default(), Context::default());
    }
    let mut challenge = Challenge::default();
    for request in 0..case.marked {
        let at = request * 4000 + random.below(1900);
        let sent = match request % 10 < case.lost {
            true if case.restarts => unmarked(1_000_000 + request, 1),
            true => Context::default(),
            false => marked(request + 1, 2),
        };
        serve(&mut seen, at, 5 + random.below(3), marked(request + 1, 1), sent);
        let trace_id = TraceId::from_bytes(u128::from(request + 1).to_be_bytes()).unwrap();
        let control = BEGIN + (request * 4000 + 2000 + random.below(1900)) * MILLI;
        challenge.pairs.push(Pair { trace_id, sent: BEGIN + at * MILLI, control });
    }
    let mut story = Story::new();
    if case.challenge {
        story.engine.challenge(&challenge);
    }
    seen.sort_by_key(|observation| observation.start);
    seen.into_iter().for_each(|observation| story.see(observation));
    hop(&story.judged())
}

/// A case, the findings that are due, and why.
type Row<'a> = (Case, &'a [(Code, Confidence)], &'a str);

#[test]
fn what_is_lost_is_found_by_comparing_windows() {
    use Confidence::*;
    let rows: [Row<'_>; 9] = [
        (Case { load: 0, ..CASE }, &[(Code::ContextLost, Likely)], "a quiet service"),
        (CASE, &[(Code::ContextLost, Likely)], "a service with some load"),
        (Case { load: 100, ..CASE }, &[(Code::ContextLost, Likely)], "a busy one, whose windows are narrow"),
        (Case { lost: 3, ..CASE }, &[(Code::ContextLost, Likely)], "three of ten"),
        (Case { lost: 0, load: 200, ..CASE }, &[], "a faithful and busy one"),
        (Case { restarts: true, ..CASE }, &[(Code::TraceRestarted, Likely)], "another trace"),
        (Case { late: true, ..CASE }, &[], "after the answer"),
        (Case { challenge: true, marked: 30, ..CASE }, &[(Code::ContextLost, Confirmed)], "a challenge proves it"),
        (Case { challenge: true, lost: 0, ..CASE }, &[], "or does not"),
    ];
    for (case, expected, reason) in rows {
        let hop = judged(case);
        assert_eq!(codes(&hop), expected, "{reason}: {hop:?}");
        match (expected, case.late) {
            ([], true) => assert!(matches!(hop.verdict, Verdict::Unknown(_)), "{reason}"),
            ([], false) => assert_eq!(hop.verdict, Verdict::Forwards, "{reason}"),
            _ => assert_eq!(hop.verdict, Verdict::Breaks, "{reason}"),
        }
    }
}

#[test]
fn how_often_and_by_what() {
    let hop = judged(Case { lost: 3, ..CASE });
    let found = finding(&hop, Code::ContextLost);
    assert!((20..=28).contains(&found.broken), "24 were lost: {found:?}");
    assert!((found.of as i64 - 80).abs() <= 4 && found.interval.0 < 0.3 && found.interval.1 > 0.3, "{found:?}");
    assert!(found.attribution <= Attribution::Alone && found.evidence.len() == 5, "{found:?}");
    let challenged = judged(Case { challenge: true, marked: 30, ..CASE });
    assert_eq!(finding(&challenged, Code::ContextLost).attribution, Attribution::Challenge);
}

#[test]
fn too_few_say_nothing() {
    let hop = judged(Case { marked: 9, load: 0, ..CASE });
    assert!(codes(&hop).iter().all(|(_, confidence)| *confidence == Confidence::Possible), "{:?}", codes(&hop));
    assert!(matches!(hop.verdict, Verdict::Unknown(_)));
}

#[test]
fn work_by_the_clock_is_not_the_requests() {
    // Every unmarked request of the route shows that it makes one call, and the marked ones make theirs.
    let mut story = Story::new();
    for request in 0..400_u64 {
        let at = request * 1000;
        let is_marked = request % 4 == 0;
        let (received, sent) = if is_marked {
            (marked(request + 1, 1), marked(request + 1, 2))
        } else {
            (Context::default(), Context::default())
        };
        story.see(arrival("shop", at, 20, received));
        story.see(call(at + 5, sent));
        if is_marked {
            story.see(call(at + 10, Context::default()));
        }
    }
    let hop = hop(&story.judged());
    assert!(codes(&hop).iter().all(|(_, confidence)| *confidence == Confidence::Possible), "{:?}", codes(&hop));
}

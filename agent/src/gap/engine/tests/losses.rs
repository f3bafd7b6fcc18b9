//! Times in which not everything was seen.

use super::super::hash::Random;
use super::*;
use crate::gap::judgement::Attribution;

/// How long a mark keeps the gate open, in milliseconds.
const GATE: u64 = 2000;

/// A busy process: but for a while after each mark, what it does is passed over. `told`: and that is said.
fn busy(threads: Option<Threads>, sent: impl Fn(u64) -> Context, told: Option<Completeness>) -> Judgement {
    let mut story = Story::before_cart();
    let mut random = Random(5);
    let mut seen = Vec::new();
    for request in 1..=60_u64 {
        let begun = request * 6000 + random.below(1000);
        for unmarked in 0..GATE / 50 {
            let at = begun + unmarked * 50 + random.below(20);
            seen.push(probed(arrival("shop", at, 15, Context::default()), BLOCKING));
            seen.push(probed(departure(at + 4 + random.below(4), Context::default()), BLOCKING));
        }
        let at = begun + 25;
        seen.push(probed(arrival("shop", at, 14, marked(request, 1)), BLOCKING));
        seen.push(probed(departure(at + 4 + random.below(4), sent(request)), BLOCKING));
        if let Some(why) = told {
            for second in 0..(6000 - GATE) / 1000 {
                let at = BEGIN + (begun + GATE + (second + 1) * 1000) * MILLI;
                story.engine.lost(at, Some("shop"), 20, why);
            }
        }
    }
    seen.sort_by_key(|observation| observation.start);
    for observation in seen {
        story.see(Observation { threads, ..observation });
    }
    story.judged()
}

/// How threads work, what is sent, what is said of the rest, what is found, and why.
type Row<'a> = (Threads, &'a dyn Fn(u64) -> Context, Option<Completeness>, Option<Code>, &'a str);

#[test]
fn what_was_passed_over_is_no_control() {
    let lost = Some(Completeness::Lost);
    let gated = Some(Completeness::Gated);
    let shared = Threads { waited_elsewhere: Some(true), ..BLOCKING };
    let whole = |trace: u64| marked(trace, 2);
    let nothing = |_: u64| Context::default();
    let no_mark = |trace: u64| unmarked(trace, 2);
    let rows: [Row<'_>; 6] = [
        (shared, &whole, gated, None, "a faithful one"),
        (shared, &nothing, lost, None, "nothing to compare with"),
        (shared, &no_mark, gated, Some(Code::MarkLost), "the trace id says so"),
        (BLOCKING, &nothing, gated, Some(Code::ContextLost), "the thread says so"),
        (BLOCKING, &nothing, lost, Some(Code::ContextLost), "whatever else was lost"),
        (BLOCKING, &whole, gated, None, "and says nothing of a faithful one"),
    ];
    for (threads, sent, told, expected, why) in rows {
        let judgement = busy(Some(threads), sent, told);
        let hop = hop(&judgement);
        let sure: Vec<Code> = hop
            .findings
            .iter()
            .filter(|found| found.confidence > Confidence::Possible && found.code != Code::ForwardedVerbatim)
            .map(|found| found.code)
            .collect();
        assert_eq!(sure, expected.into_iter().collect::<Vec<_>>(), "{why}: {:?}", hop.findings);
        let by = hop.findings.iter().map(|found| found.attribution);
        assert!(by.clone().all(|by| matches!(by, Attribution::Exact | Attribution::Section)), "{why}: {by:?}");
        assert!(judgement.coverage.gated + judgement.coverage.lost == 60 * 4 * 20, "{why}: and it is counted");
    }
}

#[test]
fn a_trace_nobody_has_seen_may_be_one_that_went_by() {
    let another = |trace: u64| unmarked(9000 + trace, 2);
    let rows = [
        (None, Confidence::Confirmed, "every request was seen"),
        (Some(Completeness::Gated), Confidence::Likely, "it may be the trace of one that was passed over"),
        (Some(Completeness::Lost), Confidence::Likely, "or of one that was lost"),
    ];
    for (told, expected, why) in rows {
        let hop = hop(&busy(Some(BLOCKING), another, told));
        assert_eq!(finding(&hop, Code::TraceRestarted).confidence, expected, "{why}");
    }
}

#[test]
fn a_service_of_which_all_was_passed_over_is_watched_nevertheless() {
    let scope = Scope { peers: vec!["elsewhere".to_owned()] };
    for (told, expected) in [(false, vec![(Code::LeftScope, Confidence::Confirmed)]), (true, vec![])] {
        let mut story = Story::with(EngineConfig { scope: scope.clone(), ..EngineConfig::default() });
        for trace in 1..=5 {
            if told {
                story.engine.lost(BEGIN + trace * SECOND, Some("cart"), 7, Completeness::Gated);
            }
            story.see(probed(arrival("shop", trace * 1000, 20, marked(trace, 1)), BLOCKING));
            story.see(probed(departure(trace * 1000 + 10, marked(trace, 2)), BLOCKING));
        }
        assert_eq!(codes(&hop(&story.judged())), expected, "told: {told}");
    }
}

#[test]
fn a_recording_says_what_was_lost() {
    let origin = || Origin { kind: SourceKind::Probe, name: "probe".into(), sequence: 0, clock: "host".into() };
    let mut story = Story::new();
    for (at, why) in [(1, Completeness::Gated), (2, Completeness::Gated), (3, Completeness::Lost)] {
        story.see(Observation::loss(origin(), Direction::In, "shop".into(), BEGIN + at * SECOND, why));
    }
    story.see(Observation { completeness: Completeness::Encrypted, ..arrival("shop", 4000, 5, Context::default()) });
    let judgement = story.judged();
    let told: Vec<_> = judgement.arrivals.iter().map(|found| (&*found.route, found.count, &*found.not_whole)).collect();
    let lost = [(Completeness::Lost, 1), (Completeness::Gated, 2)];
    assert_eq!(told, [("/", 1, &[(Completeness::Encrypted, 1)][..]), (crate::gap::route::OTHER, 3, &lost)]);
    assert_eq!((judgement.coverage.gated, judgement.coverage.lost, judgement.coverage.encrypted), (2, 1, 1));
}

#[test]
fn why_heads_were_not_seen() {
    let mut story = Story::before_cart();
    let kinds = [Completeness::Truncated, Completeness::JoinedLate, Completeness::JoinedLate];
    for (at, completeness) in (1..).zip(kinds) {
        story.see(Observation { completeness, ..probed(departure(at * 1000, Context::default()), BLOCKING) });
    }
    let judgement = story.judged();
    let hop = hop(&judgement);
    assert_eq!(hop.not_whole, [(Completeness::Truncated, 1), (Completeness::JoinedLate, 2)]);
    assert_eq!(hop.verdict, Verdict::Unknown(crate::gap::judgement::UnknownReason::NotObservable));
    assert_eq!((judgement.coverage.truncated, judgement.coverage.unreadable), (1, 2));
}

//! Whatever comes, in whatever order.

#![expect(clippy::indexing_slicing, reason = "a failed test should stop")]

use proptest::prelude::*;

use super::*;
use crate::trace::counts::Label as _;

const LINES: [&str; 6] = [
    "00-0000000000000000000000000000000a-000000000000000a-01",
    "00-0000000000000000000000000000000b-000000000000000b-00",
    "00-0000000000000000000000000000000A-000000000000000A-01",
    "00-0000000000000000000000000000000a-000000000000000a-01-",
    "ff-0000000000000000000000000000000a-000000000000000a-01",
    "0000000000000000000000000000000a",
];

fn any_context() -> impl Strategy<Value = Context> {
    let traceparent = prop::collection::vec(prop_oneof![4 => 0_usize..2, 1 => 2_usize..6], 0..3);
    let state = prop_oneof![Just("checkly=true"), Just("a=1,checkly=true"), Just("=,"), Just("")];
    let loose = (any::<bool>(), any::<bool>(), 0_u8..4);
    (traceparent, state, loose).prop_map(|(lines, state, (kept, problem, mark))| {
        let lines: Vec<&str> = lines.into_iter().map(|line| LINES[line]).collect();
        let read = context(&lines, if state.is_empty() { &[] } else { std::slice::from_ref(&state) });
        let mark = [read.mark.0, read.mark.0, Mark::Untrusted, Mark::None][usize::from(mark)];
        let problem =
            if problem { read.problem } else { Some(TraceparentError::TooShort).filter(|_| lines.is_empty() && !kept) };
        Context { mark: MarkSeen(mark), tracestate_kept: kept, problem, ..read }
    })
}

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![20 => (0_u64..20_000).prop_map(|at| BEGIN + at * MILLI), 1 => any::<u64>()]
}

/// An observation of any kind; `calm`: times within the window, whole heads.
fn any_observation(calm: bool) -> impl Strategy<Value = Observation> {
    let time = if calm { (0_u64..20_000).prop_map(|at| BEGIN + at * MILLI).boxed() } else { any_time().boxed() };
    let end = if calm { (0_u64..3000).prop_map(|at| Some(at * MILLI)).boxed() } else { any::<Option<u64>>().boxed() };
    let ends = (0_usize..4, 0_usize..4);
    let names = (0_usize..3, 0_usize..3, 0_usize..6, 0_usize..2, ends);
    let kinds =
        (0_usize..3, any::<bool>(), 0_u32..4, any::<Option<bool>>(), prop_oneof![6 => Just(0_usize), 1 => 1_usize..10]);
    (time, end, any_context(), names, kinds).prop_map(move |(start, lasting, context, names, kinds)| {
        let (service, peer, resolved, clock, (own, other)) = names;
        let end = |end: usize| [None, Some(1), Some(2), Some(3)][end].map(|port| ([10, 0, 0, 1], port).into());
        let (kind, is_in, thread, waited, completeness) = kinds;
        let base = arrival(["shop", "cart", "desk"][service], 0, 1, context);
        let direction = if is_in { Direction::In } else { Direction::Out };
        let resolved = [
            Resolved::Unknown,
            Resolved::Socket,
            Resolved::Address,
            Resolved::Egress,
            Resolved::Intermediary,
            Resolved::Proxy,
        ][resolved];
        let service = Some(Arc::from(["shop", "cart", "desk"][peer]));
        let completeness = Completeness::ALL[completeness];
        Observation {
            origin: Origin {
                kind: [SourceKind::Proxy, SourceKind::Probe, SourceKind::File][kind],
                clock: ["host", "elsewhere"][clock].into(),
                ..base.origin
            },
            direction,
            peer: Peer { service: service.filter(|_| other > 0), address: end(other), resolved, ..Peer::default() },
            local: end(own),
            start,
            end: lasting.map(|end| if calm { start + end } else { end }),
            process: (thread > 1).then_some(Process { pid: thread, started: 1 }),
            threads: (thread > 0).then_some(Threads { head: thread, answer: Some(thread), waited_elsewhere: waited }),
            completeness: if calm { Completeness::Whole } else { completeness },
            synthetic: thread == 3,
            ..base
        }
    })
}

fn judged(observations: impl IntoIterator<Item = Observation>) -> Judgement {
    let mut engine = Engine::new(EngineConfig::default(), 1);
    observations.into_iter().for_each(|observation| engine.observe(observation));
    engine.finish();
    engine.judgement()
}

fn numbered(observations: Vec<Observation>) -> Vec<Observation> {
    let mut observations = observations;
    observations.iter_mut().zip(0..).for_each(|(observation, number)| observation.origin.sequence = number);
    observations
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics(
        observations in prop::collection::vec(any_observation(false), 0..80),
        lost in prop::collection::vec((any_time(), any::<u64>()), 0..3),
        now in any_time(),
    ) {
        let mut engine = Engine::new(EngineConfig::default(), 1);
        for observation in numbered(observations) {
            engine.observe(observation);
            lost.iter().for_each(|(at, count)| engine.lost(*at, Some("shop"), *count, Completeness::Lost));
        }
        engine.advance(now);
        let _ = engine.judgement();
        engine.finish();
        let _ = engine.judgement();
    }

    #[test]
    fn the_order_within_the_window_does_not_matter(
        (observations, shuffled) in prop::collection::vec(any_observation(true), 0..80)
            .prop_map(numbered)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        prop_assert_eq!(judged(shuffled), judged(observations));
    }

    #[test]
    fn duplicates_change_nothing(observations in prop::collection::vec(any_observation(true), 0..80)) {
        let observations = numbered(observations);
        let twice = observations.iter().flat_map(|observation| [observation.clone(), observation.clone()]);
        let mut again = judged(twice.chain(observations.clone()));
        prop_assert_eq!(again.coverage.duplicates, 2 * observations.len() as u64);
        again.coverage.duplicates = 0;
        prop_assert_eq!(again, judged(observations));
    }

    #[test]
    fn incomplete_heads_never_break(
        observations in prop::collection::vec(any_observation(true), 0..120),
        completeness in prop::sample::select(Completeness::ALL.iter().skip(1).copied().collect::<Vec<_>>()),
    ) {
        let cut = numbered(observations).into_iter().map(|observation| Observation { completeness, ..observation });
        let judgement = judged(cut);
        prop_assert!(judgement.hops.iter().all(|hop| hop.verdict != Verdict::Breaks && hop.findings.is_empty()));
    }
}

//! Every cell of the table, then what holds in all of them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;
use crate::trace::traceparent::TraceparentError;
use crate::trace::tracestate::TracestateError;

const IDENTITY: RequestIdentity<'_> = RequestIdentity { method: b"GET", host: b"shop", target: b"/cart" };
const DEFAULT: Policy = Policy {
    record: RecordMode::Marked,
    inject: InjectPolicy::Recorded,
    sampled: SampledPolicy::Set,
    upstream: UpstreamKind::Uninstrumented,
};
const ALL: Policy = Policy { record: RecordMode::All, ..DEFAULT };
const STATE: Inspection = Inspection { validity: Ok(1), marked: false, present: true };

/// Counts up from a large odd number, so that ids differ and tell their order.
struct Steps(u64, u32);

impl RandomSource for Steps {
    fn next_u64(&mut self) -> u64 {
        self.1 += 1;
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0
    }
}

fn context(flags: u8) -> Incoming {
    let header = format!("00-12345678901234567890123456789012-1234567890123456-{flags:02x}");
    Incoming::Valid(Traceparent::parse(header.as_bytes()).unwrap())
}

fn received(context: &Incoming, mark: Mark) -> Received<'_> {
    Received { context, tracestate: STATE, mark, identity: IDENTITY }
}

fn run(context: &Incoming, mark: Mark, policy: Policy, gate: Gate) -> Decision {
    decide(&received(context, mark), &policy, false, |_| gate, &mut Steps(1, 0))
}

#[test]
fn each_cell_of_the_table() {
    use Action::*;
    let (valid, absent, invalid) = (context(1), Incoming::Absent, Incoming::Invalid(TraceparentError::TooShort));
    let none = Policy { record: RecordMode::None, ..DEFAULT };
    let off = Policy { inject: InjectPolicy::Off, ..ALL };
    let inject_all = Policy { inject: InjectPolicy::All, ..DEFAULT };
    let other_backend = |policy| Policy { upstream: UpstreamKind::Instrumented, ..policy };
    let same_backend = |policy| Policy { upstream: UpstreamKind::InstrumentedSameBackend, ..policy };
    let rows = [
        // why, context, mark, policy, action, recorded, header written, tracestate dropped
        ("unmarked", valid, Mark::None, DEFAULT, Forward, false, false, None),
        ("unmarked, absent", absent, Mark::None, DEFAULT, Forward, false, false, None),
        ("unmarked, invalid", invalid, Mark::None, DEFAULT, Forward, false, false, None),
        ("untrusted is unmarked", valid, Mark::Untrusted, DEFAULT, Forward, false, false, None),
        ("marked", valid, Mark::Other, DEFAULT, Continue, true, true, None),
        ("marked and trusted", valid, Mark::Trusted, DEFAULT, Continue, true, true, None),
        ("marked, other backend", valid, Mark::Other, other_backend(DEFAULT), Observe, true, false, None),
        ("marked, same backend", valid, Mark::Other, same_backend(DEFAULT), Continue, true, true, None),
        ("record none", valid, Mark::Trusted, none, Forward, false, false, None),
        ("record all, unmarked", valid, Mark::None, ALL, Continue, true, true, None),
        ("record all, absent", absent, Mark::None, ALL, Start, true, true, Some(TracestateDrop::WithoutTraceparent)),
        (
            "record all, invalid",
            invalid,
            Mark::None,
            ALL,
            Restart,
            true,
            true,
            Some(TracestateDrop::InvalidTraceparent),
        ),
        (
            "record all, absent, other backend",
            absent,
            Mark::None,
            other_backend(ALL),
            Start,
            true,
            true,
            Some(TracestateDrop::WithoutTraceparent),
        ),
        (
            "a marker without W3C context",
            absent,
            Mark::Trusted,
            DEFAULT,
            Start,
            true,
            true,
            Some(TracestateDrop::WithoutTraceparent),
        ),
        ("inject off continues", valid, Mark::None, off, Continue, true, true, None),
        ("inject off never starts", absent, Mark::None, off, Observe, true, false, None),
        ("inject off never restarts", invalid, Mark::None, off, Observe, true, false, None),
        ("inject all, valid", valid, Mark::None, inject_all, Forward, false, false, None),
        (
            "inject all, absent",
            absent,
            Mark::None,
            inject_all,
            Start,
            false,
            true,
            Some(TracestateDrop::WithoutTraceparent),
        ),
        (
            "inject all, invalid",
            invalid,
            Mark::None,
            inject_all,
            Restart,
            false,
            true,
            Some(TracestateDrop::InvalidTraceparent),
        ),
        ("inject all, marked", valid, Mark::Other, inject_all, Continue, true, true, None),
    ];
    for (why, context, mark, policy, action, recorded, header, dropped) in rows {
        let decision = run(&context, mark, policy, Gate::Open);
        assert_eq!((decision.action, decision.recording.is_some()), (action, recorded), "{why}");
        assert_eq!((decision.drops_tracestate, decision.withheld), (dropped, None), "{why}");
        let attempt = decision.attempt(&mut Steps(2, 0));
        assert_eq!(attempt.is_some(), recorded || header, "{why}: an id where there is a span or a header");
        assert_eq!(attempt.is_some_and(|attempt| attempt.traceparent.is_some()), header, "{why}");
        for gate in [Gate::NotAdmitted, Gate::NoRoom(NoRoom::Off), Gate::NoRoom(NoRoom::QueueFull)] {
            let closed = run(&context, mark, policy, gate);
            let expected = if recorded { Decision { withheld: Some(gate), ..Decision::FORWARD } } else { decision };
            assert_eq!(closed, expected, "{why}: a closed gate forwards what was to be recorded");
        }
        let bypassed = decide(&received(&context, mark), &policy, true, |_| panic!("{why}"), &mut Steps(3, 0));
        assert_eq!(bypassed, Decision::FORWARD, "{why}: the emergency switch forwards, and asks nothing");
    }
}

#[test]
fn flags_that_go_out() {
    let keep = |policy| Policy { sampled: SampledPolicy::Keep, ..policy };
    let inject_all = Policy { inject: InjectPolicy::All, ..DEFAULT };
    let rows = [
        ("marked: sampled is set", context(0x00), Mark::Other, DEFAULT, "01"),
        ("marked: stays set", context(0x01), Mark::Other, DEFAULT, "01"),
        ("marked, keep", context(0x00), Mark::Other, keep(DEFAULT), "00"),
        ("unmarked, recorded: kept at 0", context(0x00), Mark::None, ALL, "00"),
        ("unmarked, recorded: kept at 1", context(0x01), Mark::None, ALL, "01"),
        ("untrusted, recorded: kept", context(0x00), Mark::Untrusted, ALL, "00"),
        ("the random flag is kept", context(0x02), Mark::Other, DEFAULT, "03"),
        ("unknown flags are zeroed", context(0xff), Mark::None, ALL, "03"),
        ("unknown flags are zeroed, keep", context(0xfc), Mark::Other, keep(DEFAULT), "00"),
        ("recorded start: sampled and random", Incoming::Absent, Mark::None, ALL, "03"),
        ("recorded start, keep: there is nothing to keep", Incoming::Absent, Mark::Other, keep(DEFAULT), "03"),
        ("unrecorded start: random only", Incoming::Absent, Mark::None, inject_all, "02"),
    ];
    for (why, context, mark, policy, flags) in rows {
        let decision = run(&context, mark, policy, Gate::Open);
        let header = decision.attempt(&mut Steps(2, 0)).unwrap().traceparent.unwrap();
        assert!(header.ends_with(flags.as_bytes()), "{why}: {}", header.escape_ascii());
        if let Some(recording) = decision.recording {
            assert_eq!(format!("{:02x}", recording.flags.byte()), flags, "{why}: the span says what went out");
            assert_eq!(recording.marked, mark.counts(), "{why}");
        }
    }
}

#[test]
fn an_unusable_tracestate_goes_only_where_the_context_changes() {
    let bad = Inspection { validity: Err(TracestateError::BadKey), marked: false, present: true };
    let observe = Policy { upstream: UpstreamKind::Instrumented, ..ALL };
    let rows = [
        ("continued: dropped", context(1), bad, ALL, Some(TracestateDrop::Invalid)),
        ("forwarded: kept", context(1), bad, DEFAULT, None),
        ("observed: kept", context(1), bad, observe, None),
        ("started without any: nothing to drop", Incoming::Absent, Inspection::ABSENT, ALL, None),
        (
            "started: dropped for the missing traceparent",
            Incoming::Absent,
            bad,
            ALL,
            Some(TracestateDrop::WithoutTraceparent),
        ),
    ];
    for (why, context, tracestate, policy, dropped) in rows {
        let received = Received { tracestate, ..received(&context, Mark::None) };
        let decision = decide(&received, &policy, false, |_| Gate::Open, &mut Steps(1, 0));
        assert_eq!(decision.drops_tracestate, dropped, "{why}");
    }
}

#[test]
fn the_gate_learns_the_trace_and_whose_bucket_counts() {
    let rows = [
        ("marked", context(1), Mark::Other, DEFAULT, Some(Source::Other)),
        ("trusted", context(1), Mark::Trusted, DEFAULT, Some(Source::Trusted)),
        ("record all has no admission", context(1), Mark::Trusted, ALL, None),
        ("a new trace", Incoming::Absent, Mark::Trusted, DEFAULT, Some(Source::Trusted)),
    ];
    for (why, context, mark, policy, source) in rows {
        let mut asked = None;
        let gate = |candidate| {
            asked = Some(candidate);
            Gate::Open
        };
        let decision = decide(&received(&context, mark), &policy, false, gate, &mut Steps(1, 0));
        let trace_id = decision.recording.unwrap().trace_id;
        assert_eq!(asked, Some(Candidate { trace_id, source }), "{why}");
    }
}

#[test]
fn what_is_not_wanted_asks_for_nothing() {
    for context in [context(1), Incoming::Absent, Incoming::Invalid(TraceparentError::Empty)] {
        let mut random = Steps(1, 0);
        let decision = decide(&received(&context, Mark::None), &DEFAULT, false, |_| panic!("the gate"), &mut random);
        assert_eq!((decision, decision.attempt(&mut random), random.1), (Decision::FORWARD, None, 0));
    }
}

#[test]
fn a_request_that_comes_back_is_refused_after_sixteen_rounds() {
    let (mut random, mut incoming) = (Steps(1, 0), context(1));
    for round in 0..=u32::from(hops::MAX_HOPS) {
        let decision = decide(&received(&incoming, Mark::Other), &DEFAULT, false, |_| Gate::Open, &mut random);
        assert_eq!(decision.action, Action::Continue, "round {round}");
        let header = decision.attempt(&mut random).unwrap().traceparent.unwrap();
        incoming = Incoming::extract([header.as_slice()]);
    }
    let looping = received(&incoming, Mark::Other);
    let refused = decide(&looping, &DEFAULT, false, |_| Gate::Open, &mut random);
    assert_eq!((refused.action, refused.attempt(&mut random)), (Action::Loop, None));
    assert!(refused.recording.is_some(), "the refusal is a span, too");
    let closed = decide(&looping, &DEFAULT, false, |_| Gate::NotAdmitted, &mut random);
    assert_eq!((closed.action, closed.recording), (Action::Loop, None), "refused without a span as well");
    assert_eq!(closed.withheld, Some(Gate::NotAdmitted));
    let elsewhere = Received { identity: RequestIdentity { target: b"/pay", ..IDENTITY }, ..looping };
    let other = decide(&elsewhere, &DEFAULT, false, |_| Gate::Open, &mut random);
    assert_eq!(other.action, Action::Continue, "another path of the same service is no loop");
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let record = prop::sample::select(vec![RecordMode::Marked, RecordMode::All, RecordMode::None]);
    let inject = prop::sample::select(vec![InjectPolicy::Recorded, InjectPolicy::All, InjectPolicy::Off]);
    let sampled = prop::sample::select(vec![SampledPolicy::Set, SampledPolicy::Keep]);
    let kinds = [UpstreamKind::Uninstrumented, UpstreamKind::Instrumented, UpstreamKind::InstrumentedSameBackend];
    (record, inject, sampled, prop::sample::select(kinds.to_vec()))
        .prop_map(|(record, inject, sampled, upstream)| Policy { record, inject, sampled, upstream })
}

proptest! {
    #[test]
    fn ids_are_new_and_the_trace_stays(policy in any_policy(), flags: u8, seed: u64, marked: bool) {
        let (incoming, mut random) = (context(flags), Steps(seed, 0));
        let mark = if marked { Mark::Other } else { Mark::None };
        let decision = decide(&received(&incoming, mark), &policy, false, |_| Gate::Open, &mut random);
        let sent = *incoming.valid().unwrap();
        let attempts = [decision.attempt(&mut random), decision.attempt(&mut random)];
        for attempt in attempts.into_iter().flatten() {
            let recording = decision.recording.unwrap();
            prop_assert!(attempt.id != sent.parent_id && attempt.id != recording.server_id);
            if let Some(header) = attempt.traceparent {
                let read = Traceparent::parse(&header).unwrap();
                prop_assert_eq!((read.trace_id, read.parent_id), (sent.trace_id, attempt.id));
            }
        }
        if let [Some(first), Some(second)] = attempts {
            prop_assert_ne!(first.id, second.id);
        }
    }
}

//! What is seen of a hop, from where, and what is not.

#![expect(clippy::indexing_slicing, reason = "a failed test should stop")]

use super::*;
use crate::gap::judgement::UnknownReason;

/// Five marked requests whose calls lose the mark, changed by these.
fn told(
    config: EngineConfig,
    change_in: impl Fn(u64, &mut Observation),
    change_out: impl Fn(u64, &mut Observation),
) -> Judgement {
    let mut story = Story::with(config);
    for trace in 1..=5 {
        let mut request = arrival("shop", trace * 1000, 20, marked(trace, 1));
        change_in(trace, &mut request);
        story.see(request);
        let mut called = call(trace * 1000 + 10, unmarked(trace, 2));
        change_out(trace, &mut called);
        story.see(called);
    }
    story.judged()
}

fn leave(_: u64, _: &mut Observation) {}

#[test]
fn one_hop_seen_from_two_points_is_one() {
    let rows = [
        (SourceKind::Probe, Resolved::Socket),
        (SourceKind::File, Resolved::Address),
        (SourceKind::Proxy, Resolved::Egress),
    ];
    for (kind, resolved) in rows {
        let mut story = Story::new();
        for trace in 1..=5 {
            story.see(arrival("shop", trace * 1000, 20, marked(trace, 1)));
            let mut left = departure(trace * 1000 + 10, unmarked(trace, 2));
            left.origin.kind = kind;
            story.see(left);
            let mut arrived = call(trace * 1000 + 11, unmarked(trace, 2));
            arrived.peer.resolved = resolved;
            story.see(arrived);
        }
        let hop = hop(&story.judged());
        assert_eq!((hop.calls, hop.samples), (5, 5), "{kind:?} {resolved:?}");
    }
}

#[test]
fn what_cannot_be_known() {
    let nat = told(EngineConfig::default(), leave, |_, called| called.peer.resolved = Resolved::Intermediary);
    assert_eq!(hop(&nat).verdict, Verdict::Unknown(UnknownReason::Intermediary));
    assert!(hop(&nat).findings.is_empty() && nat.coverage.callers_unknown == 10, "five callers and five monitors");
    let cut = told(EngineConfig::default(), leave, |_, called| called.completeness = Completeness::Truncated);
    assert_eq!(hop(&cut).verdict, Verdict::Unknown(UnknownReason::NotObservable));
    assert_eq!((hop(&cut).samples, cut.coverage.truncated), (0, 5));
    let none = told(EngineConfig::default(), |_, request| request.context = Context::default(), leave);
    assert_eq!(hop(&none).verdict, Verdict::Unknown(UnknownReason::NoMarkedTraffic));
    let untrusted = told(EngineConfig::default(), |_, request| request.context.mark = MarkSeen(Mark::Untrusted), leave);
    assert!(hop(&untrusted).findings.is_empty(), "a mark that does not count is none");
}

#[test]
fn leaves_and_the_scope() {
    let outside = |_: u64, called: &mut Observation| {
        *called = departure((called.start - BEGIN) / MILLI, called.context.clone());
        called.peer = Peer { host: Some("api.example".into()), ..Peer::default() };
    };
    let leaf = told(EngineConfig::default(), leave, outside);
    assert_eq!(codes(&hop(&leaf)), [], "nobody knows whether it cares");
    let scope = |peer: &str| EngineConfig { scope: Scope { peers: vec![peer.to_owned()] }, ..EngineConfig::default() };
    let left = told(scope("*.internal"), leave, outside);
    assert_eq!(codes(&hop(&left)), [(Code::LeftScope, Confidence::Confirmed)]);
    let within = told(scope("api.*"), leave, outside);
    assert_eq!(codes(&hop(&within)), [(Code::MarkLost, Confidence::Confirmed)], "declared, so it is judged");
}

#[test]
fn a_strict_callee_makes_a_change_worse() {
    let more = |trace: u64, called: &mut Observation| {
        called.context = context(&[&parent(trace, 2)], &["a=1,checkly=true"]);
    };
    for (strict, severity) in
        [(vec![], crate::gap::code::Severity::Info), (vec!["c*".to_owned()], crate::gap::code::Severity::Warn)]
    {
        let judgement = told(EngineConfig { strict_tracestate: strict, ..EngineConfig::default() }, leave, more);
        assert_eq!(finding(&hop(&judgement), Code::TracestateChanged).severity, severity);
    }
}

#[test]
fn evidence_belongs_to_an_epoch() {
    let mut story = Story::new();
    for trace in 1..=10 {
        let epoch: Arc<str> = if trace <= 5 { "v1".into() } else { "v2".into() };
        story.see(Observation { epoch: Some(epoch), ..arrival("shop", trace * 1000, 20, marked(trace, 1)) });
        let sent = if trace <= 5 { unmarked(trace, 2) } else { marked(trace, 2) };
        story.see(call(trace * 1000 + 10, sent));
    }
    let judgement = story.judged();
    let told: Vec<_> = judgement.hops.iter().map(|hop| (hop.epoch.as_deref(), hop.is_current, hop.verdict)).collect();
    assert_eq!(
        told,
        [(Some("v2"), true, Verdict::Forwards), (Some("v1"), false, Verdict::Breaks)],
        "fixed, and turned green"
    );
    assert_eq!((judgement.coverage.hops_seen, judgement.coverage.hops_judged), (1, 1));
}

#[test]
fn arrivals() {
    let mut story = Story::new();
    let synthetic = |at: u64, context: Context| Observation { synthetic: true, ..arrival("shop", at, 5, context) };
    story.see(synthetic(0, marked(1, 1)));
    story.see(synthetic(10, Context::default()));
    story.see(Observation { method: "OPTIONS".into(), ..synthetic(20, Context::default()) });
    let mut forged = arrival("cart", 30, 5, marked(2, 1));
    forged.context.mark = MarkSeen(Mark::Untrusted);
    forged.peer.address = "192.0.2.1:80".parse().ok();
    story.see(forged);
    story.see(Observation { completeness: Completeness::Encrypted, ..arrival("desk", 40, 5, Context::default()) });
    let judgement = story.judged();
    let told: Vec<_> =
        judgement.arrivals.iter().map(|found| (&*found.service, found.code, found.count, found.of)).collect();
    let expected = [
        ("cart", Code::MarkUntrusted, 1, 1),
        ("desk", Code::NotObservable, 1, 1),
        ("shop", Code::MonitorUnmarked, 1, 2),
    ];
    assert_eq!(told, expected, "preflights are left out");
    assert_eq!(judgement.arrivals[0].example, "192.0.2.1:80".parse().ok());
}

#[test]
fn coverage() {
    let judgement = told(EngineConfig::default(), leave, leave).coverage;
    assert_eq!((judgement.observations, judgement.marked_requests, judgement.marked_without_call), (10, 5, 0));
    assert_eq!(judgement.services, ["cart".into(), "shop".into()]);
    assert_eq!(judgement.services_without_mark, ["cart".into()]);
    assert_eq!(judgement.by_source, [(SourceKind::Proxy, 10)]);
    let mut idle = Story::new();
    idle.see(arrival("shop", 0, 5, marked(1, 1)));
    assert_eq!(idle.judged().coverage.marked_without_call, 1);
}

#[test]
fn bounds_hold() {
    let bounds = Bounds { services: 4, hops: 8, texts: 64, ..Bounds::default() };
    let mut story = Story::with(EngineConfig { bounds, ..EngineConfig::default() });
    for number in 0..200_u64 {
        let mut seen = call(number * 10, marked(number + 1, 1));
        seen.service = format!("service-{number}").into();
        story.see(seen);
    }
    let judgement = story.judged();
    assert!(judgement.hops.len() <= 8 && judgement.coverage.services.len() <= 4);
    assert!(judgement.coverage.over_bound > 100, "and it is said: {}", judgement.coverage.over_bound);
}

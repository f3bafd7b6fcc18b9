//! Paths of traces: their order, what follows from them, and how they are printed.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use super::*;
use crate::gap::code::Code;
use crate::gap::judgement::{Attribution, Hop, UnknownReason};
use crate::gap::observation::{
    Completeness, Context, Direction, MarkSeen, Observation, Origin, Peer, Resolved, SourceKind as Seen,
};
use crate::report::example::{AT, MINUTE, judged, judgement};
use crate::report::source::{Problem, ProblemKind, SourceKind};
use crate::report::table::View;
use crate::report::text::is_harmful;
use crate::trace::ids::TraceId;
use crate::trace::marker::Mark;

const VIEW: View = View { width: 80, colour: false, evidence: false };
const SENT: u64 = 20;

fn trace(number: u64) -> TraceId {
    TraceId::from_bytes(u128::from(number + 1).to_be_bytes()).unwrap()
}

fn arrival(service: &str, caller: Option<&str>, number: u64, start: u64) -> Observation {
    Observation {
        origin: Origin { kind: Seen::Proxy, name: "agent".into(), sequence: number, clock: "host".into() },
        direction: Direction::In,
        service: service.into(),
        process: None,
        epoch: None,
        peer: Peer { service: caller.map(Into::into), resolved: Resolved::Socket, ..Peer::default() },
        local: None,
        method: "GET".into(),
        route: "/".into(),
        start,
        end: Some(start + 1_000_000),
        context: Context {
            traceparent: vec![format!("00-{}-00f067aa0ba902b7-01", trace(number)).into()],
            tracestate: vec!["checkly=true".into()],
            mark: MarkSeen(Mark::Other),
            has_tracestate: true,
            tracestate_kept: true,
            ..Context::default()
        },
        status: Some(200),
        connection: None,
        threads: None,
        completeness: Completeness::Whole,
        synthetic: false,
    }
}

/// Traces that arrived at these services, so many of them, from these callers.
fn follow(places: &[(&str, Option<&str>, u64)]) -> Follow {
    let mut follow = Follow::new((0..SENT).map(trace));
    for (delay, (service, caller, count)) in (0..).zip(places) {
        for number in 0..*count {
            follow.observe(&arrival(service, *caller, number, AT + number * 1_000_000_000 + delay));
        }
    }
    follow
}

fn sent() -> Sent {
    Sent {
        url: "http://127.0.0.1:8080/checkout/1".to_owned(),
        method: "GET".to_owned(),
        requests: SENT,
        statuses: BTreeMap::from([(200, SENT)]),
        failed: 0,
        failure: None,
        window_ms: 250,
        from: Timestamp(AT),
        to: Timestamp(AT + MINUTE),
    }
}

fn agent(problem: Option<ProblemKind>) -> Vec<Source> {
    let problems = problem.into_iter().map(|kind| Problem { kind, count: 1, detail: "why".to_owned() }).collect();
    vec![Source::new("http://127.0.0.1:9464".to_owned(), SourceKind::Agent, 60, problems)]
}

fn challenged(service: &str, peer: &str, code: Code, confidence: Confidence) -> Hop {
    let mut hop = judged(service, peer, Some((code, confidence)), None);
    for finding in &mut hop.findings {
        (finding.attribution, finding.broken, finding.of) = (Attribution::Challenge, 20, 20);
        finding.interval = (0.839, 1.0);
    }
    hop
}

fn compose(hops: Vec<Hop>, follow: &Follow) -> TestReport {
    TestReport::compose(&judgement(hops), follow, sent(), agent(None), AT + 2 * MINUTE)
}

#[test]
fn the_path_is_printed_in_its_order() {
    let hops = vec![
        judged("cart", "stock", None, None),
        challenged("shop", "mail", Code::ContextLost, Confidence::Confirmed),
        judged("shop", "cart", None, None),
        judged("shop", "config", None, Some(UnknownReason::TooFewSamples)),
        judged("elsewhere", "mail", None, None),
    ];
    let follow = follow(&[("shop", None, 20), ("cart", Some("shop"), 20), ("stock", Some("cart"), 19)]);
    let page = render(&compose(hops, &follow), VIEW);
    let expected = "\
throughline test  GET http://127.0.0.1:8080/checkout/1
20 marked requests, 2025-11-25 21:00:02 to 21:01:02 UTC; 20 answered 200
Exit code 1: shop -> mail GET /mail/{} breaks: G101.

Path
shop                          20 of 20 traces arrived
  breaks      -> mail  GET /mail/{}
              G101 context lost: 20 of 20 (83-100 %), confirmed by challenge
              fix: in shop, copy traceparent and tracestate from the request it
                   serves to this call
  forwards    -> cart  GET /cart/{}
              12 of 12 traces went through
  not judged  -> config  GET /config/{}
              too few samples
mail                          0 of 20 traces arrived
  the trace ended before it
cart                          20 of 20 traces arrived
  forwards    -> stock  GET /stock/{}
              12 of 12 traces went through
stock                         19 of 20 traces arrived
  was seen to call nobody

Next
  throughline explain G101
      causes, and the fix in eight languages
";
    assert_eq!(page, expected, "as printed:\n{page}");
}

#[test]
fn exit_codes() {
    type Row = (Vec<Hop>, &'static [(&'static str, Option<&'static str>, u64)], u8, &'static str, &'static str);
    let both: &[(&str, Option<&str>, u64)] = &[("shop", None, 20), ("cart", Some("shop"), 20)];
    let one: &[(&str, Option<&str>, u64)] = &[("shop", None, 20)];
    let rows: Vec<Row> = vec![
        (vec![judged("shop", "cart", None, None)], both, 0, "", "all forwards"),
        (vec![challenged("shop", "cart", Code::ContextLost, Confidence::Confirmed)], one, 1, "breaks: G101", "broken"),
        (
            vec![challenged("shop", "cart", Code::MarkLost, Confidence::Likely)],
            both,
            1,
            "breaks: G103",
            "likely broken",
        ),
        (vec![challenged("shop", "cart", Code::ContextLost, Confidence::Possible)], one, 3, "possibly", "not sure"),
        (
            vec![judged("shop", "cart", None, Some(UnknownReason::TooFewSamples))],
            one,
            3,
            "no hop was judged",
            "unknown",
        ),
        (vec![], one, 3, "no hop was judged", "a service that calls nobody"),
        (vec![], &[], 3, "no agent saw any of the traces", "nobody saw them"),
        (
            vec![
                challenged("other", "cart", Code::ContextLost, Confidence::Confirmed),
                judged("shop", "cart", None, None),
            ],
            both,
            0,
            "",
            "a hop that is not on the way is not tested",
        ),
    ];
    for (hops, places, code, said, reason) in rows {
        let exit = compose(hops, &follow(places)).exit;
        assert_eq!(exit.code, code, "{reason}: {:?}", exit.reasons);
        assert!(exit.reasons.join("; ").contains(said), "{reason}: {:?}", exit.reasons);
    }
}

#[test]
fn what_is_missing_is_no_success() {
    let forwards = || judgement(vec![judged("shop", "cart", None, None)]);
    let follow = follow(&[("shop", None, 20), ("cart", Some("shop"), 20)]);
    let compose = |sent, agents| TestReport::compose(&forwards(), &follow, sent, agents, AT);
    let missing = compose(sent(), agent(Some(ProblemKind::Unreachable)));
    assert_eq!(missing.exit.code, 3);
    assert!(render(&missing, VIEW).contains("Missing\n  http://127.0.0.1:9464: unreachable: why\n"));
    let few = compose(Sent { requests: 9, ..sent() }, agent(None));
    assert_eq!(few.exit.code, 3, "fewer than ten prove nothing");
    let failed = Sent { statuses: BTreeMap::new(), failed: 3, failure: Some("connection refused".into()), ..sent() };
    let nobody = compose(failed, agent(None));
    assert_eq!((nobody.exit.code, nobody.next.first().unwrap().command.starts_with("curl -v")), (3, true));
    assert!(render(&nobody, VIEW).contains("no request was answered: connection refused"));
}

#[test]
fn a_mark_that_is_not_trusted_is_said_to_be_so() {
    let mut follow = Follow::new((0..SENT).map(trace));
    for number in 0..SENT {
        let mut seen = arrival("shop", None, number, AT);
        seen.context.mark = MarkSeen(Mark::Untrusted);
        follow.observe(&seen);
    }
    let test = compose(vec![judged("shop", "cart", None, Some(UnknownReason::NoMarkedTraffic))], &follow);
    assert_eq!((test.exit.code, test.services.first().unwrap().untrusted), (3, SENT));
    assert!(test.exit.reasons.iter().any(|reason| reason.contains("--trust")), "{:?}", test.exit.reasons);
}

#[test]
fn nobody_saw_them_says_what_to_do() {
    let mut nothing = judgement(vec![]);
    nothing.coverage.services = vec![];
    let unseen =
        |judgement: &Judgement| render(&TestReport::compose(judgement, &follow(&[]), sent(), agent(None), AT), VIEW);
    let page = unseen(&nothing);
    assert!(page.contains("no agent saw any of the traces"), "{page}");
    assert!(page.contains("the agents saw no request at all") && page.contains("It may be another"), "{page}");
    let others = judgement(vec![judged("billing", "ledger", None, None)]);
    let page = unseen(&others);
    assert!(page.contains("other requests (at billing, ledger)") && page.contains("traceparent out"), "{page}");
}

#[test]
fn a_circle_of_calls_ends() {
    let hops = vec![judged("a", "b", None, None), judged("b", "a", None, None)];
    let test = compose(hops, &follow(&[("a", None, 20), ("b", Some("a"), 20)]));
    assert_eq!(test.services.iter().map(|stop| stop.service.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn nothing_from_outside_reaches_the_terminal_raw() {
    let evil = "a\x1b[2J\u{9b}1m\u{202e}\r\nb";
    let hops = vec![
        challenged(evil, evil, Code::ContextLost, Confidence::Confirmed),
        challenged(evil, &"n".repeat(10_000), Code::ContextLost, Confidence::Confirmed),
    ];
    let sent = Sent { url: evil.to_owned(), method: evil.to_owned(), failure: Some(evil.to_owned()), ..sent() };
    let problem = Problem { kind: ProblemKind::Corrupt, count: 1, detail: evil.to_owned() };
    let agents = vec![Source::new(evil.to_owned(), SourceKind::Agent, 1, vec![problem])];
    let test = TestReport::compose(&judgement(hops), &follow(&[(evil, None, 20)]), sent, agents, AT);
    let page = render(&test, VIEW);
    assert!(!page.chars().any(|c| c != '\n' && is_harmful(c)), "{page:?}");
    assert!(page.lines().all(|line| crate::report::text::width(line) <= 80), "{page}");
    assert!(!crate::report::json::render(&test).unwrap().chars().any(|c| c != '\n' && is_harmful(c)));
}

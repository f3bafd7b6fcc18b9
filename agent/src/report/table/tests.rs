//! Pages as they are printed: a whole one for the layout, and what holds for all of them.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use super::*;
use crate::gap::code::Code;
use crate::gap::judgement::{Arrival, Confidence, Hop, UnknownReason};
use crate::gap::observation::Completeness;
use crate::report::Question;
use crate::report::example::{AT, MINUTE, judged, judgement, report};
use crate::report::expect::Expectation;
use crate::report::question::Suppression;
use crate::report::source::{Problem, ProblemKind, Source, SourceKind};
use crate::report::text::{is_harmful, width};

const VIEW: View = View { width: DEFAULT_WIDTH, colour: false, evidence: false };

const PAGE: &str = "\
throughline report  2025-11-25 21:00:02 to 21:30:02 UTC
2 hops break, 2 forward, 1 hop is not judged.

Errors
      hop            call           broken   95 %     confidence
G101  shop -> cart   GET /cart/{}   9 of 12  42-95 %  confirmed
      context lost; seen 2025-11-25 21:00:02 to 21:29:02; by trace id; 40 calls
      fix: in shop, copy traceparent and tracestate from the request it serves
           to this call
G103  cart -> stock  GET /stock/{}  9 of 12  42-95 %  likely
      mark lost; seen 2025-11-25 21:00:02 to 21:29:02; by trace id; 40 calls
      fix: in cart, pass tracestate on beside traceparent; a sampler must return
           the parent's trace state

Notes
      hop            call           broken   95 %     confidence
G104  shop -> stock  GET /stock/{}  9 of 12  42-95 %  confirmed
      forwarded verbatim; seen 2025-11-25 21:00:02 to 21:29:02; by trace id; 40
      calls
      fix: nothing is lost: shop copies the headers and makes no span of its own

Forwards: traces that arrived whole, of those judged
  shop -> stock  GET /stock/{}  12 of 12
  shop -> mail   GET /mail/{}   12 of 12, 4 async

Not judged
  billing -> ledger  GET /ledger/{}  no marked request reached the caller

History, before the last restart
  shop -> cart GET /cart/{}  broke: G101, until 2025-11-25 20:59:02

Coverage
  hops        4 of 5 judged
  marked      40 marked requests
  services    6, each reached by a marked request
  sources     1 of 1 complete, 160 observations

Next
  throughline explain G101
      causes, and the fix in eight languages
  throughline test URL --agent http://127.0.0.1:9464
      confirm what is not sure yet: marked requests at random times
";

fn hops() -> Vec<Hop> {
    let mut old = judged("shop", "cart", Some((Code::ContextLost, Confidence::Confirmed)), None);
    old.is_current = false;
    old.epoch = Some("sha256:0".into());
    old.seen = (AT - 60 * MINUTE, AT - MINUTE);
    let mut late = judged("shop", "mail", None, None);
    late.not_judged_async = 4;
    vec![
        judged("cart", "stock", Some((Code::MarkLost, Confidence::Likely)), None),
        judged("shop", "cart", Some((Code::ContextLost, Confidence::Confirmed)), None),
        judged("shop", "stock", Some((Code::ForwardedVerbatim, Confidence::Confirmed)), None),
        late,
        judged("billing", "ledger", None, Some(UnknownReason::NoMarkedTraffic)),
        old,
    ]
}

fn agent(observations: u64, problems: Vec<Problem>) -> Source {
    Source::new("http://127.0.0.1:9464".to_owned(), SourceKind::Agent, observations, problems)
}

#[test]
fn a_page_without_a_terminal() {
    let report = report(hops(), &Question::default(), vec![agent(160, vec![])]);
    let page = render(&report, VIEW);
    assert_eq!(page, PAGE, "as printed:\n{page}");
}

#[test]
fn the_order_of_what_is_judged_changes_nothing() {
    let mut backwards = hops();
    backwards.reverse();
    let report = report(backwards, &Question::default(), vec![agent(160, vec![])]);
    assert_eq!(render(&report, VIEW), PAGE);
}

#[test]
fn no_line_is_wider_than_the_page() {
    let long = "checkout-service-of-the-northern-region".to_owned();
    let name = "n".repeat(10_000);
    let wide = "日本語のサービス".repeat(20);
    let mut hops = hops();
    for service in [&long, &name, &wide] {
        hops.push(judged(service, "cart", Some((Code::ContextLost, Confidence::Confirmed)), None));
        hops.push(judged("cart", service, None, None));
        hops.push(judged(service, service, None, Some(UnknownReason::Intermediary)));
    }
    let expect = vec![Expectation::parse(&format!("{name} -> cart")).unwrap()];
    let problem = Problem { kind: ProblemKind::Unreachable, count: 3, detail: name.clone() };
    let report = report(hops, &Question { expect, ..Question::default() }, vec![agent(0, vec![problem])]);
    for columns in [60, 80, 120, 160] {
        let page = render(&report, View { width: columns, colour: false, evidence: true });
        let widest = page.lines().max_by_key(|line| width(line)).unwrap();
        assert!(width(widest) <= columns, "{columns} columns, and {}: {widest}", width(widest));
        assert!(page.contains("shop -> cart"), "short names are whole beside long ones");
    }
    let page = render(&report, VIEW);
    assert!(page.contains(&format!("{long} -> cart  GET /cart/{{}}")), "a long name takes a line of its own: {page}");
    assert!(crate::report::json::render(&report).unwrap().contains(&name), "and is whole in the JSON form");
}

#[test]
fn a_wider_terminal_gets_longer_lines() {
    let report = report(hops(), &Question::default(), vec![agent(160, vec![])]);
    let page = render(&report, View { width: 120, ..VIEW });
    assert!(page.contains("from the request it serves to this call"), "one line: {page}");
    let narrow = render(&report, View { width: 5, ..VIEW });
    assert!(narrow.contains("confirmed"), "a terminal of 5 columns gets the narrowest page: {narrow}");
}

#[test]
fn colours_are_added_and_change_nothing_else() {
    let report = report(hops(), &Question::default(), vec![agent(160, vec![])]);
    let page = render(&report, View { colour: true, ..VIEW });
    assert!(page.contains("\x1b[31mG101\x1b[0m"), "errors are red");
    let mut stripped = page;
    for code in [BOLD, DIM, RED, GREEN, YELLOW, "0"] {
        stripped = stripped.replace(&format!("\x1b[{code}m"), "");
    }
    assert_eq!(stripped, PAGE);
}

#[test]
fn nothing_from_outside_reaches_the_terminal_raw() {
    let evil = "a\x1b[2J\u{9b}1m\u{202e}\r\n\x07b";
    let mut hop = judged(evil, evil, Some((Code::ContextLost, Confidence::Likely)), None);
    hop.key.route = evil.into();
    hop.key.method = evil.into();
    hop.epoch = Some(evil.into());
    for finding in &mut hop.findings {
        for sample in &mut finding.evidence {
            sample.traceparent_in = evil.into();
            sample.tracestate_in = evil.into();
            sample.traceparent_out = evil.into();
            sample.tracestate_out = Some(evil.into());
        }
    }
    let mut unknown = judged(evil, "cart", None, Some(UnknownReason::TooFewSamples));
    unknown.not_judged_async = 1;
    let mut old = hop.clone();
    old.is_current = false;
    let mut judgement = judgement(vec![hop, unknown, old]);
    judgement.coverage.services_without_mark = vec![evil.into()];
    judgement.arrivals = vec![arrival(evil)];
    let expect = vec![Expectation::parse("*evil* -> cart").unwrap()];
    let suppress = vec![Suppression::parse("G301").unwrap()];
    let problem = Problem { kind: ProblemKind::Corrupt, count: 1, detail: evil.to_owned() };
    let source = Source::new(evil.to_owned(), SourceKind::File, 1, vec![problem]);
    for suppress in [suppress, Vec::new()] {
        let question = Question { expect: expect.clone(), suppress, ..Question::default() };
        let report = Report::compose(&judgement, &question, vec![source.clone()], AT);
        let page = render(&report, View { evidence: true, ..VIEW });
        let raw = |text: &str| text.chars().any(|c| c != '\n' && is_harmful(c));
        assert!(!raw(&page) && !page.contains("\nb"), "{page:?}");
        assert!(!raw(&crate::report::json::render(&report).unwrap()));
    }
}

fn arrival(service: &str) -> Arrival {
    Arrival {
        service: service.into(),
        method: "GET".into(),
        route: "/checkout/{}".into(),
        code: Code::MonitorUnmarked,
        count: 3,
        of: 30,
        not_whole: Vec::new(),
        example: "192.0.2.7:41234".parse().ok(),
        seen: (AT, AT + MINUTE),
    }
}

#[test]
fn evidence_is_shown_when_asked_for() {
    let report = report(hops(), &Question::default(), Vec::new());
    let page = render(&report, View { evidence: true, ..VIEW });
    let expected = "
      - 2025-11-25 21:00:02.000000 UTC, called 1.2 ms later, by trace id
        in   00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
             checkly=true
        out  no traceparent
             no tracestate
";
    assert!(page.contains(expected), "{page}");
    assert!(!render(&report, VIEW).contains("00-4bf9"), "and not otherwise");
}

#[test]
fn what_is_hidden_is_named() {
    let suppress = ["G103=cart", "G102"].map(|rule| Suppression::parse(rule).unwrap()).to_vec();
    let question = Question { suppress, min_confidence: Some(Confidence::Confirmed), ..Question::default() };
    let mut hops = hops();
    hops.push(judged("cart", "mail", Some((Code::Stale, Confidence::Likely)), None));
    let page = render(&report(hops, &question, Vec::new()), VIEW);
    let expected = "
Not shown
  --suppress G103=cart hides 1 finding: cart -> stock GET /stock/{}
  --suppress G102 hides nothing; it can go
  --min-confidence confirmed hides 1 finding
";
    assert!(page.contains(expected), "{page}");
    assert!(!page.contains("mark lost") && !page.contains("stale"), "{page}");
    assert!(page.contains("3 hops break"), "the verdict on the hops stays: {page}");
}

#[test]
fn arrivals_are_findings_too() {
    let mut judgement = judgement(hops());
    judgement.arrivals = vec![arrival("shop")];
    let page = render(&Report::compose(&judgement, &Question::default(), Vec::new(), AT), VIEW);
    let expected = "
Warnings
      hop   call              broken   95 %  confidence
G301  shop  GET /checkout/{}  3 of 30
      monitor's requests unmarked; seen 2025-11-25 21:00:02 to 21:01:02, from
      192.0.2.7:41234 for example
";
    assert!(page.contains(expected), "{page}");
}

#[test]
fn what_is_missing_is_said() {
    let problem = Problem {
        kind: ProblemKind::Unreachable,
        count: 1,
        detail: "connection refused; is the agent running?".to_owned(),
    };
    let mut judgement = judgement(hops());
    let not_whole = vec![(Completeness::Encrypted, 1), (Completeness::Gated, 12)];
    judgement.arrivals.push(Arrival { code: Code::NotObservable, not_whole, ..arrival("search") });
    let coverage = &mut judgement.coverage;
    (coverage.truncated, coverage.encrypted, coverage.duplicates) = (3, 1, 2);
    coverage.gated = 12;
    (coverage.marked_without_call, coverage.callers_unknown) = (12, 5);
    coverage.services_without_mark = vec!["billing".into(), "search".into()];
    let expect = ["shop -> stock", "shop -> search"].map(|hop| Expectation::parse(hop).unwrap()).to_vec();
    let question = Question { expect, ..Question::default() };
    let page = render(&Report::compose(&judgement, &question, vec![agent(0, vec![problem])], AT), VIEW);
    let rows = [
        ("Exit code 3: source http://127.0.0.1:9464 is missing: unreachable", "why the exit code"),
        ("  met       shop -> stock: forwards", "an expectation that is met"),
        ("  unjudged  shop -> search: no such call was seen", "one that nobody judged"),
        ("40 marked requests; during 12 of them the service was seen to call", "requests without a call"),
        ("6; no marked request reached billing, search", "services no mark reached"),
        ("3 truncated, 0 lost, 1 encrypted heads, 12 passed over; none", "incomplete heads"),
        ("1 encrypted, 12 passed over", "and where they were"),
        ("not known for 5 requests", "callers"),
        ("2 seen before", "duplicates"),
        ("0 of 1 complete", "sources"),
        ("missing: http://127.0.0.1:9464: unreachable", "the missing one by name"),
        ("curl -s http://127.0.0.1:9464/readyz", "and what to do"),
    ];
    for (expected, reason) in rows {
        assert!(page.contains(expected), "{reason}: {expected} is missing in:\n{page}");
    }
}

#[test]
fn nothing_observed_is_not_nothing_broken() {
    let mut judgement = judgement(Vec::new());
    judgement.period = None;
    let page = render(&Report::compose(&judgement, &Question::default(), vec![agent(0, vec![])], AT), VIEW);
    assert!(
        page.starts_with("throughline report  nothing was observed\nNothing could be judged.\nExit code 3: no hop")
    );
    assert!(page.contains("throughline test URL --agent http://127.0.0.1:9464"), "{page}");
}

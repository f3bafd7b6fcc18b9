//! Heads by table, and what is said of them.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use super::*;
use crate::gap::observation::Threads;
use crate::http::Version;
use crate::trace::traceparent::TraceparentError;
use crate::workload::identify;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn head(traceparent: &[&str], tracestate: &[&str]) -> RequestHead {
    let lines = |lines: &[&str]| lines.iter().map(|line| Arc::from(*line)).collect();
    RequestHead {
        method: "GET".into(),
        target: "/cart/42?token=secret".into(),
        version: Version::Http11,
        host: Some("cart:8080".into()),
        traceparent: lines(traceparent),
        tracestate: lines(tracestate),
        is_relayed: false,
        is_synthetic: true,
        is_cut: false,
    }
}

fn exchange(direction: Direction, head: Option<RequestHead>) -> Exchange {
    Exchange {
        tgid: 1,
        direction,
        connection: 7,
        local: Some("127.0.0.1:80".parse().unwrap()),
        remote: Some("127.0.0.1:4000".parse().unwrap()),
        start: 1000,
        end: Some(3000),
        threads: Some(Threads { head: 5, answer: Some(5), waited_elsewhere: Some(false) }),
        head: head.map(Box::new),
        status: Some(200),
        completeness: Completeness::Whole,
    }
}

fn seen(exchange: &Exchange, peer: Peer) -> Observation {
    let who = identify(std::process::id()).unwrap();
    let times = Times { start: exchange.start + 50, end: exchange.end.map(|end| end + 50) };
    let observation = Shape::new(Marker::default()).observation(exchange, &who, peer, times);
    assert_eq!((&observation.service, observation.process), (&who.service, Some(who.process)));
    assert_eq!((observation.start, observation.end), (1050, exchange.end.map(|end| end + 50)));
    assert_eq!((observation.local, observation.connection), (exchange.local, Some(7)));
    observation
}

#[test]
fn an_observation_says_what_the_request_bore_and_no_more() {
    let observation = seen(&exchange(Direction::In, Some(head(&[PARENT], &["a=1", "checkly=true"]))), Peer::default());
    assert_eq!((&*observation.method, &*observation.route), ("GET", "/cart/{}"), "no value of the path, no query");
    assert!(observation.synthetic && !observation.is_loss());
    let context = &observation.context;
    assert_eq!((context.traceparent.len(), context.tracestate.len(), context.problem), (1, 2, None));
    assert_eq!((context.mark, context.has_tracestate, context.tracestate_kept), (MarkSeen(Mark::Other), true, true));
    assert_eq!(observation.peer.host, None, "the host of a request that arrives is the service itself");
    let observation = seen(&exchange(Direction::Out, Some(head(&[], &[]))), Peer::default());
    assert_eq!(observation.peer.host.as_deref(), Some("cart:8080"));
}

/// Why, both kinds of header lines, what is wrong, the mark, and whether `tracestate` is kept.
type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str], Option<TraceparentError>, Mark, bool);

#[test]
fn contexts_that_cannot_be_used_are_named() {
    let long = format!("a={}", "x".repeat(MAX_LINE));
    let rows: [Row<'_>; 5] = [
        ("none", &[], &[], None, Mark::None, true),
        ("two lines", &[PARENT, PARENT], &[], Some(TraceparentError::SeveralLines), Mark::None, true),
        ("a mark without a trace", &[], &["checkly=true"], None, Mark::None, true),
        ("a mark beside a trace", &[PARENT], &["checkly=true"], None, Mark::Other, true),
        ("more than is kept", &[PARENT], &[&long], None, Mark::None, false),
    ];
    for (reason, traceparent, tracestate, problem, mark, kept) in rows {
        let context = seen(&exchange(Direction::In, Some(head(traceparent, tracestate))), Peer::default()).context;
        assert_eq!(
            (context.problem, context.mark, context.tracestate_kept),
            (problem, MarkSeen(mark), kept),
            "{reason}"
        );
        assert_eq!(context.has_tracestate, !tracestate.is_empty(), "{reason}");
    }
}

#[test]
fn a_relayed_request_has_no_caller_but_the_one_who_holds_the_socket() {
    let rows = [
        (Resolved::Unknown, Resolved::Intermediary, "nobody is known"),
        (Resolved::Address, Resolved::Intermediary, "an address stands for whoever relays"),
        (Resolved::Socket, Resolved::Socket, "who holds the socket sent it"),
        (Resolved::Proxy, Resolved::Proxy, "our own proxy"),
    ];
    for (resolved, expected, reason) in rows {
        let relayed = RequestHead { is_relayed: true, ..head(&[PARENT], &[]) };
        let peer = Peer { service: Some("shop".into()), resolved, ..Peer::default() };
        let found = seen(&exchange(Direction::In, Some(relayed)), peer).peer;
        assert_eq!(found.resolved, expected, "{reason}");
        assert_eq!(found.service.is_some(), expected != Resolved::Intermediary, "{reason}");
    }
}

#[test]
fn what_has_no_head_is_no_request_that_was_lost() {
    let encrypted = Exchange { completeness: Completeness::Encrypted, ..exchange(Direction::In, None) };
    let observation = seen(&encrypted, Peer::default());
    assert_eq!((&*observation.method, &*observation.route), (route::OTHER, route::OTHER));
    assert!(!observation.is_loss());
    let lost = seen(&Exchange { completeness: Completeness::Lost, ..encrypted }, Peer::default());
    assert!(!lost.is_loss(), "an exchange that was hit is still one");
}

//! One call and one request, seen by several.

use std::net::SocketAddr;

use super::*;

/// Where `shop` calls from, and where `cart` listens.
const FROM: &str = "10.0.0.1:40000";
const TO: &str = "10.0.0.2:80";

fn address(text: &str) -> Option<SocketAddr> {
    Some(text.parse().unwrap())
}

/// A call of `shop` as a probe saw it leave, from the address to the address.
fn left(at: u64, context: Context, (from, to): (&str, &str)) -> Observation {
    let mut left = probed(departure(at, context), BLOCKING);
    left.peer = Peer { address: address(to), ..Peer::default() };
    Observation { local: address(from), ..left }
}

/// The same as it arrives at the proxy before `cart`, which does not know who called.
fn arrived(at: u64, context: Context, (from, to): (&str, &str)) -> Observation {
    let mut arrived = call(at, context);
    arrived.peer = Peer { address: address(from), ..Peer::default() };
    Observation { local: address(to), ..arrived }
}

/// A request as it reaches the process behind the proxy before `shop`.
fn reached(at: u64, lasting: u64, context: Context) -> Observation {
    let mut reached = probed(arrival("shop", at, lasting, context), BLOCKING);
    reached.peer.resolved = Resolved::Proxy;
    reached
}

#[test]
fn a_call_is_one_wherever_it_was_seen() {
    let whole = Completeness::Whole;
    let cut = Completeness::Truncated;
    let rows = [
        ("as it is", 1, TO, (whole, whole)),
        ("the clocks were read the other way round", -2, TO, (whole, whole)),
        ("the callee took its time", 900, TO, (whole, whole)),
        ("the callee's address was translated on the way", 1, "10.9.9.9:8080", (whole, whole)),
        ("its head was not seen whole as it left", 1, TO, (cut, whole)),
        ("nor as it arrived", 1, TO, (whole, cut)),
    ];
    for (why, later, to, (leaving, arriving)) in rows {
        let mut story = Story::new();
        for trace in 1..=5 {
            let at = trace * 10_000;
            story.see(probed(arrival("shop", at, 2000, marked(trace, 1)), BLOCKING));
            let out = left(at + 10, unmarked(trace, 2), (FROM, TO));
            story.see(Observation { completeness: leaving, end: Some(out.start + 1000 * MILLI), ..out });
            let arrived = arrived((at + 10).saturating_add_signed(later), unmarked(trace, 2), (FROM, to));
            story.see(Observation { completeness: arriving, ..arrived });
        }
        let judgement = story.judged();
        let hop = hop(&judgement);
        assert_eq!((&*hop.key.peer, hop.calls, hop.samples), ("cart", 5, 5), "{why}");
        assert_eq!(codes(&hop), [(Code::MarkLost, Confidence::Confirmed)], "{why}");
        // The monitors' requests to the shop, whose senders nobody knows.
        assert_eq!(judgement.coverage.callers_unknown, 5, "{why}");
    }
}

#[test]
fn what_one_witness_missed_another_saw() {
    let mut story = Story::new();
    for trace in 1..=6 {
        let at = trace * 1000;
        story.see(arrival("shop", at, 100, marked(trace, 1)));
        // One connection, used again and again.
        if trace != 4 {
            story.see(left(at + 10, unmarked(trace, 2), (FROM, TO)));
        }
        if trace != 2 {
            let mut arrived = arrived(at + 11, unmarked(trace, 2), (FROM, TO));
            (arrived.peer.service, arrived.peer.resolved) = (Some("shop".into()), Resolved::Socket);
            story.see(arrived);
        }
    }
    let judgement = story.judged();
    let of_cart: u64 = judgement.hops.iter().filter(|hop| &*hop.key.peer == "cart").map(|hop| hop.calls).sum();
    assert_eq!(of_cart, 6, "four calls that were seen twice, one as it left alone, one as it arrived");
    let elsewhere: u64 = judgement.hops.iter().filter(|hop| &*hop.key.peer == TO).map(|hop| hop.calls).sum();
    assert_eq!(elsewhere, 0, "the address is known to be the cart's");
}

#[test]
fn calls_without_context_to_two_places_are_told_apart() {
    // From one end to two places at once, which only the addresses tell apart; one of them is not observed.
    let elsewhere = "10.0.0.3:80";
    let mut story = Story::new();
    for request in 1..=5 {
        let at = request * 1000;
        story.see(left(at + 1, Context::default(), (FROM, elsewhere)));
        story.see(left(at, Context::default(), (FROM, TO)));
        story.see(arrived(at + 1, Context::default(), (FROM, TO)));
    }
    let judgement = story.judged();
    let hops: Vec<_> = judgement.hops.iter().map(|hop| (&*hop.key.peer, hop.calls)).collect();
    assert_eq!(hops, [("cart", 5)], "the other place is a leaf, of which nothing is said");
}

#[test]
fn copies_to_two_places_at_once_are_told_apart() {
    // The same context goes from one end to two places, to one of them in a way that no receiver can use.
    let elsewhere = "10.0.0.3:80";
    let two_lines = |trace| Context {
        traceparent: [1, 9].map(|span| parent(trace, span).into()).to_vec(),
        problem: Some(TraceparentError::SeveralLines),
        ..marked(trace, 1)
    };
    for (at_cart, why) in [(TO, "as they are called"), ("10.9.9.9:8080", "one by another address")] {
        let mut story = Story::new();
        for trace in 1..=30 {
            let at = trace * 1000;
            story.see(probed(arrival("shop", at, 100, marked(trace, 1)), BLOCKING));
            // In the first ten only one of them is called, so that its address becomes known.
            if trace > 10 {
                story.see(left(at + 10, two_lines(trace), (FROM, elsewhere)));
            }
            story.see(left(at + 10, marked(trace, 1), (FROM, TO)));
            story.see(arrived(at + 12, marked(trace, 1), (FROM, at_cart)));
            if trace > 10 {
                let mut arrived = arrived(at + 11, two_lines(trace), (FROM, elsewhere));
                arrived.service = "stock".into();
                story.see(arrived);
            }
        }
        let judgement = story.judged();
        let hop = |peer: &str| judgement.hops.iter().find(|hop| &*hop.key.peer == peer).unwrap();
        assert_eq!(codes(hop("cart")), [(Code::ForwardedVerbatim, Confidence::Confirmed)], "{why}");
        assert_eq!(codes(hop("stock")), [(Code::MalformedOut, Confidence::Confirmed)], "{why}");
    }
}

#[test]
fn a_request_behind_a_proxy_is_the_one_before_it() {
    let mut story = Story::new();
    let mut number = 0;
    for trace in 1..=30 {
        let at = trace * 1000;
        let mut before = arrival("shop", at, 60, marked(trace, 1));
        before.synthetic = true;
        // The proxy continues the trace.
        before.context.delivered = Some(parent(trace, 77).into());
        story.see(before);
        story.see(reached(at + 1, 50, marked(trace, 77)));
        story.see(left(at + 10, Context::default(), (FROM, TO)));
        story.see(arrived(at + 11, Context::default(), (FROM, TO)));
        for _ in 0..4 {
            number += 1;
            story.see(arrival("shop", at + 200 + 100 * (number % 5), 30, Context::default()));
            story.see(reached(at + 201 + 100 * (number % 5), 20, Context::default()));
        }
    }
    let judgement = story.judged();
    let hop = hop(&judgement);
    assert_eq!(codes(&hop), [(Code::ContextLost, Confidence::Confirmed)], "the threads say so");
    let found = finding(&hop, Code::ContextLost);
    assert_eq!((found.attribution, found.broken), (crate::gap::judgement::Attribution::Section, 30));
    assert!(found.evidence.iter().all(|piece| piece.traceparent_in.ends_with("4d-01")), "what the service was given");
    assert_eq!((judgement.coverage.marked_requests, judgement.coverage.callers_unknown), (30, 150));
}

#[test]
fn a_request_under_way_is_counted_once() {
    // Two of a kind at once, of which each was seen twice; and one that only the proxy saw.
    let mut story = Story::before_cart();
    for trace in 1..=5 {
        let at = trace * 1000;
        story.see(arrival("shop", at, 60, marked(trace, 1)));
        story.see(reached(at + 1, 50, marked(trace, 1)));
        story.see(arrival("shop", at + 2, 60, marked(trace, 1)));
        story.see(reached(at + 3, 50, marked(trace, 1)));
        story.see(arrival("shop", at + 500, 60, marked(trace + 100, 1)));
    }
    assert_eq!(story.judged().coverage.marked_requests, 15);
}

#[test]
fn whether_a_mark_counts_is_for_the_proxy_to_say() {
    for (mark, expected) in [(Mark::Untrusted, vec![]), (Mark::Trusted, vec![(Code::MarkLost, Confidence::Confirmed)])]
    {
        let mut story = Story::before_cart();
        for trace in 1..=5 {
            let at = trace * 1000;
            let mut before = arrival("shop", at, 60, marked(trace, 1));
            before.context.mark = MarkSeen(mark);
            story.see(before);
            story.see(reached(at + 1, 50, marked(trace, 1)));
            story.see(probed(departure(at + 10, unmarked(trace, 2)), BLOCKING));
        }
        assert_eq!(codes(&hop(&story.judged())), expected, "{mark:?}");
    }
}

#[test]
fn a_call_through_an_egress_listener_is_one() {
    let listener = "127.0.0.1:3128";
    let mut story = Story::new();
    for trace in 1..=5 {
        let at = trace * 1000;
        story.see(arrival("shop", at, 100, marked(trace, 1)));
        let mut sent = left(at + 10, unmarked(trace, 2), (FROM, listener));
        sent.peer.resolved = Resolved::Proxy;
        sent.route = "/http:/cart/{}".into();
        story.see(sent);
        let mut taken = departure(at + 11, unmarked(trace, 2));
        (taken.local, taken.peer.address, taken.peer.resolved) = (address(FROM), address(TO), Resolved::Egress);
        story.see(taken);
        let mut arrived = arrived(at + 12, unmarked(trace, 2), ("127.0.0.1:50000", TO));
        (arrived.peer.service, arrived.peer.resolved) = (Some("shop".into()), Resolved::Egress);
        story.see(arrived);
    }
    let judgement = story.judged();
    let hop = hop(&judgement);
    assert_eq!((&*hop.key.peer, &*hop.key.route, hop.calls, hop.samples), ("cart", "/cart/{}", 5, 5));
    assert_eq!(codes(&hop), [(Code::MarkLost, Confidence::Confirmed)]);
}

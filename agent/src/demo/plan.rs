//! What the demonstration will do, decided before anything starts: which service calls which, and which requests are
//! sent with which context. Pure: the same seed gives the same plan.

use crate::trace::ids::{RandomSource, SpanId, TraceId};

/// The services, callers first: each calls only later ones.
pub(super) const SERVICES: [&str; 3] = ["shop", "cart", "stock"];

/// The tracestate of a marked request, as Checkly sends it.
pub(super) const MARK: &str = "checkly=true";

/// One in so many requests is marked.
const MARKED_ONE_IN: u32 = 6;
/// No more marked traces than default admission lets through at once, with room to spare.
const MARKED_AT_MOST: u32 = 16;

/// What a service does with one kind of path: it may call one other service.
struct Route {
    service: &'static str,
    path: &'static str,
    calls: Option<(&'static str, &'static str)>,
}

const ROUTES: &[Route] = &[
    Route { service: "shop", path: "product", calls: Some(("stock", "stock")) },
    Route { service: "shop", path: "checkout", calls: Some(("cart", "cart")) },
    Route { service: "cart", path: "cart", calls: Some(("stock", "stock")) },
    Route { service: "stock", path: "stock", calls: None },
];

/// The arrival of one request at one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) service: &'static str,
    /// For example `/cart/17`.
    pub(super) path: String,
}

/// One request to the first service.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Unique; the services pass it on in their paths, so that each arrival can be told from the others.
    pub(super) number: u32,
    /// The first part of its path.
    kind: &'static str,
    pub(super) traceparent: Option<String>,
    /// Header lines.
    pub(super) tracestate: Vec<String>,
    /// `None` for a request that is not to be traced.
    pub(super) mark: Option<Mark>,
}

/// The context of a marked request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) trace_id: TraceId,
    /// The sender's own span, which no collector here receives.
    pub(super) parent_id: SpanId,
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, seedable, good enough for ids and delays.
#[derive(Debug, Clone)]
pub(super) struct Random(pub(super) u64);

impl RandomSource for Random {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Whom `service` calls for `path`, and with which path: `Some(None)` when nobody, `None` when it has no such path.
pub(super) fn call(service: &str, path: &str) -> Option<Option<Hop>> {
    let (kind, number) = path.strip_prefix('/')?.split_once('/')?;
    let route = ROUTES.iter().find(|route| route.service == service && route.path == kind)?;
    Some(route.calls.map(|(service, kind)| Hop { service, path: format!("/{kind}/{number}") }))
}

/// `requests` requests in random order, of which one in six is marked, but at least one and at most 16.
pub(super) fn requests(requests: u32, seed: u64) -> Vec<Request> {
    let mut random = Random(seed);
    let marked = (requests / MARKED_ONE_IN).clamp(1, MARKED_AT_MOST);
    let mut plan: Vec<Request> = (0..requests).map(|n| request(n, n < marked, &mut random)).collect();
    for last in (1..plan.len()).rev() {
        let other = random.next_u64() % (last as u64 + 1);
        plan.swap(last, usize::try_from(other).unwrap_or(last));
    }
    for (number, request) in (1..).zip(&mut plan) {
        request.number = number;
    }
    plan
}

fn request(n: u32, marked: bool, random: &mut Random) -> Request {
    let mark = Mark { trace_id: TraceId::random(random), parent_id: SpanId::random(random) };
    let Mark { trace_id, parent_id } = mark;
    // Over twelve requests each context goes both ways.
    let kind = if (n + n / 6).is_multiple_of(2) { "checkout" } else { "product" };
    let valid = |flags: &str| Some(format!("00-{trace_id}-{parent_id}-{flags}"));
    let lines = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
    let (traceparent, tracestate) = match n % 6 {
        _ if marked => (valid("01"), lines(&[MARK])),
        0 => (None, Vec::new()),
        1 => (valid("01"), Vec::new()),
        2 => (valid("00"), lines(&["vendor=one", "other=two"])),
        3 => (valid("01"), lines(&["checkly=truex"])),
        4 => (Some(format!("00-{trace_id}-{parent_id}")), lines(&[MARK])),
        _ => (None, lines(&[MARK])),
    };
    Request { number: 0, kind, traceparent, tracestate, mark: marked.then_some(mark) }
}

impl Request {
    pub(super) fn path(&self) -> String {
        format!("/{}/{}", self.kind, self.number)
    }

    /// Every arrival this request should lead to, in order.
    pub(super) fn hops(&self) -> Vec<Hop> {
        let mut hops = Vec::new();
        let mut next = SERVICES.first().map(|&service| Hop { service, path: self.path() });
        while let Some(hop) = next {
            next = call(hop.service, &hop.path).flatten();
            hops.push(hop);
        }
        hops
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

    use super::{SERVICES, call, requests};

    #[test]
    fn the_same_seed_gives_the_same_plan() {
        let lines = |seed| requests(48, seed).iter().map(|r| format!("{r:?}")).collect::<Vec<_>>();
        assert_eq!(lines(7), lines(7));
        assert_ne!(lines(7), lines(8));
    }

    #[test]
    fn how_many_are_marked() {
        for (all, marked, reason) in [
            (1, 1, "a demonstration without a trace shows nothing"),
            (48, 8, "the default"),
            (600, 16, "admission lets 20 new traces through at once"),
        ] {
            assert_eq!(requests(all, 1).iter().filter(|r| r.mark.is_some()).count(), marked, "{reason}");
        }
    }

    #[test]
    fn routes_end_and_only_call_later_services() {
        for request in requests(12, 1) {
            let hops = request.hops();
            let places: Vec<_> =
                hops.iter().map(|hop| SERVICES.iter().position(|&name| name == hop.service).unwrap()).collect();
            assert!(places.is_sorted_by(|a, b| a < b), "{hops:?}");
            assert!(hops.len() >= 2, "{hops:?}");
        }
    }

    #[test]
    fn a_service_knows_only_its_own_paths() {
        assert_eq!(call("stock", "/stock/1"), Some(None));
        assert_eq!(call("stock", "/cart/1"), None, "another's path");
        assert_eq!(call("shop", "/"), None, "no number");
    }
}

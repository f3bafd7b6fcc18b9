//! What the demonstration will do, decided before anything starts: which service calls which and how it treats the
//! context, and which requests are sent when with which context. Pure: the same seed gives the same plan.

use std::time::Duration;

use crate::trace::ids::{RandomSource, SpanId, TraceId};

/// The services.
pub(super) const SERVICES: [&str; 3] = ["shop", "cart", "stock"];

/// The tracestate of a marked request, as Checkly sends it.
pub(super) const MARK: &str = "checkly=true";

/// Of ten requests so many are marked.
const MARKED_OF_TEN: u32 = 4;
/// Each marked request has this long for itself, and as long again without one, in random order: what a service does
/// in the first and not in the second is its answer to the request.
const WINDOW: Duration = Duration::from_millis(60);
/// A request is sent somewhere in the first part of its window.
const JITTER: Duration = Duration::from_millis(15);

/// How a service treats the context of a request when it makes a call of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It copies `traceparent` and `tracestate`, as many hand-written services do.
    Copies,
    /// It sends neither.
    Drops,
    /// It copies `traceparent` alone, so that the mark is lost.
    Unmarks,
}

/// Which service has which manner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manners([Manner; 3]);

/// What a service does with one kind of path: it may call one other service.
struct Route {
    service: &'static str,
    path: &'static str,
    calls: Option<(&'static str, &'static str)>,
}

const ROUTES: &[Route] = &[
    Route { service: "shop", path: "product", calls: Some(("stock", "stock")) },
    Route { service: "shop", path: "checkout", calls: Some(("cart", "cart")) },
    Route { service: "shop", path: "price", calls: None },
    Route { service: "cart", path: "cart", calls: Some(("stock", "stock")) },
    Route { service: "stock", path: "stock", calls: None },
    Route { service: "stock", path: "restock", calls: Some(("shop", "price")) },
];

/// What requests ask for, and where: every service that calls others is asked by itself too, so that one that drops
/// the context does not hide those behind it.
const KINDS: [(&str, &str); 4] = [("shop", "checkout"), ("shop", "product"), ("cart", "cart"), ("stock", "restock")];

/// The arrival of one request at one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) service: &'static str,
    /// For example `/cart/17`.
    pub(super) path: String,
}

/// One request to one of the services.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Unique; the services pass it on in their paths, so that each arrival can be told from the others.
    pub(super) number: u32,
    /// The service it is sent to.
    pub(super) entry: &'static str,
    /// The first part of its path.
    kind: &'static str,
    /// When it is sent, since the first.
    pub(super) at: Duration,
    pub(super) context: Lines,
    /// `None` for a request that is not to be traced.
    pub(super) mark: Option<Mark>,
}

/// Context header lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Lines {
    pub(super) traceparent: Vec<String>,
    pub(super) tracestate: Vec<String>,
}

/// The context of a marked request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) trace_id: TraceId,
    /// The sender's own span, which no collector here receives.
    pub(super) parent_id: SpanId,
    /// When it might as well have been sent, and no marked request was.
    pub(super) control: Duration,
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

impl Random {
    /// A number below `bound`; 0 where that is 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound.max(1)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1);
            items.swap(last, usize::try_from(other).unwrap_or(last));
        }
    }
}

impl Manner {
    /// As it is typed, and as it is told.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Copies => "copies",
            Self::Drops => "drops",
            Self::Unmarks => "unmarks",
        }
    }

    /// The manner of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Copies, Self::Drops, Self::Unmarks].into_iter().find(|manner| manner.name() == name)
    }

    /// What a service that received these lines sends on.
    pub(super) fn sends(self, received: &Lines) -> Lines {
        match self {
            Self::Copies => received.clone(),
            Self::Drops => Lines::default(),
            Self::Unmarks => Lines { tracestate: Vec::new(), ..received.clone() },
        }
    }
}

impl Manners {
    /// One service of each manner; which is which follows from the seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut manners = [Manner::Copies, Manner::Drops, Manner::Unmarks];
        Random(seed).shuffle(&mut manners);
        Self(manners)
    }

    /// A service's manner.
    pub(super) fn at(self, service: &str) -> Manner {
        let place = SERVICES.iter().position(|&name| name == service);
        place.and_then(|place| self.0.get(place)).copied().unwrap_or(Manner::Copies)
    }
}

/// Whom `service` calls for `path`, and with which path: `Some(None)` when nobody, `None` when it has no such path.
pub(super) fn call(service: &str, path: &str) -> Option<Option<Hop>> {
    let (kind, number) = path.strip_prefix('/')?.split_once('/')?;
    let route = ROUTES.iter().find(|route| route.service == service && route.path == kind)?;
    Some(route.calls.map(|(service, kind)| Hop { service, path: format!("/{kind}/{number}") }))
}

/// Every call that services make: caller, callee and the first part of the path.
pub(super) fn calls() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    ROUTES.iter().filter_map(|route| route.calls.map(|(callee, path)| (route.service, callee, path)))
}

/// `requests` requests, four in ten of them marked, but at least one; in the order they are sent.
pub(super) fn requests(requests: u32, seed: u64) -> Vec<Request> {
    let mut random = Random(seed);
    let marked = (requests * MARKED_OF_TEN / 10).max(1);
    let mut slots: Vec<u32> = (0..marked).collect();
    random.shuffle(&mut slots);
    let mut plan: Vec<Request> = (0..requests).map(|n| request(n, n < marked, &mut random)).collect();
    for (n, request) in (0..).zip(&mut plan) {
        match &mut request.mark {
            Some(mark) => {
                let slot = slots.get(n).copied().unwrap_or_default();
                let first = 2 * WINDOW * slot + within(JITTER, &mut random);
                let times = [first, first + WINDOW];
                let [at, control] = if random.below(2) == 0 { times } else { [times[1], times[0]] };
                (request.at, mark.control) = (at, control);
            }
            None => request.at = within(2 * WINDOW * marked, &mut random),
        }
    }
    plan.sort_by_key(|request| request.at);
    for (number, request) in (1..).zip(&mut plan) {
        request.number = number;
    }
    plan
}

fn within(duration: Duration, random: &mut Random) -> Duration {
    Duration::from_micros(random.below(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
}

fn request(n: u32, marked: bool, random: &mut Random) -> Request {
    let mark = Mark { trace_id: TraceId::random(random), parent_id: SpanId::random(random), control: Duration::ZERO };
    let Mark { trace_id, parent_id, .. } = mark;
    // Marked ones take turns at the kinds; of the others, each context comes with each kind.
    let place = usize::try_from(if marked { n } else { n + n / 6 }).unwrap_or_default();
    let (entry, kind) = KINDS.get(place % KINDS.len()).copied().unwrap_or_default();
    let valid = |flags: &str| vec![format!("00-{trace_id}-{parent_id}-{flags}")];
    let lines = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
    let (traceparent, tracestate) = match n % 6 {
        _ if marked => (valid("01"), lines(&[MARK])),
        0 => (Vec::new(), Vec::new()),
        1 => (valid("01"), Vec::new()),
        2 => (valid("00"), lines(&["vendor=one", "other=two"])),
        3 => (valid("01"), lines(&["checkly=truex"])),
        4 => (vec![format!("00-{trace_id}-{parent_id}")], lines(&[MARK])),
        _ => (Vec::new(), lines(&[MARK])),
    };
    let context = Lines { traceparent, tracestate };
    Request { number: 0, entry, kind, at: Duration::ZERO, context, mark: marked.then_some(mark) }
}

impl Request {
    pub(super) fn path(&self) -> String {
        format!("/{}/{}", self.kind, self.number)
    }

    /// What it asks for: requests of one kind lead to the same calls.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Every arrival this request should lead to, in order.
    pub(super) fn hops(&self) -> Vec<Hop> {
        let mut hops = Vec::new();
        let mut next = Some(Hop { service: self.entry, path: self.path() });
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

    use std::collections::BTreeSet;

    use super::{KINDS, Lines, Manner, Manners, SERVICES, WINDOW, call, calls, requests};

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
            (160, 64, "sixteen of each kind"),
            (600, 240, "the most"),
        ] {
            let plan = requests(all, 1);
            assert_eq!(plan.iter().filter(|r| r.mark.is_some()).count(), marked, "{reason}");
            for (_, kind) in KINDS.iter().filter(|_| all > 100) {
                let of_kind = plan.iter().filter(|r| r.mark.is_some() && r.kind() == *kind).count();
                assert_eq!(of_kind, marked / 4, "{reason}: {kind}");
            }
        }
    }

    #[test]
    fn a_marked_request_and_its_control_have_a_window_each_of_their_own() {
        let plan = requests(160, 3);
        let mut windows: Vec<_> =
            plan.iter().filter_map(|r| Some([r.at, r.mark?.control])).flatten().map(|at| at.as_micros()).collect();
        windows.sort_unstable();
        let window = WINDOW.as_micros();
        assert!((0..).zip(&windows).all(|(n, at)| at / window == n), "{windows:?}");
        let first = plan.iter().filter(|r| r.mark.is_some_and(|mark| r.at < mark.control)).count();
        assert!((16..=48).contains(&first), "a coin decides which comes first: {first} of 64");
    }

    #[test]
    fn routes_end_and_lead_to_known_paths() {
        for request in requests(48, 1) {
            let hops = request.hops();
            assert!((2..=3).contains(&hops.len()), "{hops:?}");
            assert!(hops.iter().all(|hop| call(hop.service, &hop.path).is_some()), "{hops:?}");
        }
        let callers: BTreeSet<_> = calls().map(|(caller, ..)| caller).collect();
        assert_eq!(callers.len(), SERVICES.len(), "a service that calls nobody has no manner to show");
    }

    #[test]
    fn a_service_knows_only_its_own_paths() {
        assert_eq!(call("stock", "/stock/1"), Some(None));
        assert_eq!(call("stock", "/cart/1"), None, "another's path");
        assert_eq!(call("shop", "/"), None, "no number");
    }

    #[test]
    fn seeds_give_the_manners_to_different_services() {
        let manners: BTreeSet<_> = (1..=20).map(|seed| format!("{:?}", Manners::of(seed))).collect();
        assert_eq!(manners.len(), 6, "all orders of three come up");
        let drops = |seed| SERVICES.iter().filter(|name| Manners::of(seed).at(name) == Manner::Drops).count();
        assert!((1..=20).all(|seed| drops(seed) == 1));
    }

    #[test]
    fn what_each_manner_sends_on() {
        let lines = |traceparent: &[&str], tracestate: &[&str]| {
            let owned = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
            Lines { traceparent: owned(traceparent), tracestate: owned(tracestate) }
        };
        let received = lines(&["a"], &["b", "c"]);
        for (manner, sent) in [
            (Manner::Copies, received.clone()),
            (Manner::Drops, Lines::default()),
            (Manner::Unmarks, lines(&["a"], &[])),
        ] {
            assert_eq!(manner.sends(&received), sent, "{manner:?}");
            assert_eq!(Manner::named(manner.name()).unwrap(), manner);
        }
    }
}

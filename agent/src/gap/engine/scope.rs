//! One service as one clock saw it: what arrived, what it called, and what was lost. Only the last minutes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::hash::{IdMap, Seeded};
use super::head::Head;
use super::lags::{Fit, Lags};
use super::rings::ScopeHop;
use super::sighting::Sighting;
use super::texts::{Pid, Text};
use super::times::{Lives, Times};

/// A peer that calls were seen to leave to this recently, in nanoseconds, is still watched.
const WATCHED: u64 = 600 * super::SECOND;
/// What is remembered, in nanoseconds: windows with their controls on both sides.
pub(super) const MEMORY: u64 = 75 * super::SECOND;
/// The same where a challenge is announced, whose pairs lie further apart.
pub(super) const LONG_MEMORY: u64 = 150 * super::SECOND;
/// Routes told apart in one scope; further ones share the last place.
const MAX_ROUTES: usize = 256;
/// Pairs of route and hop that are learnt in one scope.
const MAX_LINKS: usize = 1024;
/// Durations remembered for one route.
const DURATIONS: usize = 64;
/// Durations below which their quantile means nothing.
const FEW_DURATIONS: usize = 5;
/// The window of a route of which nothing is known, in nanoseconds.
const FIRST_LENGTH: u64 = super::SECOND;
/// The longest window, in nanoseconds.
pub(super) const MAX_LENGTH: u64 = 30 * super::SECOND;

/// The place of a route in its scope.
pub(super) type RouteId = u16;

/// A service on a clock.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) service: Text,
    pub(super) clock: Text,
    /// When it last forgot what is old.
    pub(super) tidied: u64,
    /// Times of the first and the last event.
    pub(super) seen: (u64, u64),
    /// All that arrived.
    pub(super) lives: Lives,
    /// The marked ones.
    pub(super) marked: Lives,
    /// When marked ones ended.
    pub(super) marked_ends: Times,
    /// Those whose heads are incomplete.
    pub(super) clouds: Lives,
    /// The latest epoch of what arrived.
    pub(super) epoch: Text,
    /// Peers to which a probe or a recording saw calls leave.
    pub(super) watched: IdMap<Text, Watched>,
    pub(super) routes: Vec<Route>,
    route_places: IdMap<(Text, Text), RouteId>,
    pub(super) hops: Vec<ScopeHop>,
    pub(super) hop_places: IdMap<u32, usize>,
    traces: IdMap<u128, Vec<Arrived>>,
    trace_order: VecDeque<(u64, u128)>,
    links: IdMap<(RouteId, u32), Lags>,
}

/// Calls that were seen to leave to a peer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Watched {
    /// When the last one was.
    pub(super) last: u64,
    /// When one was last seen that was seen to arrive, too.
    pub(super) met: u64,
}

/// What arrives on one route.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// When unmarked requests arrived.
    pub(super) unmarked: Times,
    durations: VecDeque<u64>,
    /// When lags were last learnt from a request of this route, and how often.
    pub(super) learnt: (u64, u32),
}

/// A request with a context that arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) start: u64,
    /// The end of time where it is not known.
    pub(super) end: u64,
    pub(super) process: Pid,
    pub(super) epoch: Text,
    pub(super) is_whole: bool,
    pub(super) head: Arc<Head>,
}

impl Scope {
    /// A scope that has seen nothing.
    pub(super) fn new(service: Text, clock: Text, seed: u64) -> Self {
        let seeded = Seeded(seed);
        Self {
            service,
            clock,
            tidied: 0,
            seen: (u64::MAX, 0),
            lives: Lives::default(),
            marked: Lives::default(),
            marked_ends: Times::default(),
            clouds: Lives::default(),
            epoch: Text::NONE,
            watched: IdMap::with_hasher(seeded),
            routes: Vec::new(),
            route_places: IdMap::with_hasher(seeded),
            hops: Vec::new(),
            hop_places: IdMap::with_hasher(seeded),
            traces: IdMap::with_hasher(seeded),
            trace_order: VecDeque::new(),
            links: IdMap::with_hasher(seeded),
        }
    }

    /// Something happened then.
    pub(super) fn touch(&mut self, time: u64) {
        self.seen = (self.seen.0.min(time), self.seen.1.max(time));
    }

    /// Something was forgotten that happened then: what was before is not known any more. Says how much.
    pub(super) fn miss(&mut self, forgotten: impl IntoIterator<Item = u64>) -> u64 {
        let mut count = 0;
        for time in forgotten {
            self.seen.0 = self.seen.0.max(time.saturating_add(1));
            count += 1;
        }
        count
    }

    /// The place of a route.
    pub(super) fn route(&mut self, method: Text, route: Text) -> RouteId {
        let most = MAX_ROUTES - 1;
        let next = RouteId::try_from(self.routes.len().min(most)).unwrap_or_default();
        let place = *self.route_places.entry((method, route)).or_insert(next);
        if usize::from(place) >= self.routes.len() {
            self.routes.push(Route::default());
        }
        if self.route_places.len() > 4 * MAX_ROUTES {
            self.route_places.retain(|_, place| usize::from(*place) < most);
        }
        place
    }

    /// Remembers a request that bears a context.
    pub(super) fn remember(&mut self, arrived: &Arrived) {
        for trace in arrived.head.traces() {
            self.traces.entry(trace).or_default().push(arrived.clone());
            self.trace_order.push_back((arrived.start, trace));
        }
    }

    /// The requests of a trace that are remembered.
    pub(super) fn of_trace(&self, trace: u128) -> &[Arrived] {
        self.traces.get(&trace).map_or(&[], Vec::as_slice)
    }

    /// What is known of a route's calls on a hop.
    pub(super) fn fit(&self, route: RouteId, hop: u32) -> Fit {
        self.links.get(&(route, hop)).map_or(Fit::Unknown, Lags::fit)
    }

    /// Calls that one request of a route makes at most on a hop, as far as is known.
    pub(super) fn most(&self, route: RouteId, hop: u32) -> f64 {
        self.links.get(&(route, hop)).map_or(f64::INFINITY, Lags::most)
    }

    /// Where it is learnt.
    pub(super) fn link(&mut self, route: RouteId, hop: u32) -> Option<&mut Lags> {
        let is_full = self.links.len() >= MAX_LINKS && !self.links.contains_key(&(route, hop));
        (!is_full).then(|| self.links.entry((route, hop)).or_default())
    }

    /// Forgets what is older than `before`; says how much.
    pub(super) fn forget(&mut self, before: u64) -> usize {
        let mut forgotten = self.lives.forget(before)
            + self.marked.forget(before)
            + self.marked_ends.forget(before)
            + self.clouds.forget(before);
        forgotten += self.routes.iter_mut().map(|route| route.unmarked.forget(before)).sum::<usize>();
        forgotten += self.hops.iter_mut().map(|hop| hop.forget(before)).sum::<usize>();
        while let Some((_, trace)) = self.trace_order.pop_front_if(|(start, _)| *start < before) {
            if let Some(requests) = self.traces.get_mut(&trace) {
                let count = requests.len();
                requests.retain(|request| request.start >= before);
                forgotten += count - requests.len();
                if requests.is_empty() {
                    self.traces.remove(&trace);
                }
            }
        }
        forgotten
    }
}

impl Watched {
    /// One more call left; `is_met`: and was seen to arrive.
    pub(super) fn see(&mut self, time: u64, is_met: bool) {
        self.last = self.last.max(time);
        if is_met {
            self.met = self.met.max(time);
        }
    }

    /// Whether the call that this arrival means was seen to leave, too, although nothing says which it was.
    pub(super) fn has_seen(&self, arrival: &Sighting) -> bool {
        let is_recent = |time: u64| time != 0 && arrival.start < time.saturating_add(WATCHED);
        // Where calls are found by the ends of their connections, one that is not was missed as it left.
        let would_be_found = arrival.other_end != 0 && is_recent(self.met);
        is_recent(self.last) && !would_be_found
    }
}

impl Route {
    /// How long requests of this route take that have ended by now: nine of ten take less, in nanoseconds. A window of
    /// that length is fixed before the request that it is used for.
    pub(super) fn length(&self) -> u64 {
        if self.durations.len() < FEW_DURATIONS {
            return FIRST_LENGTH;
        }
        let mut sorted: Vec<u64> = self.durations.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() * 9 / 10).copied().unwrap_or(FIRST_LENGTH).clamp(super::MILLI, MAX_LENGTH)
    }

    /// One more duration, in nanoseconds.
    pub(super) fn lasted(&mut self, duration: u64) {
        if self.durations.len() >= DURATIONS {
            self.durations.pop_front();
        }
        self.durations.push_back(duration);
    }
}

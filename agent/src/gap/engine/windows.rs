//! Windows of marked requests, and their controls: times at which the same service did the same work without one.

use super::agenda::{Ended, Marked};
use super::hash::{Random, mix, mix_id};
use super::hops::{evidence, keep};
use super::lags::{Fit, Window};
use super::rings::Class;
use super::scope::{Arrived, MAX_LENGTH, RouteId, Scope};
use super::strata::{Sample, Stratum};
use super::{Engine, MILLI, SECOND};
use crate::gap::judgement::Attribution;

/// Controls of one window at most, and at least.
const MOST_CONTROLS: usize = 15;
const LEAST_CONTROLS: usize = 4;
/// Places at which a control is tried, on each side.
const TRIES: u64 = 32;
/// A marked request that ended this recently, in nanoseconds, may still be worked for.
const QUIET: u64 = 100 * MILLI;
/// No call leaves sooner after the head that it is made for, in nanoseconds. Where threads are few, what lets one of them
/// take a request in may let another's call go at the same moment.
const LEAST_LAG: u64 = 10_000;
/// Windows before the request in which calls are counted, too.
const BEFORE: u64 = 2;
/// Strata kept for one hop.
const MAX_STRATA: usize = 64;
/// Lags learnt from one request on one hop.
const MAX_LAGS: usize = 64;

/// What is counted on one hop for one marked request.
struct Look {
    window: Window,
    /// Where the marked window begins and ends.
    from: u64,
    to: u64,
    /// Where it would end if the request had lasted.
    full: u64,
    /// The hop's number.
    hop: u32,
    /// What has happened by now is known.
    now: u64,
}

impl Engine {
    /// Looks at the window of a marked request, and at its controls.
    pub(super) fn judge_window(&mut self, marked: &Marked) {
        let request = &marked.request;
        let Some(scope) = self.scopes.get_mut(marked.scope as usize) else { return };
        if let Some(route) = scope.routes.get_mut(usize::from(marked.route)) {
            route.lasted(request.end.saturating_sub(request.start));
        }
        let (start, end) = (request.start, request.end);
        let carries = self.carried.get(mix_id(u64::from(marked.scope), request.head.trace)).is_some();
        if !carries && !scope.hops.iter().any(|hop| hop.all(request.process, start, end).next().is_some()) {
            self.coverage.marked_without_call += 1;
        }
        let key = mix_id(u64::from(marked.scope) << 16 | u64::from(marked.route), request.head.trace);
        let is_lost = self.losses.any(scope.service, start, end.min(start.saturating_add(MAX_LENGTH)));
        if is_lost || !scope.is_quiet(request) || self.windowed.get_or_put(key, ()).is_some() {
            return;
        }
        for place in 0..scope.hops.len() {
            self.judge_hop(marked, place);
        }
    }

    fn judge_hop(&mut self, marked: &Marked, place: usize) {
        let request = &marked.request;
        let now = self.now;
        let Some(scope) = self.scopes.get_mut(marked.scope as usize) else { return };
        let Some(number) = scope.hops.get(place).map(|hop| hop.hop) else { return };
        let window = match scope.fit(marked.route, number) {
            Fit::Unrelated => return,
            Fit::Window(window) => window,
            Fit::Unknown => Window { from: 0, to: marked.length, calls: 1.0, total: f64::NAN },
        };
        let from = window.from.max(LEAST_LAG);
        let window = Window { from, to: window.to.max(from), ..window };
        let most = scope.most(marked.route, number);
        let look = Look::of(window, request, (number, self.now));
        let Some(hop) = scope.hops.get_mut(place) else { return };
        if look.from < hop.used || request.start < scope.seen.0 {
            return;
        }
        let Some(key) = self.hops.keys.get(number as usize) else { return };
        // Calls that were not seen as they left are known by what arrives.
        let witness = if scope.watched.contains_key(&key.peer) { scope.service } else { key.peer };
        let (losses, service) = (&self.losses, scope.service);
        let is_lost = |from: u64, to: u64| losses.any(service, from, to) || losses.any(witness, from, to);
        if is_lost(look.from, look.to) {
            return;
        }
        hop.used = look.full.max(look.to);
        let epoch = request.epoch;
        let Some(state) = self.hops.state(number, epoch) else { return };
        state.windows += 1;
        let seed = mix_id(mix(&[self.seed, request.start, place as u64]), request.head.trace);
        let controls = scope.controls(request, &look, Random(seed), is_lost);
        let Some(hop) = scope.hops.get(place) else { return };
        // Where calls after the answer would be noticed, a window need not end with its request.
        let whole = if scope.is_followed_by_quiet(request) { look.full } else { look.to };
        let trace = request.head.trace;
        let carried = match scope.of_trace(trace) {
            [_] => hop.carries(trace, request.start, u64::MAX),
            // Which of several requests a later call belongs to cannot be told.
            _ => hop.carries(trace, request.start, request.end),
        };
        // A context that nobody can read accounts for the request's call as well as one that bears its trace.
        let is_garbled = hop.count(Class::Malformed, request.process, look.from, look.to) > 0;
        let is_alone = !scope.lives.any_but((request.start, request.end), look.before(), look.to.max(request.start));
        let pair = self.pairs.get(&request.head.trace).map(|(sent, control)| {
            let at = control.saturating_add(request.start.saturating_sub(*sent));
            (at, !scope.marked.any(at, at.saturating_add(look.window.to)) && at.saturating_add(look.window.to) <= now)
        });
        for class in [Class::Absent, Class::Foreign, Class::Malformed] {
            let is_free = carried == 0 && (class == Class::Malformed || !is_garbled);
            let count = |from: u64, to: u64| hop.count(class, request.process, from, to);
            let found = count(look.from, look.to);
            let counts: Vec<u32> =
                controls.iter().map(|control| count(look.begin_at(*control), look.finish_at(*control))).collect();
            let stratum = state.strata.iter_mut().position(|known| known.is(marked.scope, marked.route, class));
            let stratum = match stratum {
                Some(known) => known,
                None if state.strata.len() >= MAX_STRATA => continue,
                None => {
                    state.strata.push(Stratum::new(marked.scope, marked.route, class));
                    state.strata.len() - 1
                }
            };
            let Some(stratum) = state.strata.get_mut(stratum) else { continue };
            (stratum.total, stratum.most) = (look.window.total, most);
            if class == Class::Absent {
                stratum.look(carried);
            }
            if let Some((at, true)) = pair
                && is_free
            {
                let paired = count(look.begin_at(at), look.finish_at(at));
                stratum.pair(found as i32 - paired as i32);
            }
            if counts.len() < LEAST_CONTROLS {
                continue;
            }
            // Libraries begin traces for whatever comes without one.
            let is_proof = class != Class::Foreign || is_alone;
            let sample = Sample { marked: found, controls: &counts, is_alone, is_free, carried, time: request.start };
            stratum.cut.add(sample, is_proof, pair.is_some());
            let sample = Sample { marked: count(look.from, whole), ..sample };
            stratum.whole.add(sample, is_proof, pair.is_some());
            if is_free {
                stratum.any.add(sample.marked, &counts);
            }
            if found > 0
                && is_free
                && let Some((called, line)) = hop.first(class, request.process, look.from, look.to)
            {
                let attribution = if is_alone { Attribution::Alone } else { Attribution::Overlap };
                let arrived = (request.start, &*request.head);
                keep(&mut stratum.evidence, evidence(arrived, called, (line, None), attribution));
            }
            if is_free && let Some((found, counts)) = scope.beforehand(request, class, place, (&look, &controls)) {
                stratum.before.add(found, &counts);
            }
            if let Some((found, counts)) = scope.afterwards(request, class, place, &controls) {
                stratum.after.add(found, &counts);
            }
        }
    }

    /// Learns from an unmarked request when it makes its calls.
    pub(super) fn learn(&mut self, ended: Ended) {
        let Some(scope) = self.scopes.get_mut(ended.scope as usize) else { return };
        let length = ended.end.saturating_sub(ended.start);
        if let Some(route) = scope.routes.get_mut(usize::from(ended.route)) {
            route.lasted(length);
        }
        if !ended.is_plain || length > MAX_LENGTH {
            return;
        }
        let mut random = Random(mix(&[self.seed, ended.start, u64::from(ended.scope)]));
        let elsewhere = ended.start.saturating_sub(length + MILLI + random.below(10 * SECOND));
        let is_lost = |at: u64| self.losses.any(scope.service, at, at.saturating_add(length));
        if elsewhere < scope.seen.0 || is_lost(ended.start) || is_lost(elsewhere) {
            return;
        }
        for place in 0..scope.hops.len() {
            let Some(hop) = scope.hops.get(place) else { continue };
            let lags = |start: u64| -> Vec<u64> {
                let calls = hop.all(ended.process, start, start.saturating_add(length));
                calls.take(MAX_LAGS).map(|call| call.saturating_sub(start)).collect()
            };
            let (real, other, number) = (lags(ended.start), lags(elsewhere), hop.hop);
            if let Some(link) = scope.link(ended.route, number) {
                link.learn(length, real.into_iter(), other.into_iter());
            }
        }
    }
}

impl Look {
    fn of(window: Window, request: &Arrived, (hop, now): (u32, u64)) -> Self {
        let from = request.start.saturating_add(window.from);
        let full = request.start.saturating_add(window.to);
        Self { window, from, to: full.min(request.end), full, hop, now }
    }

    const fn begin_at(&self, at: u64) -> u64 {
        at.saturating_add(self.window.from)
    }

    const fn finish_at(&self, at: u64) -> u64 {
        at.saturating_add(self.window.to)
    }

    /// Work for a request that ended only just before may go on in the window.
    fn before(&self) -> u64 {
        self.from.saturating_sub(self.window.to)
    }
}

impl Scope {
    /// Whether nothing that was done for an earlier marked request can fall into the window of this one.
    fn is_quiet(&self, request: &Arrived) -> bool {
        let start = request.start;
        let ended = self.marked_ends.count(start.saturating_sub(QUIET), start.saturating_sub(1));
        ended == 0
    }

    /// Whether no other marked request is under way while calls after the answer of this one are watched for.
    fn is_followed_by_quiet(&self, request: &Arrived) -> bool {
        let to = request.end.saturating_add(after(request) + 1);
        !self.marked.any_but((request.start, request.end), request.end, to)
    }

    /// Times at which the service worked without a marked request, as many calls being explained by others.
    fn controls(
        &self,
        request: &Arrived,
        look: &Look,
        mut random: Random,
        is_lost: impl Fn(u64, u64) -> bool,
    ) -> Vec<u64> {
        let width = look.window.to - look.window.from + 1;
        let reach = (12 * width).clamp(10 * SECOND, MAX_LENGTH);
        let tries = (reach / width).clamp(1, TRIES);
        let step = (reach / tries).max(width);
        let explained = self.explained(request.start, look);
        let busy_until = look.full.max(request.end);
        let mut found = Vec::with_capacity(2 * TRIES as usize);
        for side in [false, true] {
            for place in 0..tries {
                let offset = width + place * step + random.below(step - width + 1);
                let at = if side { request.start.saturating_add(offset) } else { request.start.saturating_sub(offset) };
                let (from, to) = (look.begin_at(at), look.finish_at(at));
                let is_known = from >= self.seen.0 && to <= self.seen.1.min(look.now);
                let is_apart = to < look.from || from > busy_until;
                if !is_known || !is_apart || self.marked.any(at, to) || is_lost(at, to) {
                    continue;
                }
                found.push((self.explained(at, look) - explained, random.bits(), at));
            }
        }
        found.sort_unstable_by(|left, right| {
            left.0.abs().total_cmp(&right.0.abs()).then(right.0.total_cmp(&left.0)).then(left.1.cmp(&right.1))
        });
        // As near as can be had, and no fewer on the average.
        let (lowest, mut sum) = (-0.3 - 0.5 * explained.sqrt(), 1e-9);
        let mut chosen = Vec::with_capacity(MOST_CONTROLS);
        for (beyond, _, at) in found {
            if chosen.len() < MOST_CONTROLS && sum + beyond >= 0.0 && beyond >= lowest {
                sum += beyond;
                chosen.push(at);
            }
        }
        chosen
    }

    /// How many calls on the hop the unmarked requests explain that arrived about then.
    fn explained(&self, at: u64, look: &Look) -> f64 {
        let mut calls = 0.0;
        for (route, known) in self.routes.iter().enumerate() {
            let route = RouteId::try_from(route).unwrap_or(RouteId::MAX);
            let (from, to, each) = match self.fit(route, look.hop) {
                Fit::Unrelated => continue,
                Fit::Window(window) => (window.from, window.to, window.calls),
                Fit::Unknown => (0, known.length(), 1.0),
            };
            let since = look.begin_at(at).saturating_sub(to);
            let until = look.finish_at(at).saturating_sub(from);
            calls += each * f64::from(known.unmarked.count(since, until));
        }
        calls
    }

    /// Calls for a while before the request, and before the controls.
    fn beforehand(
        &self,
        request: &Arrived,
        class: Class,
        place: usize,
        (look, controls): (&Look, &[u64]),
    ) -> Option<(u32, Vec<u32>)> {
        let hop = self.hops.get(place)?;
        let length = BEFORE * (look.window.to - look.window.from + 1);
        let count = |at: u64| hop.count(class, request.process, at.saturating_sub(length), at.saturating_sub(1));
        let is_quiet = |at: u64| !self.marked.any_but((request.start, request.end), at.saturating_sub(length), at);
        let counts: Vec<u32> = controls.iter().filter(|at| is_quiet(**at)).map(|at| count(*at)).collect();
        (is_quiet(request.start) && counts.len() >= LEAST_CONTROLS).then(|| (count(request.start), counts))
    }

    /// Calls for a while after the answer, and after the controls.
    fn afterwards(&self, request: &Arrived, class: Class, place: usize, controls: &[u64]) -> Option<(u32, Vec<u32>)> {
        let hop = self.hops.get(place)?;
        if !self.is_followed_by_quiet(request) {
            return None;
        }
        let lasted = request.end.saturating_sub(request.start);
        let length = after(request);
        let from = request.end.saturating_add(1);
        let to = from.saturating_add(length);
        let shifted = |at: u64| at.saturating_add(lasted).saturating_add(1);
        let quiet = controls
            .iter()
            .map(|control| shifted(*control))
            .filter(|from| !self.marked.any(*from, from.saturating_add(length)));
        let counts: Vec<u32> =
            quiet.map(|from| hop.count(class, request.process, from, from.saturating_add(length))).collect();
        (counts.len() >= LEAST_CONTROLS).then(|| (hop.count(class, request.process, from, to), counts))
    }
}

/// How long calls after the answer are watched for, in nanoseconds.
fn after(request: &Arrived) -> u64 {
    request.end.saturating_sub(request.start).clamp(50 * MILLI, 2 * SECOND)
}

impl Stratum {
    fn is(&self, scope: u32, route: RouteId, class: Class) -> bool {
        (self.scope, self.route, self.class) == (scope, route, class)
    }
}

//! Reads each sighting from both ends: a request that arrived at one service, and a call that another made.

use super::agenda::{Call, Ended, Marked, Work};
use super::hash::mix_id;
use super::hops::Key;
use super::rings::{Class, ScopeHop};
use super::scope::{Arrived, LONG_MEMORY, MAX_LENGTH, MEMORY, Scope};
use super::sighting::Sighting;
use super::skew::Difference;
use super::texts::{Pid, Text};
use super::{Engine, MILLI, SECOND};
use crate::gap::observation::{Direction, Resolved, SourceKind, Threads};

/// How long after a call on another clock its request may still be seen to arrive, in nanoseconds.
const PATIENCE: u64 = 10 * SECOND;
/// The controls around a window are over after this, in nanoseconds.
const AROUND: u64 = 12 * SECOND;
/// A service or peer that a probe watched this recently, in nanoseconds, is still watched.
const WATCHED: u64 = 600 * SECOND;
/// Unmarked requests of a route are learnt from at most this often, in nanoseconds: at first, and after so many.
const LEARNING: u64 = 4 * MILLI;
const LEARNING_ON: u64 = 100 * MILLI;
const LEARNT: u32 = 1000;
/// What is remembered where there is too much to remember, in nanoseconds.
const SHORT_MEMORY: u64 = 30 * SECOND;
/// Tasks that may wait.
const MAX_TASKS: usize = 1 << 20;

/// A call, whoever saw it.
struct Seen {
    key: Key,
    clock: Text,
    start: u64,
    end: Option<u64>,
    process: Pid,
    epoch: Text,
    threads: Option<Threads>,
    /// Seen as it left, by a probe or in a recording.
    is_watched: bool,
    /// Seen as it left.
    is_direct: bool,
    resolved: Resolved,
}

impl Engine {
    /// One sighting, in its order.
    pub(super) fn release(&mut self, sighting: Sighting) {
        self.services_see(&sighting);
        match sighting.direction {
            Direction::In => {
                self.arrive(&sighting);
                self.derive(&sighting);
            }
            Direction::Out => self.depart(&sighting),
        }
    }

    fn services_see(&mut self, sighting: &Sighting) {
        if let Some(service) = sighting.service.some()
            && self.clocks.len() < self.config.bounds.services
        {
            self.clocks.entry(service).or_default();
        }
    }

    /// The scope of a service on a clock, made where it is new.
    fn scope(&mut self, service: Text, clock: Text) -> Option<u32> {
        if let Some(place) = self.places.get(&(service, clock)) {
            return Some(*place);
        }
        if self.scopes.len() >= self.config.bounds.services {
            self.coverage.over_bound += 1;
            return None;
        }
        let place = u32::try_from(self.scopes.len()).ok()?;
        self.scopes.push(Scope::new(service, clock, self.seed));
        self.places.insert((service, clock), place);
        Some(place)
    }

    fn arrive(&mut self, sighting: &Sighting) {
        let is_preflight = &*self.texts.text(sighting.method) == "OPTIONS";
        self.arrivals.count(sighting, is_preflight);
        let Some(place) = self.scope(sighting.service, sighting.clock) else { return };
        let clocks = self.clocks.entry(sighting.service).or_default();
        if !clocks.contains(&sighting.clock) {
            clocks.push(sighting.clock);
        }
        self.tidy(place);
        let Some(scope) = self.scopes.get_mut(place as usize) else { return };
        scope.touch(sighting.start);
        if sighting.kind != SourceKind::Proxy {
            scope.watched = sighting.start;
        } else if scope.watched != 0 && sighting.start < scope.watched.saturating_add(WATCHED) {
            // The probe sees the same request as it reaches the process.
            return;
        }
        let end = sighting.end.unwrap_or(sighting.start.saturating_add(MAX_LENGTH));
        let route = scope.route(sighting.method, sighting.route);
        scope.epoch = sighting.epoch.some().unwrap_or(scope.epoch);
        let mut over = [scope.lives.add(sighting.start, end), None, None, None];
        self.held += 1;
        let is_marked = sighting.is_marked();
        if is_marked {
            over[1] = scope.marked.add(sighting.start, end);
            over[2] = scope.marked_ends.add(end);
            self.held += 2;
        } else if let Some(known) = scope.routes.get_mut(usize::from(route)) {
            over[1] = known.unmarked.add(sighting.start);
            self.held += 1;
        }
        if !sighting.is_whole() {
            over[3] = scope.clouds.add(sighting.start, end);
            self.held += 1;
        }
        self.coverage.over_bound += scope.miss(over.into_iter().flatten());
        let given = sighting.delivered.as_ref().or(sighting.head.as_ref());
        let arrived = given.map(|head| Arrived {
            start: sighting.start,
            end,
            process: sighting.process,
            epoch: sighting.epoch.some().unwrap_or(scope.epoch),
            is_whole: sighting.is_whole(),
            head: head.clone(),
        });
        if let Some(arrived) = &arrived {
            scope.remember(arrived);
            self.held += 1;
            arrived.head.traces().for_each(|trace| self.arrived.put(mix_id(u64::from(place), trace), ()));
        }
        let request = arrived.filter(|_| is_marked && sighting.is_whole());
        if let Some(threads) = sighting.threads {
            self.sections.serve(sighting.process, threads, (sighting.start, end), request.clone());
        }
        if is_marked {
            self.coverage.marked_requests += 1;
            let epoch = scope.epoch;
            *self.marked.entry((sighting.service, epoch)).or_default() += 1;
        }
        match request {
            Some(request) => {
                let length = scope.routes.get(usize::from(route)).map_or(SECOND, |route| route.length());
                self.schedule(Marked { scope: place, route, request, length });
            }
            None => self.schedule_learning(Ended {
                scope: place,
                route,
                process: sighting.process,
                start: sighting.start,
                end,
                is_plain: sighting.head.is_none() && sighting.is_whole(),
            }),
        }
    }

    fn schedule(&mut self, marked: Marked) {
        let trace = marked.request.head.trace;
        let start = marked.request.start;
        let mut due = marked.request.end.max(start.saturating_add(marked.length)).saturating_add(AROUND);
        if let Some((sent, control)) = self.pairs.get(&trace) {
            let paired = control.saturating_add(start.saturating_sub(*sent)).saturating_add(marked.length + SECOND);
            due = due.max(paired);
        }
        if self.agenda.len() >= MAX_TASKS {
            self.coverage.over_bound += 1;
            return;
        }
        self.put(due, Work::Window(Box::new(marked)));
    }

    fn schedule_learning(&mut self, ended: Ended) {
        let Some(scope) = self.scopes.get_mut(ended.scope as usize) else { return };
        let Some(route) = scope.routes.get_mut(usize::from(ended.route)) else { return };
        let (last, count) = route.learnt;
        let pause = if count < LEARNT { LEARNING } else { LEARNING_ON };
        if ended.start < last.saturating_add(pause) || self.agenda.len() >= MAX_TASKS {
            return;
        }
        route.learnt = (ended.start, count.saturating_add(1));
        self.put(ended.end.saturating_add(SECOND), Work::Learn(ended));
    }

    /// The call that a request's arrival means.
    fn derive(&mut self, sighting: &Sighting) {
        let peer = sighting.peer;
        let key = Key { service: peer.name, peer: sighting.service, method: sighting.method, route: sighting.route };
        match peer.resolved {
            Resolved::Socket | Resolved::Address if peer.is_service => {}
            Resolved::Egress => return,
            resolved => {
                self.coverage.callers_unknown += 1;
                if resolved == Resolved::Intermediary && peer.is_service {
                    self.hide(key, sighting);
                }
                return self.note_origins(sighting, Text::NONE);
            }
        }
        self.note_origins_and_call(
            sighting,
            Seen {
                key,
                clock: sighting.clock,
                start: sighting.start,
                end: sighting.end,
                process: peer.process,
                epoch: peer.epoch,
                threads: None,
                is_watched: false,
                is_direct: false,
                resolved: peer.resolved,
            },
        );
    }

    fn depart(&mut self, sighting: &Sighting) {
        let key =
            Key { service: sighting.service, peer: sighting.peer.name, method: sighting.method, route: sighting.route };
        self.note_origins_and_call(
            sighting,
            Seen {
                key,
                clock: sighting.clock,
                start: sighting.start,
                end: sighting.end,
                process: sighting.process,
                epoch: sighting.epoch,
                threads: sighting.threads,
                is_watched: sighting.kind != SourceKind::Proxy,
                is_direct: true,
                resolved: Resolved::Socket,
            },
        );
    }

    fn hide(&mut self, key: Key, sighting: &Sighting) {
        let Some(hop) = self.hops.number(key) else { return };
        if let Some(state) = self.hops.state(hop, Text::NONE) {
            state.see(sighting.start, sighting.is_whole());
            state.is_hidden = true;
        }
    }

    /// Remembers who was first seen to send the trace ids of this sighting; says whether it was `sender`.
    fn is_origin(&mut self, sighting: &Sighting, sender: Text) -> bool {
        let Some(head) = &sighting.head else { return false };
        head.traces().fold(true, |all, trace| {
            let known = self.origins.get_or_put(mix_id(0, trace), sender);
            all & known.is_none_or(|known| known == sender)
        })
    }

    fn note_origins(&mut self, sighting: &Sighting, sender: Text) {
        let _ = self.is_origin(sighting, sender);
    }

    fn note_origins_and_call(&mut self, sighting: &Sighting, seen: Seen) {
        let is_first = self.is_origin(sighting, seen.key.service);
        let Some(hop) = self.hops.number(seen.key) else { return };
        let Some((place, difference)) = self.home(&seen) else { return };
        self.tidy(place);
        let Some(scope) = self.scopes.get_mut(place as usize) else { return };
        if seen.is_watched {
            scope.watched_calls.insert(seen.key.peer, seen.start);
        } else if !seen.is_direct
            && scope.watched_calls.get(&seen.key.peer).is_some_and(|last| seen.start < last.saturating_add(WATCHED))
        {
            // One hop seen from two points.
            return;
        }
        let epoch = seen.epoch.some().unwrap_or(scope.epoch);
        let time = difference.map(|difference| difference.apply(seen.start));
        if let Some(time) = time {
            scope.touch(time);
        }
        let is_whole = sighting.is_whole();
        if let Some(state) = self.hops.state(hop, epoch) {
            state.see(seen.start, is_whole);
        }
        let next = scope.hops.len();
        let at = *scope.hop_places.entry(hop).or_insert(next);
        if at == next {
            scope.hops.push(ScopeHop::new(hop));
        }
        if !is_whole {
            return;
        }
        let served = seen.threads.and_then(|threads| {
            let serving = self.sections.serving(seen.process, threads.head, seen.start)?;
            serving.marked.clone()
        });
        let class = match &sighting.head {
            Some(head) if head.trace != 0 => {
                if self.agenda.len() >= MAX_TASKS {
                    self.coverage.over_bound += 1;
                    return;
                }
                let call = Call {
                    scope: place,
                    hop,
                    epoch,
                    process: seen.process,
                    start: seen.start,
                    end: seen.end,
                    clock: seen.clock,
                    head: head.clone(),
                    is_first,
                    served,
                };
                let patience = if difference == Some(Difference::NONE) { 0 } else { PATIENCE };
                let due = seen.start.max(time.unwrap_or_default()).saturating_add(patience);
                return self.put(due, Work::Call(Box::new(call)));
            }
            Some(_) => Class::Malformed,
            None => Class::Absent,
        };
        let line = sighting.head.as_ref().map(|head| head.line());
        if let (Some(time), Some(known)) = (time, scope.hops.get_mut(at)) {
            let over = known.add(class, time, seen.process, line.clone());
            self.coverage.over_bound += scope.miss(over);
            self.held += 1;
        }
        if let Some(served) = served {
            self.judge_section(place, (hop, epoch, seen.process), &served, seen.start, sighting.head.as_deref());
        }
    }

    /// The scope that a call belongs to, and what the clock that saw it is ahead of that scope's.
    fn home(&mut self, seen: &Seen) -> Option<(u32, Option<Difference>)> {
        let caller = seen.key.service;
        let clocks = self.clocks.get(&caller).map_or(&[][..], Vec::as_slice);
        let own = match clocks {
            _ if seen.is_direct || clocks.contains(&seen.clock) => seen.clock,
            [] => seen.clock,
            [only] => *only,
            // Which of several machines it left cannot be known.
            _ => return None,
        };
        let is_sure = seen.is_direct || seen.resolved == Resolved::Socket || clocks.len() <= 1;
        let difference = self.skew.between(seen.clock, own).filter(|_| is_sure);
        Some((self.scope(caller, own)?, difference))
    }

    /// Forgets what is old, now and then.
    fn tidy(&mut self, place: u32) {
        let now = self.now;
        let Some(scope) = self.scopes.get_mut(place as usize) else { return };
        let is_over = self.held > self.config.bounds.remembered;
        if now < scope.tidied.saturating_add(if is_over { SECOND } else { 5 * SECOND }) {
            return;
        }
        scope.tidied = now;
        let memory = if self.pairs.is_empty() { MEMORY } else { LONG_MEMORY };
        let before = now.saturating_sub(if is_over { SHORT_MEMORY } else { memory });
        let forgotten = scope.forget(before);
        self.held = self.held.saturating_sub(forgotten);
        if is_over {
            scope.seen.0 = scope.seen.0.max(before);
            self.coverage.over_bound += forgotten as u64;
        } else {
            self.losses.forget(before);
        }
    }
}

//! Reads each sighting from both ends: as a request that arrived at one service, and, in `calls`, as a call that another
//! made.

use super::agenda::{Ended, Marked, Work};
use super::hash::mix_id;
use super::scope::{Arrived, LONG_MEMORY, MAX_LENGTH, MEMORY, Scope};
use super::sighting::Sighting;
use super::texts::Text;
use super::{Engine, MILLI, SECOND};
use crate::gap::observation::Direction;

/// The controls around a window are over after this, in nanoseconds.
const AROUND: u64 = 12 * SECOND;
/// Unmarked requests of a route are learnt from at most this often, in nanoseconds: at first, and after so many.
const LEARNING: u64 = 4 * MILLI;
const LEARNING_ON: u64 = 100 * MILLI;
const LEARNT: u32 = 1000;
/// What is remembered where there is too much to remember, in nanoseconds.
const SHORT_MEMORY: u64 = 30 * SECOND;
/// Tasks that may wait.
pub(super) const MAX_TASKS: usize = 1 << 20;

impl Engine {
    /// One sighting, in its order.
    pub(super) fn release(&mut self, sighting: &Sighting) {
        self.know(sighting.service);
        match sighting.direction {
            Direction::In => {
                self.arrive(sighting);
                if sighting.tells.calls {
                    self.derive(sighting);
                }
            }
            Direction::Out if sighting.tells.calls => self.depart(sighting),
            Direction::Out => {}
        }
    }

    /// The service is one that somebody watches.
    pub(super) fn know(&mut self, service: Text) {
        if service.some().is_some() && self.clocks.len() < self.config.bounds.services {
            self.clocks.entry(service).or_default();
        }
    }

    /// The scope of a service on a clock, made where it is new.
    pub(super) fn scope(&mut self, service: Text, clock: Text) -> Option<u32> {
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
        if sighting.tells.is_counted {
            let is_preflight = &*self.texts.text(sighting.method) == "OPTIONS";
            self.arrivals.count(sighting, is_preflight);
        }
        let Some(place) = self.scope(sighting.service, sighting.clock) else { return };
        let clocks = self.clocks.entry(sighting.service).or_default();
        if !clocks.contains(&sighting.clock) {
            clocks.push(sighting.clock);
        }
        self.tidy(place);
        let Some(scope) = self.scopes.get_mut(place as usize) else { return };
        scope.touch(sighting.start);
        if !sighting.tells.arrives {
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
        let arrived = sighting.given().map(|head| Arrived {
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
        // Whoever is given no usable context begins a trace, as it should.
        let request = arrived.filter(|request| is_marked && request.is_whole && !request.head.is_malformed);
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

    /// Forgets what is old, now and then.
    pub(super) fn tidy(&mut self, place: u32) {
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

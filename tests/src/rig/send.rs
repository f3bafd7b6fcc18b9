//! What a service sends: calls for the requests it serves, and for nobody; connections, patience and second attempts.

use throughline::gap::code::Code;

use super::chance::{Nanos, Span, chance, seconds};
use super::deliver::Sink;
use super::graph::{CallSpec, Model};
use super::headers::Headers;
use super::serve::TRAVEL;
use super::sim::{BACKGROUND, Call, Event, HELPERS, Sim, Source};
use super::truth::HopName;

/// How long a call that was left to the queue's worker waits there.
const QUEUED: Span = Span::LogNormal(20.0, 1.2);

impl<S: Sink> Sim<'_, S> {
    /// Makes calls for a job; true if it has to wait for one of them.
    pub(super) fn issue_all(&mut self, job: u64, specs: &[usize]) -> bool {
        specs.iter().for_each(|spec| self.issue(job, *spec, specs.len() > 1));
        let Some(job) = self.jobs.get_mut(&job) else { return false };
        job.has_waited |= job.waiting > 0;
        job.waiting > 0
    }

    fn issue(&mut self, id: u64, place: usize, in_parallel: bool) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let service = job.call.target;
        let spec = &self.graph.services[service].calls[place];
        if !chance(&mut self.random, spec.probability) {
            return;
        }
        let (server, key) = (&mut self.servers[service], (job.process, place));
        if spec.cache.is_some() && server.cached.get(&key).is_some_and(|until| *until > self.now) {
            return;
        }
        job.waiting += 1;
        if spec.single_flight {
            let flight = server.flights.entry(key).or_default();
            flight.push(id);
            if flight.len() > 1 {
                return;
            }
        }
        let process = &server.processes[job.process];
        let by_helper = spec.by_helper || in_parallel && has_helpers(self.graph.services[service].model);
        let thread = if by_helper { process.thread(HELPERS + self.random.below(8) as u32) } else { job.thread };
        let received = job.call.headers.clone();
        let cause =
            received.usable().filter(|_| received.is_marked() && !job.call.is_forged).map(|parent| parent.trace);
        let (before, process) = (process.before.clone(), job.process);
        let (headers, codes) = self.context(service, spec, &received, &before);
        // A request without context may send what another one left behind: copied, but not for its own sake.
        let is_left = received.usable().is_none() && !codes.is_empty();
        let left_behind = headers.usable().filter(|_| is_left).map(|parent| parent.trace);
        let cause = cause.or(left_behind);
        let source = Source::Job { service, job: id, spec: place };
        let call = Call { cause, codes, ..plain(source, spec, headers, process, thread) };
        self.leave(service, call);
    }

    /// What is sent with a call for a request that came with `received`.
    fn context(
        &mut self,
        service: usize,
        spec: &CallSpec,
        received: &Headers,
        before: &Headers,
    ) -> (Headers, Vec<Code>) {
        let mix = if self.is_deployed() { &spec.mix_later } else { &spec.mix };
        let act = mix.draw(&mut self.random);
        let (headers, codes) = received.act(act, Some(before), &mut self.random);
        if received.usable().is_none() && headers.parent.is_none() && self.graph.services[service].starts_roots {
            return (Headers::root(&mut self.random, 1), codes);
        }
        (headers, codes)
    }

    /// A task is due.
    pub(super) fn task(&mut self, service: usize, place: usize) {
        let task = &self.graph.services[service].tasks[place];
        let spec = &self.graph.services[service].calls[task.call];
        let server = &self.servers[service];
        let process = if task.in_worker { server.processes.len() - 1 } else { 0 };
        let is_loop = matches!(self.graph.services[service].model, Model::Loop(_)) && !task.in_worker;
        let thread = server.processes[process].thread(if is_loop { 0 } else { BACKGROUND });
        let roots = self.graph.services[service].starts_roots;
        let headers = if roots { Headers::root(&mut self.random, 1) } else { Headers::NONE };
        self.leave(service, plain(Source::Task { service }, spec, headers, process, thread));
        let next = self.servers[service].tasks[place].next(self.now, &mut self.random);
        if next < self.course.until {
            self.at(next, Event::Task(service, place));
        }
    }

    /// A job leaves a call to the queue's worker.
    pub(super) fn enqueue(&mut self, id: u64, place: usize) {
        let ticket = self.fresh();
        let Some(job) = self.jobs.get(&id) else { return };
        let service = job.call.target;
        self.servers[service].left_to_worker.insert(ticket, job.call.headers.clone());
        let at = self.now + QUEUED.draw(&mut self.random);
        self.at(at, Event::Worker(service, place, ticket));
    }

    /// The queue's worker makes a call that was left to it.
    pub(super) fn worker(&mut self, service: usize, place: usize, ticket: u64) {
        let server = &mut self.servers[service];
        let Some(received) = server.left_to_worker.remove(&ticket) else { return };
        let process = server.processes.len() - 1;
        let thread = server.processes[process].thread(0);
        let spec = &self.graph.services[service].calls[place];
        let (headers, codes) = self.context(service, spec, &received, &Headers::NONE);
        let cause = received.usable().filter(|_| received.is_marked()).map(|parent| parent.trace);
        let call = Call { cause, codes, ..plain(Source::Worker { service }, spec, headers, process, thread) };
        self.leave(service, call);
    }

    /// A call leaves, as soon as there is a connection for it.
    fn leave(&mut self, service: usize, call: Call) {
        let limit = self.graph.services[service].pool;
        let pool = self.servers[service].pools.entry((call.process, call.target)).or_default();
        if pool.in_use >= limit {
            pool.waiting.push_back(call);
            return;
        }
        pool.in_use += 1;
        self.depart(call);
    }

    /// A call is on its way.
    pub(super) fn depart(&mut self, mut call: Call) {
        (call.left, call.is_later) = (self.now, self.is_deployed());
        let place = call.source.service();
        call.is_passed_over = place.is_some_and(|place| self.sight.passes_over(place, self.now, false));
        if let (Some(service), Some(trace)) = (call.source.service(), call.cause) {
            let is_afterwards = match call.source {
                Source::Job { job, .. } => self.jobs.get(&job).is_none_or(|job| {
                    job.ended.is_some() || job.call.headers.usable().is_none_or(|parent| parent.trace != trace)
                }),
                _ => true,
            };
            let name = self.hop_name(service, call.target, call.route, self.is_deployed());
            let leaves = self.course.has_scope
                && !self.graph.services[call.target].is_seen
                && self.sight.sees_departures(service);
            if let Some(parent) = call.headers.parent.filter(|_| leaves) {
                // Another context than the request's own is no reason to expect a finding, nor a wrong one.
                self.truth.note(name.clone(), trace, &[Code::LeftScope], is_afterwards || parent.trace != trace);
            }
            // What gets lost with a context that is too large may be found, too, and need not be.
            let is_oversize = call.codes.contains(&Code::MalformedOut);
            let (due, also) = call.codes.split_at(if is_oversize { 1 } else { call.codes.len() });
            self.truth.note(name.clone(), trace, also, true);
            self.truth.note(name, trace, due, is_afterwards);
        }
        let id = self.fresh();
        self.at(self.now + TRAVEL, Event::Arrive(id));
        if let Some((patience, _)) = call.timeout {
            self.at(self.now + patience, Event::Timeout(id));
        }
        self.calls.insert(id, call);
    }

    /// An answer reaches the caller, unless it has given up.
    pub(super) fn answered(&mut self, id: u64, status: u16) {
        let Some(call) = self.calls.remove(&id) else { return };
        self.seen_from_caller(&call, Some(status));
        self.release(&call);
        self.resume(&call, status);
    }

    /// The caller gives up, unless it has the answer.
    pub(super) fn timed_out(&mut self, id: u64) {
        let Some(call) = self.calls.remove(&id) else { return };
        self.seen_from_caller(&call, None);
        if let Some(job) = call.job {
            self.end(job, None);
        }
        self.release(&call);
        match (call.source.service(), call.timeout) {
            (Some(service), Some((patience, attempts))) if attempts > 0 => {
                // Some libraries try again below the instrumentation and send the same context twice.
                let headers = if chance(&mut self.random, 0.5) {
                    call.headers.clone()
                } else {
                    call.headers.sibling(&mut self.random)
                };
                self.leave(service, Call { headers, job: None, timeout: Some((patience, attempts - 1)), ..call });
            }
            _ => self.resume(&call, 599),
        }
    }

    fn release(&mut self, call: &Call) {
        let Some(service) = call.source.service() else { return };
        let Some(pool) = self.servers[service].pools.get_mut(&(call.process, call.target)) else { return };
        match pool.waiting.pop_front() {
            Some(next) => self.depart(next),
            None => pool.in_use -= 1,
        }
    }

    /// Whoever waited for this call goes on.
    fn resume(&mut self, call: &Call, status: u16) {
        let Source::Job { service, job, spec } = call.source else { return };
        let key = (call.process, spec);
        let described = &self.graph.services[service].calls[spec];
        if let (Some(lasts), 200) = (described.cache, status) {
            self.servers[service].cached.insert(key, self.now + seconds(lasts));
        }
        let waiting = if described.single_flight {
            self.servers[service].flights.remove(&key).unwrap_or_default()
        } else {
            vec![job]
        };
        for id in waiting {
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            job.waiting -= 1;
            if job.waiting == 0 {
                self.at(self.now, Event::Step(id));
            }
        }
    }

    fn seen_from_caller(&mut self, call: &Call, status: Option<u16>) {
        if let Some(seen) = self.sight.departure(self.graph, &self.servers, call, (self.now, status)) {
            self.delivery.send(self.now, seen);
        }
    }

    /// The hop's name, in the old epoch or the new one.
    pub(super) fn hop_name(&self, service: usize, target: usize, route: usize, deployed: bool) -> HopName {
        let (caller, callee) = (&self.graph.services[service], &self.graph.services[target]);
        let route = &callee.routes[route];
        (
            caller.name.clone(),
            callee.name.clone(),
            route.method.clone(),
            route.template.clone(),
            self.sight.epoch(deployed),
        )
    }

    /// Writes down which hops there are.
    pub(super) fn describe(&mut self) {
        for (place, service) in self.graph.services.iter().enumerate() {
            for spec in &service.calls {
                for deployed in [false, true] {
                    let name = self.hop_name(place, spec.peer, spec.route, deployed);
                    let is_hidden = service.is_behind_nat && !self.sight.sees_departures(place);
                    self.truth.describe(name, !self.graph.services[spec.peer].is_seen, is_hidden);
                }
            }
        }
        self.truth.epoch = self.sight.epoch(self.course.deployed.is_some());
    }
}

/// A call for nobody's request.
fn plain(source: Source, spec: &CallSpec, headers: Headers, process: usize, thread: u32) -> Call {
    Call {
        source,
        target: spec.peer,
        route: spec.route,
        headers,
        cause: None,
        codes: Vec::new(),
        process,
        thread,
        left: Nanos::MIN,
        job: None,
        timeout: spec.timeout,
        is_later: false,
        is_synthetic: false,
        is_forged: false,
        is_passed_over: false,
    }
}

/// Whether calls at the same time need threads of their own.
const fn has_helpers(model: Model) -> bool {
    matches!(model, Model::PerRequest { .. } | Model::Pool { .. } | Model::PreFork(_))
}

//! What happens to a request at a service: it arrives, waits for a worker, is worked on, and is answered.

use super::chance::{MILLI, Nanos, chance};
use super::deliver::Sink;
use super::graph::{Model, Step};
use super::sim::{EXECUTORS, Event, Job, MOST_THREADS, Sim};

/// One way between two machines.
pub(super) const TRAVEL: Nanos = MILLI / 5;
/// Requests that may wait for a worker where the model names no bound.
const BACKLOG: usize = 2000;

impl<S: Sink> Sim<'_, S> {
    /// A call reaches its callee, unless the caller has given up.
    pub(super) fn arrive(&mut self, id: u64) {
        let job_id = self.fresh();
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.job = Some(job_id);
        let mut call = call.clone();
        let service = call.target;
        let continued = self.sight.continued(&call, job_id);
        let came = continued.map(|continued| std::mem::replace(&mut call.headers, continued));
        self.servers[service].active += 1;
        let job = Job {
            inbound: id,
            call,
            came,
            is_passed_over: false,
            process: 0,
            head: 0,
            thread: 0,
            answer: None,
            step: 0,
            waiting: 0,
            arrived: self.now,
            read: self.now,
            ended: None,
            has_waited: false,
        };
        self.jobs.insert(job_id, job);
        if !self.start(job_id) {
            let bound = match self.graph.services[service].model {
                Model::Pool { queue, .. } => queue,
                _ => BACKLOG,
            };
            if self.servers[service].queue.len() < bound {
                self.servers[service].queue.push_back(job_id);
            } else {
                self.end(job_id, Some(503));
                self.forget(job_id);
            }
        }
    }

    /// Gives the job a worker, if one is free.
    fn start(&mut self, id: u64) -> bool {
        let Some(job) = self.jobs.get(&id) else { return true };
        let (service, route) = (job.call.target, job.call.route);
        let graph = self.graph;
        let model = graph.services[service].model;
        let server = &mut self.servers[service];
        let serving = server.processes.len() - 1;
        let process = match model {
            Model::PreFork(_) => {
                // The kernel wakes whom it likes: from a random place on.
                let from = self.random.below(serving);
                let free = (0..serving).map(|step| (from + step) % serving).find(|&at| server.processes[at].busy == 0);
                let Some(free) = free else { return false };
                free
            }
            Model::Loop(_) => {
                server.turn = (server.turn + 1) % serving;
                server.turn
            }
            Model::Pool { threads, .. } if server.processes[0].busy >= threads => return false,
            Model::PerRequest { .. } | Model::Pool { .. } | Model::Scheduler(_) => 0,
        };
        let worker = &mut server.processes[process];
        worker.busy += 1;
        let pid = worker.thread(0);
        let thread = match model {
            Model::PreFork(_) | Model::Loop(_) => pid,
            Model::Scheduler(threads) => pid + 1 + self.random.below(threads) as u32,
            Model::PerRequest { new: true } => {
                worker.threads = worker.threads % MOST_THREADS + 1;
                pid + worker.threads
            }
            Model::PerRequest { new: false } | Model::Pool { .. } => {
                worker.free_threads.pop_first().unwrap_or_else(|| {
                    worker.threads += 1;
                    pid + worker.threads
                })
            }
        };
        let read = if matches!(model, Model::Loop(_)) { worker.loop_free.max(self.now) } else { self.now };
        let head = match model {
            Model::Pool { acceptor: true, .. } => pid,
            _ => thread,
        };
        let Some(job) = self.jobs.get_mut(&id) else { return true };
        (job.process, job.head, job.thread, job.read) = (process, head, thread, read);
        job.is_passed_over = self.sight.passes_over(service, read, job.call.headers.is_marked());
        if graph.services[service].routes[route].is_handed_over && has_threads(model) {
            // The reading thread is free at once; another one, which reads no heads, goes on.
            worker.free_threads.insert(thread);
            worker.busy -= 1;
            job.thread = pid + EXECUTORS + self.random.below(8) as u32;
        }
        self.at(read, Event::Step(id));
        true
    }

    /// The job goes on until it has to wait for something.
    pub(super) fn step(&mut self, id: u64) {
        let graph = self.graph;
        loop {
            let Some(job) = self.jobs.get_mut(&id) else { return };
            let service = &graph.services[job.call.target];
            let server = &mut self.servers[job.call.target];
            let process = &mut server.processes[job.process];
            let ready =
                process.paused_until.max(if matches!(service.model, Model::Loop(_)) { process.loop_free } else { 0 });
            if ready > self.now {
                return self.at(ready, Event::Step(id));
            }
            // A light thread stays where it is about as often as another thread takes it over.
            if let Model::Scheduler(threads) = service.model
                && self.random.percent(50)
            {
                job.thread = process.thread(1 + self.random.below(threads) as u32);
            }
            let strain = 1.0 + server.active as f64 / service.strain;
            let step = service.routes[job.call.route].steps.get(job.step);
            job.step += 1;
            match step {
                None => return self.finish(id),
                Some(Step::Compute(span)) => {
                    let mut length = span.draw(&mut self.random);
                    if matches!(service.model, Model::Loop(_)) {
                        process.loop_free = self.now + length;
                    } else {
                        length = (length as f64 * strain) as Nanos;
                    }
                    return self.at(self.now + length, Event::Step(id));
                }
                Some(Step::Wait(span)) => {
                    job.has_waited = true;
                    let length = (span.draw(&mut self.random) as f64 * strain) as Nanos;
                    return self.at(self.now + length, Event::Step(id));
                }
                Some(Step::Call(specs)) => {
                    if self.issue_all(id, specs) {
                        return;
                    }
                }
                Some(Step::Enqueue(spec)) => self.enqueue(id, *spec),
                Some(Step::Answer) => self.end(id, Some(200)),
            }
        }
    }

    fn finish(&mut self, id: u64) {
        self.end(id, Some(200));
        let Some(job) = self.jobs.get(&id) else { return };
        let (service, process, thread) = (job.call.target, job.process, job.thread);
        let graph = self.graph;
        let (model, route) = (graph.services[service].model, &graph.services[service].routes[job.call.route]);
        let worker = &mut self.servers[service].processes[process];
        if job.call.headers.usable().is_some() {
            worker.before = job.call.headers.clone();
        }
        if !(route.is_handed_over && has_threads(model)) {
            worker.busy -= 1;
            if has_threads(model) && model != (Model::PerRequest { new: true }) {
                worker.free_threads.insert(thread);
            }
        }
        self.forget(id);
        while let Some(next) = self.servers[service].queue.pop_front() {
            // A server may or may not notice that a client has gone while its request waited.
            let has_gone = self.jobs.get(&next).is_none_or(|job| job.ended.is_some());
            if has_gone && chance(&mut self.random, 0.5) {
                self.forget(next);
                continue;
            }
            if !self.start(next) {
                self.servers[service].queue.push_front(next);
            }
            break;
        }
    }

    /// The answer goes out, or (`None`) the client has gone: what an observer takes for the request's end.
    pub(super) fn end(&mut self, id: u64, status: Option<u16>) {
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.ended.is_none()) else { return };
        job.ended = Some(self.now);
        if let Some(status) = status {
            job.answer = Some(job.thread);
            let inbound = job.inbound;
            let travel = self.now + TRAVEL;
            self.at(travel, Event::Answer(inbound, status));
        }
        let Some(job) = self.jobs.get(&id) else { return };
        if job.call.is_synthetic || job.call.is_forged {
            self.truth.note_arrival(self.graph, &job.call);
        }
        let seen = self.sight.arrivals(self.graph, &self.servers, job, (self.now, status), &mut self.random);
        seen.into_iter().for_each(|seen| self.delivery.send(self.now, seen));
    }

    fn forget(&mut self, id: u64) {
        if let Some(job) = self.jobs.remove(&id) {
            let server = &mut self.servers[job.call.target];
            server.active -= 1;
        }
    }
}

/// Whether requests have threads of their own.
const fn has_threads(model: Model) -> bool {
    matches!(model, Model::PerRequest { .. } | Model::Pool { .. })
}

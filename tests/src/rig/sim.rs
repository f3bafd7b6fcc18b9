//! The simulation: events in the order of their times, and what they change.
//!
//! What happens at a service is in `serve`, what it sends in `send`, what comes from outside in `client`.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};

use throughline::gap::code::Code;

use super::chance::{Nanos, SECOND, Stream, between, seconds};
use super::deliver::{Delivery, Sink};
use super::graph::{Graph, Model};
use super::headers::Headers;
use super::sight::Sight;
use super::truth::Truth;
use crate::random::Random;

/// How a run goes.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// Clients send until then.
    pub until: Nanos,
    /// A new version of every service runs from then on.
    pub deployed: Option<Nanos>,
    /// Whether a scope is declared, so that contexts which leave it are findings.
    pub has_scope: bool,
}

/// One simulation.
pub struct Sim<'a, S> {
    pub(super) graph: &'a Graph,
    pub(super) course: Course,
    pub(super) random: Random,
    pub(super) now: Nanos,
    pub(super) servers: Vec<Server>,
    pub(super) streams: Vec<Stream>,
    pub(super) calls: HashMap<u64, Call>,
    pub(super) jobs: HashMap<u64, Job>,
    pub(super) truth: Truth,
    pub(super) pages: Vec<Headers>,
    pub(super) sight: Sight,
    pub(super) delivery: Delivery<'a, S>,
    events: BinaryHeap<Reverse<(Nanos, u64, Event)>>,
    count: u64,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A client sends.
    Client(usize),
    /// One more request of a client's page load: the place of its context.
    Page(usize, usize),
    /// A call reaches its callee.
    Arrive(u64),
    /// A job goes on.
    Step(u64),
    /// An answer, with its status, reaches the caller.
    Answer(u64, u16),
    /// The caller gives up.
    Timeout(u64),
    /// A task of a service is due.
    Task(usize, usize),
    /// The queue's worker of a service makes a call that was left to it under this ticket.
    Worker(usize, usize, u64),
    /// A process pauses.
    Pause(usize, usize),
}

/// What a service is doing.
#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) processes: Vec<Process>,
    pub(super) queue: VecDeque<u64>,
    pub(super) pools: HashMap<(usize, usize), Pool>,
    pub(super) cached: HashMap<(usize, usize), Nanos>,
    pub(super) flights: HashMap<(usize, usize), Vec<u64>>,
    pub(super) active: usize,
    pub(super) turn: usize,
    pub(super) tasks: Vec<Stream>,
    /// Contexts of the requests that left a call to the worker, by ticket.
    pub(super) left_to_worker: HashMap<u64, Headers>,
}

/// One process; the last of a server is the queue's worker.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) paused_until: Nanos,
    pub(super) loop_free: Nanos,
    pub(super) busy: usize,
    pub(super) free_threads: BTreeSet<u32>,
    pub(super) threads: u32,
    /// The context of the request that ended last.
    pub(super) before: Headers,
}

/// Connections to one peer.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) in_use: usize,
    pub(super) waiting: VecDeque<Call>,
}

/// One request on its way, attempts apart.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) source: Source,
    pub(super) target: usize,
    pub(super) route: usize,
    pub(super) headers: Headers,
    /// The trace of the marked request that it is made for, and the codes that are true of it.
    pub(super) cause: Option<u128>,
    pub(super) codes: Vec<Code>,
    pub(super) process: usize,
    pub(super) thread: u32,
    pub(super) left: Nanos,
    pub(super) job: Option<u64>,
    pub(super) timeout: Option<(Nanos, u32)>,
    /// Whether it left, or would have, after the deployment.
    pub(super) is_later: bool,
    pub(super) is_synthetic: bool,
    pub(super) is_forged: bool,
    /// The probe passed it over as it left.
    pub(super) is_passed_over: bool,
}

/// Who makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A client.
    Client(usize),
    /// A request being served by a service.
    Job { service: usize, job: u64, spec: usize },
    /// Work beside requests, by a service.
    Task { service: usize },
    /// The queue's worker of a service, for a request.
    Worker { service: usize },
}

/// A request being served.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) inbound: u64,
    pub(super) call: Call,
    /// The context it came with, where a proxy gave the service another one.
    pub(super) came: Option<Headers>,
    /// The probe passed it over as it was read.
    pub(super) is_passed_over: bool,
    pub(super) process: usize,
    /// Who read the head, who works on it, who wrote the answer.
    pub(super) head: u32,
    pub(super) thread: u32,
    pub(super) answer: Option<u32>,
    pub(super) step: usize,
    pub(super) waiting: usize,
    pub(super) arrived: Nanos,
    pub(super) read: Nanos,
    pub(super) ended: Option<Nanos>,
    pub(super) has_waited: bool,
}

/// Threads that serve requests in one process; ids come again after that, as the kernel's do.
pub(super) const MOST_THREADS: u32 = 9000;
/// Threads that requests are handed over to, by their place.
pub(super) const EXECUTORS: u32 = 9100;
/// Threads that make calls for those which serve requests.
pub(super) const HELPERS: u32 = 9200;
/// The thread of work beside requests.
pub(super) const BACKGROUND: u32 = 9300;

impl Process {
    /// The kernel's id of its thread at this place; the first is the process's own.
    pub(super) const fn thread(&self, place: u32) -> u32 {
        self.pid * 10_000 + place
    }
}

impl Source {
    /// The calling service, if one calls.
    pub(super) const fn service(self) -> Option<usize> {
        match self {
            Self::Client(_) => None,
            Self::Job { service, .. } | Self::Task { service } | Self::Worker { service } => Some(service),
        }
    }
}

impl<'a, S: Sink> Sim<'a, S> {
    /// A simulation that has not begun.
    pub fn new(graph: &'a Graph, course: Course, mut random: Random, sight: Sight, delivery: Delivery<'a, S>) -> Self {
        let servers = graph.services.iter().enumerate().map(|(place, service)| {
            let count = match service.model {
                Model::PreFork(count) | Model::Loop(count) => count,
                Model::PerRequest { .. } | Model::Pool { .. } | Model::Scheduler(_) => 1,
            };
            let process = |number| Process {
                pid: (1000 * (place + 1) + number) as u32,
                paused_until: 0,
                loop_free: 0,
                busy: 0,
                free_threads: BTreeSet::new(),
                threads: 0,
                before: Headers::NONE,
            };
            let tasks = service.tasks.iter().map(|task| Stream::new(task.arrivals)).collect();
            Server { processes: (0..=count).map(process).collect(), tasks, ..Server::default() }
        });
        let servers = servers.collect();
        let streams = graph.clients.iter().map(|client| Stream::new(client.arrivals)).collect();
        let random = Random::new(random.bits());
        Self {
            graph,
            course,
            random,
            now: 0,
            servers,
            streams,
            calls: HashMap::new(),
            jobs: HashMap::new(),
            truth: Truth::default(),
            pages: Vec::new(),
            sight,
            delivery,
            events: BinaryHeap::new(),
            count: 0,
        }
    }

    /// Runs to the end: until clients have stopped and what they asked is answered. Gives back what really happened.
    pub fn run(mut self) -> Truth {
        self.describe();
        self.begin();
        // Some services are overloaded; their queues are not waited for without end.
        let last = self.course.until + 120 * SECOND;
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            if at > last || self.delivery.is_full() {
                break;
            }
            self.now = at;
            self.delivery.pass(at);
            self.happen(event);
        }
        self.delivery.close();
        self.truth
    }

    /// Puts an event at a time.
    pub(super) fn at(&mut self, at: Nanos, event: Event) {
        self.count += 1;
        self.events.push(Reverse((at.max(self.now), self.count, event)));
    }

    /// A number nothing else has.
    pub(super) const fn fresh(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Whether new work may still begin.
    pub(super) const fn goes_on(&self) -> bool {
        self.now < self.course.until
    }

    /// The epoch that runs now: 0, or 1 after the deployment.
    pub(super) fn is_deployed(&self) -> bool {
        self.course.deployed.is_some_and(|at| self.now >= at)
    }

    fn begin(&mut self) {
        for client in 0..self.graph.clients.len() {
            self.begin_client(client);
        }
        for (place, service) in self.graph.services.iter().enumerate() {
            for task in 0..service.tasks.len() {
                let first = self.servers[place].tasks[task].next(0, &mut self.random);
                self.at(first, Event::Task(place, task));
            }
            if let Some((every, _)) = service.pause {
                for process in 0..self.servers[place].processes.len() {
                    let first = seconds(between(&mut self.random, 0.0, every));
                    self.at(first, Event::Pause(place, process));
                }
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Client(client) => self.client(client),
            Event::Page(client, trace) => self.page(client, trace),
            Event::Arrive(call) => self.arrive(call),
            Event::Step(job) => self.step(job),
            Event::Answer(call, status) => self.answered(call, status),
            Event::Timeout(call) => self.timed_out(call),
            Event::Task(service, task) => self.task(service, task),
            Event::Worker(service, spec, job) => self.worker(service, spec, job),
            Event::Pause(service, process) => self.pause(service, process),
        }
    }

    fn pause(&mut self, service: usize, process: usize) {
        let Some((every, length)) = self.graph.services[service].pause else { return };
        let until = self.now + length.draw(&mut self.random);
        self.servers[service].processes[process].paused_until = until;
        if self.goes_on() {
            let next = until + seconds(every * between(&mut self.random, 0.5, 1.5));
            self.at(next, Event::Pause(service, process));
        }
    }
}

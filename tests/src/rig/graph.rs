//! What a simulated service graph is: servers, their routes as small programs, the calls they make, and who asks them.

use std::sync::Arc;

use super::chance::{Arrivals, Nanos, Span};
use super::headers::Mix;

/// Services and their clients.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The services; callers name them by their place.
    pub services: Vec<Service>,
    /// Who sends requests from outside.
    pub clients: Vec<Client>,
    /// What each host's clock shows more than the true time, in nanoseconds.
    pub clocks: Vec<i64>,
}

/// One service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name; of one that nobody observes, its host name.
    pub name: Arc<str>,
    /// Whether a proxy or a probe stands before it. A leaf outside is not seen.
    pub is_seen: bool,
    /// The place of its host's clock.
    pub host: usize,
    /// How it serves.
    pub model: Model,
    /// What it serves.
    pub routes: Vec<Route>,
    /// The calls that its routes and tasks make.
    pub calls: Vec<CallSpec>,
    /// What it does beside requests.
    pub tasks: Vec<Task>,
    /// Garbage collection: how often, in seconds, and for how long.
    pub pause: Option<(f64, Span)>,
    /// Connections to one peer from one process.
    pub pool: usize,
    /// Requests under way that double the time of waits and computing.
    pub strain: f64,
    /// Whether its SDK begins a trace for requests and tasks that came without one.
    pub starts_roots: bool,
    /// Whether its address is one that several workloads share.
    pub is_behind_nat: bool,
}

/// How a server works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// A thread for each request; a thread is used again, or each is new.
    PerRequest {
        /// Whether each is new.
        new: bool,
    },
    /// So many processes, each of which serves one request at a time. One is a blocking server.
    PreFork(usize),
    /// So many processes, each with one thread that runs many requests in turns.
    Loop(usize),
    /// Threads behind a bounded queue.
    Pool {
        /// Threads.
        threads: usize,
        /// Places in the queue; more are refused.
        queue: usize,
        /// Whether another thread reads the heads.
        acceptor: bool,
    },
    /// Many light threads on a few of the kernel's: any piece of work runs on any.
    Scheduler(usize),
}

/// What a service does when it is asked.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method.
    pub method: Arc<str>,
    /// The path's template.
    pub template: Arc<str>,
    /// In their order; the answer goes out at [`Step::Answer`], or at the end.
    pub steps: Vec<Step>,
    /// The reading thread hands the request to another one and is free again, in models with threads.
    pub is_handed_over: bool,
}

/// A step of a route.
#[derive(Debug, Clone)]
pub enum Step {
    /// Uses the processor.
    Compute(Span),
    /// Waits for something that is no call: a disk, a database.
    Wait(Span),
    /// Makes these calls at the same time, and waits for all.
    Call(Vec<usize>),
    /// Answers. What follows is done after the answer.
    Answer,
    /// Leaves a call to the queue's worker, another process of the same service.
    Enqueue(usize),
}

/// A call that a service makes.
#[derive(Debug, Clone)]
pub struct CallSpec {
    /// The callee's place.
    pub peer: usize,
    /// The route's place there.
    pub route: usize,
    /// What it does with the context.
    pub mix: Mix,
    /// What it does after the deployment of a new version, where there is one.
    pub mix_later: Mix,
    /// How often it is made when its step comes.
    pub probability: f64,
    /// The answer is kept so long, in seconds.
    pub cache: Option<f64>,
    /// Requests that want the same at the same time wait for one call.
    pub single_flight: bool,
    /// When the caller gives up, and how often it tries again.
    pub timeout: Option<(Nanos, u32)>,
    /// It is sent by a helper thread.
    pub by_helper: bool,
}

/// Work beside requests.
#[derive(Debug, Clone)]
pub struct Task {
    /// When.
    pub arrivals: Arrivals,
    /// Which call.
    pub call: usize,
    /// Whether the queue's worker does it: another process.
    pub in_worker: bool,
}

/// Who sends requests from outside.
#[derive(Debug, Clone)]
pub struct Client {
    /// What kind.
    pub kind: ClientKind,
    /// The service asked.
    pub service: usize,
    /// The routes asked, in turns by chance.
    pub routes: Vec<usize>,
    /// When.
    pub arrivals: Arrivals,
    /// Requests with one trace id that follow within two seconds: a page load.
    pub page: usize,
    /// Requests without context that the same client sends shortly before or after, a preflight for instance.
    pub companions: usize,
    /// Patience.
    pub timeout: Nanos,
}

/// Kinds of clients.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientKind {
    /// People and programs without a mark; the share that bears a `traceparent`.
    Users(f64),
    /// A monitor's check: marked.
    Check,
    /// A challenge: marked at the first of each pair of times, nothing at the second.
    Challenge(Vec<(Nanos, Nanos)>),
    /// A monitor whose requests are not marked.
    Unmarked,
    /// Someone who sends the mark from an address that is not trusted.
    Forger,
}

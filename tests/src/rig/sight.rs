//! What observers see of the simulation: requests as proxies, egress listeners or a probe would report them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use throughline::gap::observation::{
    Completeness, Context, Direction, MarkSeen, Observation, Origin, Peer, Process, Resolved, SourceKind, Threads,
};
use throughline::trace::marker::Mark;
use throughline::trace::traceparent::TraceparentError;

use super::chance::{MILLI, Nanos, SECOND};
use super::graph::{Graph, Model};
use super::headers::{Headers, Parent, Shape};
use super::sim::{Call, Job, Server, Source};
use crate::random::Random;

/// When simulations begin: nanoseconds since the Unix epoch.
pub const EPOCH: u64 = 1_764_000_000_000_000_000;

/// Who observes a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// A proxy before it.
    Proxy,
    /// A proxy before it, and an egress listener behind it.
    Egress,
    /// A probe on its machine.
    Probe,
    /// A proxy before it, and a probe on its machine.
    Both,
}

/// Observers and what they know.
#[derive(Debug, Clone)]
pub struct Sight {
    /// By service.
    pub views: Vec<View>,
    /// Whether callers are resolved by their sockets' owners (then their processes are known) or by address.
    pub by_socket: bool,
    /// Whether proxies keep the lines of an invalid `traceparent`.
    pub keeps_invalid: bool,
    /// Whether it is known what runs.
    pub knows_epoch: bool,
    /// The ends of connections, where they are told.
    ends: Option<Ends>,
    /// Names of clocks.
    clocks: Vec<Arc<str>>,
    sequences: HashMap<Arc<str>, u64>,
}

/// What is known by the ends of connections, and what goes with it.
#[derive(Debug, Clone)]
struct Ends {
    /// Whether proxies know their callers by nothing else.
    names_no_callers: bool,
    /// By service: whether its proxy continues marked traces.
    continues: Vec<bool>,
    /// By service, where probes pass over what they need not see: until when the last mark has them see everything.
    gates: Option<Vec<Nanos>>,
}

/// How much sooner and later than the service a proxy sees a request.
const BEFORE: Nanos = MILLI / 20;
/// How long a mark has a probe see everything.
const GATE: Nanos = 5 * SECOND;

/// When something ended, and with which status; without one it was given up.
pub(super) type End = (Nanos, Option<u16>);

impl Sight {
    /// Observers of each service.
    #[must_use]
    pub fn new(views: Vec<View>, by_socket: bool, keeps_invalid: bool, knows_epoch: bool, hosts: usize) -> Self {
        let clocks = (0..hosts).map(|host| format!("host-{host}").into()).collect();
        Self { views, by_socket, keeps_invalid, knows_epoch, ends: None, clocks, sequences: HashMap::new() }
    }

    /// The same, and the ends of connections are told.
    #[must_use]
    pub fn with_ends(self, is_gated: bool, random: &mut Random) -> Self {
        let count = self.views.len();
        let ends = Ends {
            names_no_callers: random.percent(50),
            continues: (0..count).map(|_| random.percent(50)).collect(),
            gates: is_gated.then(|| vec![0; count]),
        };
        Self { ends: Some(ends), ..self }
    }

    /// Whether the ends of connections are told.
    #[must_use]
    pub const fn has_ends(&self) -> bool {
        self.ends.is_some()
    }

    /// What a proxy gives its service instead of the context that came, if it continues the trace.
    pub(super) fn continued(&self, call: &Call, number: u64) -> Option<Headers> {
        let ends = self.ends.as_ref().filter(|ends| ends.continues[call.target] && !call.is_forged)?;
        let has_proxy = ends.continues.len() > call.target && self.views[call.target] != View::Probe;
        let parent = call.headers.usable().copied().filter(|_| has_proxy && call.headers.is_marked())?;
        let span = parent.span.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number) | 1;
        Some(Headers { parent: Some(Parent { span, ..parent }), state: call.headers.state.clone() })
    }

    /// Whether a probe passes over what it sees at this service at this time. A mark opens the gate.
    pub(super) fn passes_over(&mut self, service: usize, at: Nanos, is_marked: bool) -> bool {
        let Some(gate) = self.ends.as_mut().and_then(|ends| ends.gates.as_mut()?.get_mut(service)) else {
            return false;
        };
        if is_marked {
            *gate = (*gate).max(at + GATE);
        }
        *gate < at
    }

    /// The name of the epoch before or after the deployment.
    #[must_use]
    pub fn epoch(&self, deployed: bool) -> Arc<str> {
        if deployed { "v2".into() } else { "v1".into() }
    }

    /// Whether what this service sends is seen as it leaves.
    #[must_use]
    pub fn sees_departures(&self, service: usize) -> bool {
        self.views[service] != View::Proxy
    }

    /// A request as it is seen at its callee, by whoever looks.
    pub(super) fn arrivals(
        &mut self,
        graph: &Graph,
        servers: &[Server],
        job: &Job,
        end: End,
        random: &mut Random,
    ) -> Vec<Observation> {
        let place = job.call.target;
        if !graph.services[place].is_seen {
            return Vec::new();
        }
        let kinds: &[SourceKind] = match self.views[place] {
            View::Proxy | View::Egress => &[SourceKind::Proxy],
            View::Probe => &[SourceKind::Probe],
            View::Both => &[SourceKind::Proxy, SourceKind::Probe],
        };
        kinds.iter().map(|kind| self.arrival(graph, servers, (job, *kind), end, random)).collect()
    }

    fn arrival(
        &mut self,
        graph: &Graph,
        servers: &[Server],
        (job, kind): (&Job, SourceKind),
        end: End,
        random: &mut Random,
    ) -> Observation {
        let (place, call) = (job.call.target, &job.call);
        let service = &graph.services[place];
        let is_probe = kind == SourceKind::Probe;
        let is_behind = is_probe && self.views[place] == View::Both;
        let clock = |at: Nanos| shown(at, graph.clocks[service.host]);
        let origin = self.origin(kind, service.host);
        if is_probe && job.is_passed_over {
            let at = clock(job.read) + random.bits() % SECOND;
            return Observation::loss(origin, Direction::In, service.name.clone(), at, Completeness::Gated);
        }
        let worker = &servers[place].processes[job.process];
        let waited = match service.model {
            Model::Loop(_) => job.has_waited,
            // Its thread may wait for others' descriptors, or another thread may.
            Model::Scheduler(_) => random.percent(60),
            Model::PerRequest { .. } | Model::PreFork(_) | Model::Pool { .. } => false,
        };
        let threads = Threads { head: job.head, answer: job.answer, waited_elsewhere: Some(waited) };
        let peer = if is_behind {
            Peer { address: Some(address(127, 0, port(call))), resolved: Resolved::Proxy, ..Peer::default() }
        } else {
            self.caller(graph, servers, call, is_probe, random)
        };
        let came = job.came.as_ref().filter(|_| !is_probe);
        let mut context = self.context(came.unwrap_or(&call.headers), call.is_forged && !is_behind, is_probe);
        context.delivered = came.and(call.headers.parent).map(|parent| parent.lines().swap_remove(0));
        // Of two, the proxy is the nearer one to the caller.
        let is_before = self.views[place] == View::Both && !is_probe;
        let lead = if is_before { BEFORE } else { 0 };
        Observation {
            origin,
            direction: Direction::In,
            service: service.name.clone(),
            process: is_probe.then(|| process(worker.pid)),
            epoch: self.knows_epoch.then(|| self.epoch(job.call.is_later)),
            peer,
            local: self.ends.as_ref().map(|_| listener(place, place % 2 == 1)),
            method: service.routes[call.route].method.clone(),
            route: service.routes[call.route].template.clone(),
            start: clock(if is_probe { job.read.min(end.0) } else { job.arrived.saturating_sub(lead) }),
            end: Some(clock(end.0) + lead),
            context,
            status: end.1,
            connection: None,
            threads: is_probe.then_some(threads),
            completeness: Completeness::Whole,
            synthetic: call.is_synthetic,
        }
    }

    /// A request as it is seen at its caller, if anybody looks.
    pub(super) fn departure(
        &mut self,
        graph: &Graph,
        servers: &[Server],
        call: &Call,
        end: End,
    ) -> Option<Observation> {
        let place = call.source.service()?;
        let (service, callee) = (&graph.services[place], &graph.services[call.target]);
        let kind = match self.views[place] {
            _ if !service.is_seen => return None,
            View::Proxy => return None,
            View::Egress => SourceKind::Proxy,
            View::Probe | View::Both => SourceKind::Probe,
        };
        let is_probe = kind == SourceKind::Probe;
        let clock = |at: Nanos| shown(at, graph.clocks[service.host]);
        let origin = self.origin(kind, service.host);
        if call.is_passed_over {
            return Some(Observation::loss(
                origin,
                Direction::Out,
                service.name.clone(),
                clock(call.left) + SECOND / 2,
                Completeness::Gated,
            ));
        }
        let pid = servers[place].processes[call.process].pid;
        let is_named = callee.is_seen && self.ends.is_none();
        let resolved = match (is_named, is_probe) {
            (false, _) => Resolved::Unknown,
            (true, true) => Resolved::Socket,
            (true, false) => Resolved::Address,
        };
        let peer = Peer {
            address: Some(listener(call.target, false)),
            service: is_named.then(|| callee.name.clone()),
            process: None,
            epoch: None,
            host: Some(callee.name.clone()),
            resolved,
        };
        Some(Observation {
            origin,
            direction: Direction::Out,
            service: service.name.clone(),
            process: is_probe.then(|| process(pid)),
            epoch: self.knows_epoch.then(|| self.epoch(call.is_later)),
            peer,
            local: self.ends.as_ref().map(|_| address(10, place, port(call))),
            method: callee.routes[call.route].method.clone(),
            route: callee.routes[call.route].template.clone(),
            start: clock(call.left),
            end: Some(clock(end.0)),
            context: self.context(&call.headers, false, true),
            status: end.1,
            connection: None,
            threads: is_probe.then_some(Threads {
                head: call.thread,
                answer: Some(call.thread),
                waited_elsewhere: None,
            }),
            completeness: Completeness::Whole,
            synthetic: false,
        })
    }

    fn caller(&self, graph: &Graph, servers: &[Server], call: &Call, is_probe: bool, random: &mut Random) -> Peer {
        let port = if self.ends.is_some() { port(call) } else { 32768 + random.below(28000) as u16 };
        let Some(place) = call.source.service() else {
            let Source::Client(client) = call.source else { return Peer::default() };
            return Peer { address: Some(address(203, client, port)), ..Peer::default() };
        };
        let service = &graph.services[place];
        let seen_leaving = self.views[place] == View::Egress;
        if service.is_behind_nat && !seen_leaving {
            return Peer { address: Some(address(172, 0, port)), resolved: Resolved::Intermediary, ..Peer::default() };
        }
        let is_nameless = self.ends.as_ref().is_some_and(|ends| ends.names_no_callers);
        if is_nameless && self.views[place] != View::Proxy {
            return Peer { address: Some(address(10, place, port)), ..Peer::default() };
        }
        let by_socket = self.by_socket || is_probe;
        let resolved = match (seen_leaving, by_socket) {
            (true, _) => Resolved::Egress,
            (false, true) => Resolved::Socket,
            (false, false) => Resolved::Address,
        };
        Peer {
            address: Some(address(10, place, port)),
            service: Some(service.name.clone()),
            process: (resolved == Resolved::Socket).then(|| process(servers[place].processes[call.process].pid)),
            epoch: self.knows_epoch.then(|| self.epoch(call.is_later)),
            host: None,
            resolved,
        }
    }

    /// A proxy keeps `tracestate` only of marked requests; others keep all.
    fn context(&self, headers: &Headers, is_forged: bool, is_full: bool) -> Context {
        let is_marked = headers.is_marked();
        let problem = headers.parent.and_then(|parent| match parent.shape {
            Shape::Plain => None,
            Shape::Twice(_) => Some(TraceparentError::SeveralLines),
            Shape::Upper => Some(TraceparentError::UpperCase),
        });
        let keeps_lines = problem.is_none() || is_full || self.keeps_invalid;
        let keeps_state = is_marked || is_full;
        Context {
            traceparent: headers.parent.filter(|_| keeps_lines).map(|parent| parent.lines()).unwrap_or_default(),
            delivered: None,
            tracestate: headers.state.iter().filter(|_| keeps_state).cloned().collect(),
            problem,
            mark: MarkSeen(match (is_marked, is_forged) {
                (false, _) => Mark::None,
                (true, false) => Mark::Other,
                (true, true) => Mark::Untrusted,
            }),
            has_tracestate: headers.state.is_some(),
            tracestate_kept: keeps_state,
        }
    }

    fn origin(&mut self, kind: SourceKind, host: usize) -> Origin {
        let clock = self.clocks[host].clone();
        let name: Arc<str> = if kind == SourceKind::Probe { format!("probe-{host}").into() } else { clock.clone() };
        let sequence = self.sequences.entry(name.clone()).or_default();
        *sequence += 1;
        Origin { kind, name, sequence: *sequence - 1, clock }
    }
}

/// A time as a clock shows it.
fn shown(at: Nanos, ahead: i64) -> u64 {
    (EPOCH + at).saturating_add_signed(ahead)
}

fn process(pid: u32) -> Process {
    Process { pid, started: EPOCH - 1_000_000_000 * u64::from(pid) }
}

/// Where a service, or the proxy before it, listens; its address may be another one for those who call it.
fn listener(place: usize, is_translated: bool) -> SocketAddr {
    address(10, place, if is_translated { 8080 } else { 80 })
}

/// The port that a call comes from: connections are few, and used again and again, by several at once.
fn port(call: &Call) -> u16 {
    let span = call.headers.parent.map_or(call.left, |parent| parent.trace as u64);
    32768 + (span % 61) as u16
}

fn address(first: u8, place: usize, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(first, 0, (place / 250) as u8, (place % 250) as u8 + 1)), port)
}

//! Makes an observation of what a proxy left: times by the wall clock, names for numbers, and who the caller is. What the
//! probe sent is one already.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Watched;
use super::counts::{CallerKnown, Kind, ObserveCounts};
use crate::gap::note::{Method, Note};
use crate::gap::observation::{
    Completeness, Context, Direction, MarkSeen, Observation, Origin, Peer, Resolved, SourceKind,
};
use crate::gap::route;
use crate::gap::sink::{Sighting, SinkOf};
use crate::trace::counts::Label as _;
use crate::workload::{Callers, Owner};

/// Templates that are remembered for one proxy.
const MAX_ROUTES: usize = crate::gap::note::MAX_ROUTES;

/// Something a proxy left.
pub(super) enum Seen {
    /// A note.
    Note(SinkOf, Note),
    /// A note with more.
    Sighting(SinkOf, Box<Sighting>),
    /// What the probe made of a request.
    Probe(Box<Observation>),
}

/// Who says so, and by which clock.
pub(super) struct SourceNames {
    name: Arc<str>,
    probe: Arc<str>,
    clock: Arc<str>,
}

/// Makes observations.
pub(super) struct Shaper {
    watched: Vec<Watched>,
    callers: Callers,
    names: SourceNames,
    sequence: u64,
    /// How many observations of the probe's there were.
    probed: u64,
    /// When the sinks' clock began, by the wall clock as it goes now.
    clock_began: u64,
    /// The same clock when it was last looked at.
    now: u64,
    routes: HashMap<SinkOf, HashMap<u64, Arc<str>>>,
    methods: Vec<Arc<str>>,
    other: Arc<str>,
    lost: Vec<(SinkOf, u64)>,
    counts: Arc<ObserveCounts>,
}

impl Seen {
    /// When it began: nanoseconds since the Unix epoch, where the sinks' clock began at `clock_began`.
    pub(super) fn begun(&self, clock_began: u64) -> u64 {
        match self {
            Self::Note(_, note) => clock_began.saturating_add(note.begun),
            Self::Sighting(_, sighting) => clock_began.saturating_add(sighting.note.begun),
            Self::Probe(observation) => observation.start,
        }
    }
}

impl SourceNames {
    /// The name tells this run from every other; the clock is the machine's, which containers share.
    pub(super) fn of_this_process() -> Self {
        let line = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).ok();
        let host = line("/proc/sys/kernel/hostname").unwrap_or_else(|| "localhost".to_owned());
        let began = super::unix_now() / 1_000_000;
        let clock = line("/proc/sys/kernel/random/boot_id").unwrap_or_else(|| host.clone());
        let name = format!("{host}-{}-{began:x}", std::process::id());
        let probe = format!("{name}-probe").into();
        Self { name: name.into(), probe, clock: clock.into() }
    }
}

impl Shaper {
    pub(super) fn new(watched: Vec<Watched>, callers: Callers, names: SourceNames, counts: Arc<ObserveCounts>) -> Self {
        Self {
            watched,
            callers,
            names,
            sequence: 0,
            probed: 0,
            clock_began: 0,
            now: 0,
            routes: HashMap::new(),
            methods: Method::ALL.iter().map(|method| Arc::from(method.name())).collect(),
            other: route::OTHER.into(),
            lost: Vec::new(),
            counts,
        }
    }

    /// One more proxy feeds the report.
    pub(super) fn watch(&mut self, watched: Watched) {
        self.watched.push(watched);
    }

    /// When the sinks' clock began: nanoseconds since the Unix epoch.
    pub(super) fn clock_began(&self) -> u64 {
        self.clock_began
    }

    /// The sinks' clock began at `began` by the wall clock, and stands at `now`.
    pub(super) fn set_clock(&mut self, began: u64, now: u64) {
        self.clock_began = began;
        self.now = now;
    }

    pub(super) fn name_route(&mut self, source: SinkOf, number: u64, text: &str) {
        let routes = self.routes.entry(source).or_default();
        if routes.len() < MAX_ROUTES {
            routes.entry(number).or_insert_with(|| text.into());
        }
    }

    /// So many were lost about now; those of full queues are counted where they are lost.
    pub(super) fn lost(&mut self, source: SinkOf, count: u64) {
        if count > 0 {
            self.lost.push((source, count));
        }
    }

    /// What stands for what was lost, and how much that is.
    pub(super) fn take_lost(&mut self) -> Vec<(Observation, u64)> {
        let lost = std::mem::take(&mut self.lost);
        lost.into_iter().map(|(source, count)| (self.marker(source), count)).collect()
    }

    pub(super) fn observation(&mut self, seen: Seen) -> Observation {
        match seen {
            Seen::Note(source, note) => {
                self.counts.observed.add(Kind::Note, 1);
                let (method, route) = (self.method(note.method), self.route(source, note.route));
                self.shape(source, &note, method, route, None)
            }
            Seen::Sighting(source, sighting) => {
                self.counts.observed.add(Kind::Sighting, 1);
                let (method, route) = (Arc::from(&*sighting.method), self.route(source, sighting.note.route));
                self.shape(source, &sighting.note, method, route, Some(&sighting))
            }
            Seen::Probe(observation) => {
                self.counts.observed.add(Kind::Probe, 1);
                self.numbered(*observation)
            }
        }
    }

    /// An observation of the probe's, which counts by itself: connections have numbers of their own there.
    pub(super) fn numbered(&mut self, mut observation: Observation) -> Observation {
        let (name, clock) = (Arc::clone(&self.names.probe), Arc::clone(&self.names.clock));
        observation.origin = Origin { kind: SourceKind::Probe, name, sequence: self.probed, clock };
        self.probed += 1;
        observation
    }

    fn shape(
        &mut self,
        source: SinkOf,
        note: &Note,
        method: Arc<str>,
        route: Arc<str>,
        sighting: Option<&Sighting>,
    ) -> Observation {
        let start = self.clock_began.saturating_add(note.begun);
        let mut observation = self.blank(source, start);
        observation.method = method;
        observation.route = route;
        observation.end = Some(start.saturating_add(note.duration));
        observation.context = context(note, sighting);
        observation.status = Some(note.status).filter(|status| (100..=599).contains(status));
        observation.connection = Some(note.connection.into());
        observation.synthetic = note.traits.synthetic;
        if source.is_egress {
            self.name_callee(source, note, sighting, &mut observation);
        } else {
            (observation.process, observation.epoch) = self.callers.service(source.proxy, start);
            (observation.peer, observation.local) = self.caller(note);
        }
        observation
    }

    /// An observation of nothing.
    fn blank(&mut self, source: SinkOf, start: u64) -> Observation {
        let sequence = self.sequence;
        self.sequence += 1;
        let (name, clock) = (Arc::clone(&self.names.name), Arc::clone(&self.names.clock));
        Observation {
            origin: Origin { kind: SourceKind::Proxy, name, sequence, clock },
            direction: if source.is_egress { Direction::Out } else { Direction::In },
            service: self.service(source.proxy),
            process: None,
            epoch: None,
            peer: Peer::default(),
            local: None,
            method: Arc::clone(&self.other),
            route: Arc::clone(&self.other),
            start,
            end: None,
            context: Context { tracestate_kept: true, ..Context::default() },
            status: None,
            connection: None,
            threads: None,
            completeness: Completeness::Whole,
            synthetic: false,
        }
    }

    fn marker(&mut self, source: SinkOf) -> Observation {
        let at = self.clock_began.saturating_add(self.now);
        Observation { completeness: Completeness::Lost, ..self.blank(source, at) }
    }

    /// Who called the service behind this proxy, and the address it called.
    fn caller(&self, note: &Note) -> (Peer, Option<SocketAddr>) {
        let Some(caller) = self.callers.caller(note.connection) else {
            self.counts.callers_known.add(CallerKnown::Unknown, 1);
            return (Peer { resolved: relayed_or(note, Resolved::Unknown), ..Peer::default() }, None);
        };
        let mut peer = Peer { address: Some(caller.address), ..Peer::default() };
        // Who holds the socket made the request, whatever its headers say of others before.
        let (known, service) = match caller.owner {
            Owner::Process { service, process, epoch } => {
                (peer.process, peer.epoch) = (Some(process), epoch);
                (Resolved::Socket, Some(service))
            }
            Owner::Egress { service } => (Resolved::Egress, Some(service)),
            Owner::Several => (Resolved::Intermediary, None),
            Owner::Address { service } => match relayed_or(note, Resolved::Address) {
                Resolved::Address => (Resolved::Address, Some(service)),
                relayed => (relayed, None),
            },
            Owner::Unknown => (relayed_or(note, Resolved::Unknown), None),
        };
        if known == Resolved::Egress {
            peer.epoch = service.and_then(|service| self.callers.service(service, self.clock_began + note.begun).1);
        }
        peer.resolved = known;
        peer.service = service.map(|service| self.service(service));
        self.counts.callers_known.add(label_of(known), 1);
        (peer, Some(caller.local))
    }

    /// Whom the service behind this egress listener called.
    fn name_callee(&self, source: SinkOf, note: &Note, sighting: Option<&Sighting>, observation: &mut Observation) {
        let caller = self.callers.caller(note.connection);
        observation.local = caller.as_ref().map(|caller| caller.address);
        let own = match caller.map(|caller| caller.owner) {
            Some(Owner::Process { service, process, epoch }) if service == source.proxy => (Some(process), epoch),
            _ => self.callers.service(source.proxy, observation.start),
        };
        (observation.process, observation.epoch) = own;
        let Some(callee) = sighting.and_then(|sighting| sighting.callee.as_ref()) else { return };
        let service = callee.address.and_then(|address| self.listening_at(address));
        observation.peer = Peer {
            address: callee.address,
            service: service.map(|service| self.service(service)),
            host: Some(Arc::from(&*callee.host)),
            resolved: if service.is_some() { Resolved::Egress } else { Resolved::Unknown },
            ..Peer::default()
        };
        if callee.encrypted {
            observation.completeness = Completeness::Encrypted;
        }
    }

    /// The service whose proxy listens at this address.
    fn listening_at(&self, address: SocketAddr) -> Option<usize> {
        let ip = address.ip().to_canonical();
        // Another one may have listened there before.
        self.watched.iter().rposition(|watched| {
            let listen = watched.listen;
            listen.port() == address.port()
                && (listen.ip().to_canonical() == ip || listen.ip().is_unspecified() && ip.is_loopback())
        })
    }

    fn service(&self, at: usize) -> Arc<str> {
        self.watched.get(at).map_or_else(|| Arc::clone(&self.other), |watched| Arc::clone(&watched.service.name))
    }

    fn method(&self, method: Method) -> Arc<str> {
        self.methods.get(method.index()).map_or_else(|| Arc::clone(&self.other), Arc::clone)
    }

    fn route(&self, source: SinkOf, number: u64) -> Arc<str> {
        if let Some(route) = self.routes.get(&source).and_then(|routes| routes.get(&number)) {
            return Arc::clone(route);
        }
        self.counts.unnamed_routes.add(1);
        Arc::clone(&self.other)
    }
}

fn relayed_or(note: &Note, otherwise: Resolved) -> Resolved {
    if note.traits.relayed { Resolved::Intermediary } else { otherwise }
}

fn label_of(resolved: Resolved) -> CallerKnown {
    match resolved {
        Resolved::Unknown | Resolved::Proxy => CallerKnown::Unknown,
        Resolved::Socket => CallerKnown::Socket,
        Resolved::Address => CallerKnown::Address,
        Resolved::Egress => CallerKnown::Egress,
        Resolved::Intermediary => CallerKnown::Intermediary,
    }
}

/// The context as the engine knows it. A note has no header lines: its `traceparent` is written anew, which gives the
/// same bytes, and its `tracestate` is said to have come.
fn context(note: &Note, sighting: Option<&Sighting>) -> Context {
    let mut context = Context {
        mark: MarkSeen(note.mark),
        has_tracestate: note.traits.has_tracestate,
        tracestate_kept: !note.traits.has_tracestate,
        ..Context::default()
    };
    match sighting {
        Some(sighting) => {
            context.traceparent.clone_from(&sighting.traceparent);
            context.delivered.clone_from(&sighting.delivered);
            context.tracestate.clone_from(&sighting.tracestate);
            context.problem = sighting.problem;
            context.tracestate_kept = true;
        }
        None => context.traceparent.extend(note.context.map(|ids| Arc::from(ids.traceparent()))),
    }
    context
}

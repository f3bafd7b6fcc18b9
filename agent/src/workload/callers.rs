//! Resolves callers while their connections are open, on a thread of its own: a table that this thread fills and the
//! feeder reads.

mod owner;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::diag::Diag;
use super::process::Proc;
use super::services::{Running, ServiceAt, Services};
use super::sockets::{self, canonical};
use crate::gap::observation::Process;

use owner::Outcome;
pub use owner::{Caller, CallerCounts, Message, Owner};

/// Connections that are remembered; those past it are callers unknown.
const MAX_CONNECTIONS: usize = 100_000;
/// Calls of egress listeners that are remembered.
const MAX_CALLS: usize = 100_000;
/// How far apart the two ends of one connection may be seen.
const SAME_MOMENT: Duration = Duration::from_secs(2);
/// Connections that are looked for in one reading of the tables.
const BATCH: usize = 256;
/// How often it is looked who runs, and what is over is forgotten.
const REFRESH: Duration = Duration::from_secs(1);
/// Looking who runs takes at most this part of the time.
const SHARE: u32 = 20;
/// A look that takes longer is followed by as long a pause.
const LONG_LOOK: Duration = Duration::from_millis(5);

/// The table. Its copies share one.
#[derive(Debug, Clone, Default)]
pub struct Callers {
    table: Arc<Mutex<Table>>,
    /// What was counted.
    pub counts: Arc<CallerCounts>,
}

#[derive(Debug, Default)]
struct Table {
    connections: HashMap<u32, Entry>,
    calls: Calls,
    /// What runs as each service, the newest last; two at most.
    running: Vec<Vec<Running>>,
    /// The services that are looked for from now on, where these have changed.
    wanted: Option<Vec<Option<ServiceAt>>>,
}

/// The two ends of an egress listener's connection, its service, and when it was told.
type Calls = HashMap<(SocketAddr, SocketAddr), (usize, Instant)>;

#[derive(Debug)]
struct Entry {
    peer: SocketAddr,
    local: SocketAddr,
    seen: Instant,
    watch: Weak<()>,
    owner: Owner,
    /// It was closed when it was looked at last.
    is_over: bool,
}

/// Looks up who is who.
#[derive(Debug)]
pub struct Resolver {
    callers: Callers,
    proc: Proc,
    services: Services,
    /// `None` where the kernel, or a sandbox, does not allow it.
    diag: Option<Diag>,
    refreshed: Option<Instant>,
    /// How long to wait before the next look at who runs: on a host with many sockets that takes long.
    pause: Duration,
}

impl Callers {
    /// Who is at the other end of this connection; `None` where that was never told, or is forgotten.
    #[must_use]
    pub fn caller(&self, connection: u32) -> Option<Caller> {
        let table = self.table();
        let entry = table.connections.get(&connection)?;
        let owner = entry.owner(&table.calls);
        Some(Caller { address: canonical(entry.peer), local: canonical(entry.local), owner })
    }

    /// The only process of this service and its epoch, as they were at this time (nanoseconds since the Unix epoch).
    #[must_use]
    pub fn service(&self, service: usize, at: u64) -> (Option<Process>, Option<Arc<str>>) {
        let table = self.table();
        let known = table.running.get(service).map_or(&[][..], Vec::as_slice);
        let was_there = |running: &&Running| running.epoch.as_ref().is_some_and(|(since, _)| *since <= at);
        let running = known.iter().rev().find(was_there);
        running
            .map_or((None, None), |running| (running.process, running.epoch.as_ref().map(|(_, text)| Arc::clone(text))))
    }

    /// Looks for these services from now on, each at the place of itself in the list. Those that are gone keep theirs.
    pub fn serve(&self, services: Vec<Option<ServiceAt>>) {
        self.table().wanted = Some(services);
    }

    /// What runs as this service now.
    fn epoch(&self, service: usize) -> Option<Arc<str>> {
        let table = self.table();
        table.running.get(service)?.last()?.epoch.as_ref().map(|(_, text)| Arc::clone(text))
    }

    /// A poisoned lock means that the resolver panicked; what it wrote is whole nevertheless.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Its owner; if no process was found, perhaps an egress listener of this one.
    fn owner(&self, calls: &Calls) -> Owner {
        let call = calls.get(&(canonical(self.peer), canonical(self.local)));
        let is_call = |at: &Instant| at.max(&self.seen).duration_since(*at.min(&self.seen)) < SAME_MOMENT;
        match (call, &self.owner) {
            (Some((service, at)), Owner::Unknown) if is_call(at) => Owner::Egress { service: *service },
            (_, owner) => owner.clone(),
        }
    }
}

impl Resolver {
    /// A resolver for these services.
    ///
    /// # Errors
    /// Where `/proc` cannot be read.
    pub fn new(services: Vec<ServiceAt>, callers: Callers) -> std::io::Result<Self> {
        callers.table().running = vec![Vec::new(); services.len()];
        let services = services.into_iter().map(Some).collect();
        let proc = Proc::system()?;
        let mut resolver = Self {
            callers,
            services: Services::new(services, proc.clone()),
            proc,
            diag: Diag::open().ok(),
            pause: REFRESH,
            refreshed: None,
        };
        resolver.refresh();
        Ok(resolver)
    }

    /// Runs until nobody can send any more.
    pub fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let first = match messages.recv_timeout(REFRESH) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let begun = Instant::now();
            if first.is_some() {
                self.take(first.into_iter().chain(messages.try_iter()).take(BATCH));
            }
            if self.is_due() {
                self.refresh();
                self.forget();
            }
            let took = begun.elapsed();
            if took > LONG_LOOK {
                // A flood of connections may take half of one core for this, no more.
                std::thread::sleep(took);
            }
        }
    }

    /// Takes messages in, and looks their connections up.
    pub fn take(&mut self, messages: impl Iterator<Item = Message>) {
        let mut opened = Vec::new();
        let mut table = self.callers.table();
        for message in messages {
            match message {
                Message::Opened { number, watch, peer, local } if table.connections.len() < MAX_CONNECTIONS => {
                    let owner = Owner::Unknown;
                    let entry = Entry { peer, local, seen: Instant::now(), watch, owner, is_over: false };
                    table.connections.insert(number, entry);
                    opened.push((number, peer, local));
                }
                Message::Called { service, local, callee } if table.calls.len() < MAX_CALLS => {
                    table.calls.insert((canonical(local), canonical(callee)), (service, Instant::now()));
                }
                Message::Opened { .. } | Message::Called { .. } => {}
            }
        }
        let has_changed = table.wanted.is_some();
        drop(table);
        if has_changed {
            self.refresh();
        }
        let mut unknown = self.look_up(opened);
        if !unknown.is_empty() && self.is_due() {
            // Perhaps a new process of the service.
            self.refresh();
            unknown = self.look_up(unknown);
        }
        for (number, peer, _) in unknown {
            let mut at = self.services.at(peer.ip());
            let owner = match (at.next(), at.next()) {
                (None, _) => Owner::Unknown,
                (Some(service), None) => Owner::Address { service },
                (Some(_), Some(_)) => Owner::Several,
            };
            drop(at);
            self.resolved(number, owner);
        }
    }

    /// Finds the processes that hold these connections' other ends, and gives back those that nobody holds.
    fn look_up(&mut self, wanted: Vec<(u32, SocketAddr, SocketAddr)>) -> Vec<(u32, SocketAddr, SocketAddr)> {
        if wanted.is_empty() || self.services.candidates().next().is_none() {
            return wanted;
        }
        let (mut held, mut unknown) = (HashMap::new(), Vec::new());
        let mut inodes = self.inodes();
        for (number, peer, local) in wanted {
            match inodes(canonical(peer), canonical(local)) {
                Some(inode) => drop(held.insert(inode, (number, peer, local))),
                None => unknown.push((number, peer, local)),
            }
        }
        drop(inodes);
        let mut owners = Vec::new();
        for process in self.services.candidates() {
            // A process that is gone, or another user's, holds nothing that can be seen.
            let _ = self.proc.each_socket(process.pid, |inode| {
                owners.extend(held.remove(&inode).map(|wanted| (wanted.0, process)));
                !held.is_empty()
            });
        }
        for (number, process) in owners {
            let owner = match self.services.of(process) {
                [] => Owner::Unknown,
                [service] => {
                    let epoch = self.callers.epoch(*service);
                    Owner::Process { service: *service, process, epoch }
                }
                _ => Owner::Several,
            };
            self.resolved(number, owner);
        }
        unknown.extend(held.into_values());
        unknown
    }

    /// What finds the inode of a socket by its two ends: the kernel itself, or else one reading of its tables.
    fn inodes(&mut self) -> Box<dyn FnMut(SocketAddr, SocketAddr) -> Option<u64> + '_> {
        if let Some(diag) = &mut self.diag {
            return Box::new(|local, remote| diag.inode(local, remote).ok().flatten());
        }
        let ends: HashMap<(SocketAddr, SocketAddr), u64> =
            sockets::all().into_iter().map(|socket| ((socket.local, socket.remote), socket.inode)).collect();
        Box::new(move |local, remote| ends.get(&(local, remote)).copied().filter(|inode| *inode != 0))
    }

    fn resolved(&self, number: u32, owner: Owner) {
        let outcome = match owner {
            Owner::Process { .. } => Outcome::Process,
            Owner::Address { .. } => Outcome::Address,
            Owner::Several => Outcome::Several,
            Owner::Unknown | Owner::Egress { .. } => Outcome::Unknown,
        };
        self.callers.counts.resolved.add(outcome, 1);
        if let Some(entry) = self.callers.table().connections.get_mut(&number) {
            entry.owner = owner;
        }
    }

    fn is_due(&self) -> bool {
        self.refreshed.is_none_or(|at| at.elapsed() >= self.pause)
    }

    /// Takes over the list of services that has changed.
    fn serve_wanted(&mut self) {
        let mut table = self.callers.table();
        let Some(wanted) = table.wanted.take() else { return };
        table.running.resize(wanted.len(), Vec::new());
        drop(table);
        self.services.replace(wanted);
    }

    /// Looks again what runs.
    fn refresh(&mut self) {
        let begun = Instant::now();
        self.serve_wanted();
        self.services.refresh(&sockets::listeners());
        let now: Vec<Running> = (0..self.services.len()).map(|service| self.services.running(service)).collect();
        let mut table = self.callers.table();
        for (known, now) in table.running.iter_mut().zip(now) {
            if now.epoch.is_none() || known.last() == Some(&now) {
                continue;
            }
            known.retain(|known| known.epoch != now.epoch);
            known.push(now);
            let excess = known.len().saturating_sub(2);
            known.drain(..excess);
        }
        drop(table);
        self.refreshed = Some(Instant::now());
        self.pause = REFRESH.max(begun.elapsed() * SHARE);
    }

    /// Forgets connections that were closed a while ago: until then their last notes are under way.
    fn forget(&mut self) {
        let mut table = self.callers.table();
        let table = &mut *table;
        table.connections.retain(|_, entry| {
            // Calls are forgotten sooner than the connections they made.
            entry.owner = entry.owner(&table.calls);
            let was_over = std::mem::replace(&mut entry.is_over, entry.watch.strong_count() == 0);
            !(was_over && entry.is_over)
        });
        table.calls.retain(|_, (_, at)| at.elapsed() < SAME_MOMENT * 3);
        self.callers.counts.open.set(table.connections.len() as u64);
    }
}

#[cfg(test)]
mod tests;

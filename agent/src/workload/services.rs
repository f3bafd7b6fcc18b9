//! Which processes are the services behind the proxies: those that listen where the proxies send to, and their children.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::process::Proc;
use super::sockets::Socket;
use crate::gap::observation::Process;

/// Processes of one service that are looked at.
const MAX_PROCESSES: usize = 1024;
/// How often it is tried again to find the process of a socket that no process seems to hold.
const RESCAN: Duration = Duration::from_secs(10);
/// How far down children are looked for.
const GENERATIONS: usize = 3;

/// One service, as far as the configuration knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAt {
    /// Its name.
    pub name: Arc<str>,
    /// Where its proxy sends to: a name or an address without brackets, and a port.
    pub upstream: (String, u16),
    /// Addresses it calls from.
    pub addresses: Vec<IpNet>,
}

/// What runs as one service now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Running {
    /// The only process that listens, where there is just one.
    pub(super) process: Option<Process>,
    /// What runs, and since when: that of the oldest process that listens, so that a worker which is replaced is no
    /// new epoch.
    pub(super) epoch: Option<(u64, Arc<str>)>,
}

/// The processes of all services.
#[derive(Debug)]
pub(super) struct Services {
    proc: Proc,
    /// By their places; those that are gone keep theirs.
    all: Vec<Option<ServiceAt>>,
    /// The inodes of listening sockets, by the service they belong to.
    listening: HashMap<u64, Vec<usize>>,
    /// When all processes were gone through last.
    scanned: Option<Instant>,
    /// Processes that hold one of these, and the services these belong to.
    listeners: HashMap<Process, Vec<usize>>,
    /// Processes and the services they may be calls of; listeners and their children.
    candidates: HashMap<Process, Vec<usize>>,
}

impl Services {
    pub(super) fn new(all: Vec<Option<ServiceAt>>, proc: Proc) -> Self {
        Self {
            proc,
            all,
            listening: HashMap::new(),
            scanned: None,
            listeners: HashMap::new(),
            candidates: HashMap::new(),
        }
    }

    /// Looks for these from now on.
    pub(super) fn replace(&mut self, all: Vec<Option<ServiceAt>>) {
        let proc = self.proc.clone();
        *self = Self::new(all, proc);
    }

    /// Looks again who listens. All processes are gone through only when other sockets listen than before, or when a
    /// process that listened is gone.
    pub(super) fn refresh(&mut self, sockets: &[Socket]) {
        let listening = self.listening_sockets(sockets);
        let is_gone = |process: &Process| self.proc.process(process.pid) != Some(*process);
        let is_old = self.scanned.is_none_or(|at| at.elapsed() >= RESCAN);
        let has_changed = listening != self.listening || self.listeners.keys().any(is_gone);
        if has_changed || is_old && self.has_orphan_sockets() {
            self.listening = listening;
            self.scanned = Some(Instant::now());
            self.listeners = self.find_listeners();
        }
        self.candidates = self.with_children();
    }

    /// The processes whose sockets are worth a look.
    pub(super) fn candidates(&self) -> impl Iterator<Item = Process> {
        self.candidates.keys().copied()
    }

    /// The services this process may call for.
    pub(super) fn of(&self, process: Process) -> &[usize] {
        self.candidates.get(&process).map_or(&[], Vec::as_slice)
    }

    /// The services that call from this address.
    pub(super) fn at(&self, address: IpAddr) -> impl Iterator<Item = usize> {
        let address = address.to_canonical();
        let is_here = move |service: &ServiceAt| service.addresses.iter().any(|net| net.contains(&address));
        self.known().filter(move |(_, service)| is_here(service)).map(|(at, _)| at)
    }

    fn known(&self) -> impl Iterator<Item = (usize, &ServiceAt)> {
        self.all.iter().enumerate().filter_map(|(at, service)| Some((at, service.as_ref()?)))
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// What runs as this service.
    pub(super) fn running(&self, service: usize) -> Running {
        let mut listeners: Vec<Process> =
            self.listeners.iter().filter(|(_, of)| of.contains(&service)).map(|(process, _)| *process).collect();
        listeners.sort_by_key(|process| (process.started, process.pid));
        let Some(oldest) = listeners.first() else { return Running::default() };
        Running {
            process: Some(*oldest).filter(|_| listeners.len() == 1),
            epoch: Some((oldest.started, self.proc.epoch(*oldest))),
        }
    }

    /// Whether some socket listens whose process was not found: another user's, or one that started meanwhile.
    fn has_orphan_sockets(&self) -> bool {
        let found: HashSet<usize> = self.listeners.values().flatten().copied().collect();
        self.listening.values().flatten().any(|service| !found.contains(service))
    }

    fn listening_sockets(&self, sockets: &[Socket]) -> HashMap<u64, Vec<usize>> {
        let mut found: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, service) in self.known() {
            let (host, port) = &service.upstream;
            if !sockets.iter().any(|socket| socket.listens && socket.local.port() == *port) {
                continue;
            }
            // Names are looked up here, on a thread of their own, because containers and hosts files give them too.
            let Ok(addresses) = (host.as_str(), *port).to_socket_addrs() else { continue };
            let addresses: Vec<SocketAddr> = addresses.filter(|address| is_local(address.ip())).collect();
            let fits = |socket: &&Socket| {
                socket.listens
                    && socket.local.port() == *port
                    && addresses.iter().any(|address| {
                        let ip = socket.local.ip();
                        ip == address.ip().to_canonical() || ip.is_unspecified()
                    })
            };
            for socket in sockets.iter().filter(fits) {
                found.entry(socket.inode).or_default().push(at);
            }
        }
        found
    }

    fn find_listeners(&self) -> HashMap<Process, Vec<usize>> {
        let mut found = HashMap::new();
        if self.listening.is_empty() {
            return found;
        }
        for pid in self.proc.all().unwrap_or_default().into_iter().filter(|pid| *pid != std::process::id()) {
            let mut services = Vec::new();
            // Processes of others cannot be looked into; they are then not known to be a service.
            let _ = self.proc.each_socket(pid, |inode| {
                services.extend(self.listening.get(&inode).into_iter().flatten());
                true
            });
            services.sort_unstable();
            services.dedup();
            if let Some(process) = self.proc.process(pid).filter(|_| !services.is_empty()) {
                found.insert(process, services);
            }
        }
        found
    }

    /// The listeners and their children, without children that listen for another service.
    fn with_children(&self) -> HashMap<Process, Vec<usize>> {
        let mut all = self.listeners.clone();
        let mut generation: Vec<(Process, Vec<usize>)> = self.listeners.clone().into_iter().collect();
        for _ in 0..GENERATIONS {
            let mut next = Vec::new();
            for (parent, services) in generation {
                let children = self.proc.children(parent.pid).into_iter().take(MAX_PROCESSES);
                for child in children.filter_map(|pid| self.proc.process(pid)) {
                    if child.pid != std::process::id() && !all.contains_key(&child) {
                        all.insert(child, services.clone());
                        next.push((child, services.clone()));
                    }
                }
            }
            generation = next;
        }
        all
    }
}

/// An address is local when a socket can be bound to it; nothing is sent.
pub(super) fn is_local(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

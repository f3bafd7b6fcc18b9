//! Goes through all processes of this machine once, and says which are targets and who they are.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::identity::{Identity, Service, leader};
use super::look::{AllListening, Details, Facts, Look};
use super::process::Proc;
use super::services::is_local;
use super::sockets::canonical;
use crate::config::WorkloadConfig;
use crate::gap::observation::Process;

/// What is known of a process that is watched.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) identity: Arc<Identity>,
    facts: Arc<Facts>,
    details: Arc<Details>,
}

/// What remains of going through all processes.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    /// When it was done, and how long it took.
    pub(super) at: Option<Instant>,
    pub(super) took: Duration,
    /// Processes that ended meanwhile, and those whose sockets may not be looked at.
    pub(super) gone: u64,
    pub(super) hidden: u64,
    /// What listens, and when that was looked at.
    listening: AllListening,
    listened_at: Option<Instant>,
    /// One process of each network namespace.
    networks: HashMap<u64, u32>,
    /// Processes that are never watched.
    excluded: HashSet<u32>,
}

impl Known {
    /// Its child, which does as it does.
    pub(super) fn forked(&self, process: Process) -> Self {
        let mut facts = Facts::clone(&self.facts);
        facts.member.parent = facts.process.pid;
        (facts.process, facts.member.pid, facts.member.started) = (process, process.pid, process.started);
        let mut identity = Identity::clone(&self.identity);
        (identity.parent, identity.process) = (identity.process.pid, process);
        Self { identity: Arc::new(identity), facts: Arc::new(facts), details: Arc::clone(&self.details) }
    }

    /// Whether its details hold for these facts: the same process still runs the same.
    fn is(&self, facts: &Facts) -> bool {
        let (old, new) = (&self.facts, facts);
        old.process == new.process && old.member.file == new.member.file && old.executable == new.executable
    }
}

impl Scan {
    /// Looks at all processes but this one. What is known already is not read again in detail.
    pub(super) fn run(
        config: &WorkloadConfig,
        proc: &Proc,
        known: &HashMap<u32, Known>,
    ) -> (Self, HashMap<u32, Known>) {
        let begun = Instant::now();
        let look = Look::new(proc);
        let mut scan = Self::default();
        let mut all = HashMap::new();
        for pid in proc.all().unwrap_or_default() {
            match look.facts(pid) {
                Ok(facts) if facts.is_kernel => {}
                Ok(facts) => drop(all.insert(pid, facts)),
                Err(_) => scan.gone += 1,
            }
        }
        scan.hidden = all.values().filter(|facts| facts.member.listening.is_none()).count() as u64;
        scan.note_networks(&look, &all);
        scan.excluded = excluded(config, &look, &all);
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for facts in all.values() {
            children.entry(facts.member.parent).or_default().push(facts.process.pid);
        }
        let mut found = HashMap::new();
        for (pid, facts) in &all {
            let of = |pid: u32| all.get(&pid).cloned();
            let children = |pid: u32| children.get(&pid).cloned().unwrap_or_default();
            let chosen = scan.choose(config, &look, facts, known, of, children);
            found.extend(chosen.map(|chosen| (*pid, chosen)));
        }
        scan.know(look);
        (scan.at, scan.took) = (scan.listened_at, begun.elapsed());
        (scan, found)
    }

    /// Who this process is, if it is a target. `of` gives the facts of others.
    pub(super) fn choose(
        &self,
        config: &WorkloadConfig,
        look: &Look<'_>,
        facts: &Facts,
        known: &HashMap<u32, Known>,
        of: impl Fn(u32) -> Option<Facts>,
        children: impl Fn(u32) -> Vec<u32>,
    ) -> Option<Known> {
        let pid = facts.process.pid;
        if facts.is_kernel || pid == std::process::id() || self.excluded.contains(&pid) || config.targets.is_empty() {
            return None;
        }
        let leader = leader(facts, &of, children);
        let leading = leader.as_ref().unwrap_or(facts);
        let mut ports = facts.ports();
        ports.extend(leading.ports());
        let command = facts.member.command.text();
        let subject = facts.subject(leading.process.pid, &command, &ports);
        let is_excluded = self.excluded.contains(&leading.process.pid);
        if is_excluded || !subject.is_described_by_any(&config.targets) {
            return None;
        }
        let details_of = |facts: &Facts| match known.get(&facts.process.pid).filter(|known| known.is(facts)) {
            Some(known) => Some(Arc::clone(&known.details)),
            None => look.details(facts).ok().map(Arc::new),
        };
        let details = details_of(facts)?;
        // A leader that is gone meanwhile leaves this process to itself.
        let led = leader.as_ref().and_then(|leader| Some((leader, details_of(leader)?)));
        let (leading, leading_details) = led.as_ref().map_or((facts, &details), |(leader, details)| (*leader, details));
        let service = Service::of(leading, leading_details, look.proc(), &of, &config.names);
        let identity = Arc::new(Identity::of(facts, &details, service));
        Some(Known { identity, facts: Arc::new(facts.clone()), details })
    }

    /// Looks at what listens, and says whether it is other sockets than before, in any network namespace there was.
    pub(super) fn is_outdated(&mut self, proc: &Proc) -> bool {
        let look = Look::new(proc);
        let is_same = self.networks.iter().all(|(network, pid)| {
            let before = self.listening.get(network);
            proc.network(*pid) == *network && before.is_some_and(|before| *before == look.listening(*pid, *network))
        });
        if is_same {
            self.know(look);
        }
        !is_same
    }

    /// A look that knows what listened, if that is no older than this.
    pub(super) fn look<'a>(&mut self, proc: &'a Proc, age: Duration) -> Look<'a> {
        let is_fresh = self.listened_at.is_some_and(|at| at.elapsed() < age);
        if !is_fresh {
            self.listened_at = Some(Instant::now());
        }
        Look::knowing(proc, if is_fresh { std::mem::take(&mut self.listening) } else { AllListening::new() })
    }

    /// What listens is to be looked at anew.
    pub(super) fn distrust(&mut self) {
        self.listened_at = None;
    }

    /// Takes back what a look found to listen.
    pub(super) fn give_back(&mut self, look: Look<'_>) {
        self.listening = look.into_listening();
    }

    fn know(&mut self, look: Look<'_>) {
        self.listened_at = Some(Instant::now());
        self.give_back(look);
    }

    fn note_networks(&mut self, look: &Look<'_>, all: &HashMap<u32, Facts>) {
        for facts in all.values().filter(|facts| facts.network != 0) {
            let pid = facts.process.pid;
            if self.networks.insert(facts.network, pid).is_none() {
                // Looked at even where nobody's sockets had to be.
                look.listening(pid, facts.network);
            }
        }
    }
}

/// The processes that listen at an address that is not to be watched. An address of this machine is meant as this
/// process's network namespace has it; any other only where a socket is bound to exactly that.
fn excluded(config: &WorkloadConfig, look: &Look<'_>, all: &HashMap<u32, Facts>) -> HashSet<u32> {
    let own = look.proc().network(std::process::id());
    let addresses: Vec<(SocketAddr, bool)> =
        config.excluded.iter().map(|address| (canonical(*address), is_local(address.ip()))).collect();
    let fits = |bound: &SocketAddr, network: u64| {
        addresses.iter().any(|(address, is_local)| {
            let is_here = network == own && *is_local;
            let is_same = bound.ip() == address.ip() && (is_here || !address.ip().is_loopback());
            bound.port() == address.port() && (is_same || (is_here && bound.ip().is_unspecified()))
        })
    };
    let holds = |facts: &&Facts| {
        let listening = facts.member.listening.iter().flatten();
        let sockets = look.listening(facts.process.pid, facts.network);
        listening.filter_map(|(inode, _)| sockets.get(inode)).any(|bound| fits(bound, facts.network))
    };
    if addresses.is_empty() {
        HashSet::new()
    } else {
        all.values().filter(holds).map(|facts| facts.process.pid).collect()
    }
}

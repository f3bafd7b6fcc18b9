//! The processes of this machine that are watched: found at the start, and kept up to date by what the kernel tells of
//! processes and by looking again.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::identity::Identity;
use super::look::{Facts, Look};
use super::process::Proc;
use super::scan::{Known, Scan};
use crate::config::WorkloadConfig;

/// Processes that are watched at most; those past it are counted.
const MAX_TARGETS: usize = 16_384;
/// Processes that wait to be looked at; past it, all are gone through instead.
const MAX_PENDING: usize = 4_096;
/// How long one call may look at processes that wait.
const PATIENCE: Duration = Duration::from_millis(20);
/// How often all processes are gone through, and how often at most what listens is looked at.
const EVERY: Duration = Duration::from_secs(10);
const LISTENING_EVERY: Duration = Duration::from_millis(900);
/// How often that is looked at after a change, of which is told a moment before it can be seen.
const LOOKS: u32 = 2;
/// How often one process is looked at because it was heard at another port.
const HEARD_EVERY: Duration = Duration::from_secs(1);
/// Going through all processes takes at most this part of the time.
const SHARE: u32 = 20;
/// How long it is known who a process was that ended, and how many are.
const REMEMBERED: Duration = Duration::from_secs(60);
const MAX_REMEMBERED: usize = 4_096;

/// A change of what is watched, for the kernel's map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Watch this process from now on.
    Watch(Arc<Identity>),
    /// Watch the process with this id no more.
    Forget(u32),
}

/// What could not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WorkloadCounts {
    /// Processes that ended while they were looked at.
    pub gone: u64,
    /// Processes whose sockets may not be looked at: the ports they listen at are unknown.
    pub hidden: u64,
    /// Targets that are not watched because there are too many.
    pub left_out: u64,
    /// How often all processes were gone through because too many new ones waited.
    pub overrun: u64,
}

/// The processes that are watched. Its methods read `/proc`: about 0.1 ms for each process they look at.
#[derive(Debug)]
pub struct Workloads {
    config: WorkloadConfig,
    proc: Proc,
    known: HashMap<u32, Known>,
    /// Processes that were targets until they ended, the oldest first.
    ended: VecDeque<(Instant, Arc<Identity>)>,
    pending: BTreeSet<u32>,
    /// When processes were looked at because they were heard at a port they were not known to listen at.
    heard: HashMap<u32, Instant>,
    has_overrun: bool,
    /// How often it is still to be looked whether others listen.
    looks: u32,
    changes: Vec<Change>,
    last: Scan,
    counts: WorkloadCounts,
}

impl Workloads {
    /// Goes through all processes; [`Self::changes`] then has the targets among them.
    ///
    /// # Errors
    /// Where `/proc` cannot be read.
    pub fn new(config: WorkloadConfig) -> io::Result<Self> {
        Self::in_proc(config, Proc::system()?)
    }

    pub(super) fn in_proc(config: WorkloadConfig, proc: Proc) -> io::Result<Self> {
        proc.all()?;
        let mut new = Self {
            config,
            proc,
            known: HashMap::new(),
            ended: VecDeque::new(),
            pending: BTreeSet::new(),
            heard: HashMap::new(),
            has_overrun: false,
            looks: 0,
            changes: Vec::new(),
            last: Scan::default(),
            counts: WorkloadCounts::default(),
        };
        new.scan();
        Ok(new)
    }

    /// Other targets and names from now on.
    pub fn configure(&mut self, config: WorkloadConfig) {
        self.config = config;
        self.scan();
    }

    /// This process runs another program. It is looked at in [`Self::changes`].
    pub fn started(&mut self, pid: u32) {
        if self.pending.len() < MAX_PENDING {
            self.pending.insert(pid);
        } else {
            self.has_overrun = true;
        }
    }

    /// `parent` was forked. The child of a target is one, and a sibling until it runs another program or is looked at.
    pub fn forked(&mut self, parent: u32, child: u32) {
        let Some(known) = self.known.get(&parent) else { return };
        // One that has ended already keeps its parent's start: what it did is still told of it.
        let process = self
            .proc
            .process(child)
            .unwrap_or(crate::gap::observation::Process { pid: child, started: known.identity.process.started });
        let known = known.forked(process);
        self.watch(known);
    }

    /// This process has ended. Who it was is known for a minute.
    pub fn ended(&mut self, pid: u32) {
        self.pending.remove(&pid);
        self.forget(pid);
    }

    /// Somebody began to listen, or ceased to, or may have: [`Self::rescan`] looks who.
    pub fn listeners_changed(&mut self) {
        self.looks = LOOKS;
    }

    /// Looks whether others listen than before, if they may, or whether it is time to go through all processes again, and
    /// does so. To be called about once a second.
    pub fn rescan(&mut self) {
        let pause = self.last.took * SHARE;
        let since = self.last.at.map_or(Duration::MAX, |at| at.elapsed());
        let is_due = self.looks > 0 && since >= LISTENING_EVERY.max(pause);
        if since >= EVERY.max(pause) || (is_due && self.is_outdated()) {
            self.scan();
        }
        while self.ended.front().is_some_and(|(at, _)| at.elapsed() > REMEMBERED) {
            self.ended.pop_front();
        }
        self.heard.retain(|_, at| at.elapsed() <= HEARD_EVERY);
    }

    /// Who this process is, if it is watched, or was until a minute ago.
    #[must_use]
    pub fn of(&self, pid: u32) -> Option<Arc<Identity>> {
        let known = self.known.get(&pid).map(|known| &known.identity);
        let known = known.or_else(|| {
            self.ended.iter().rev().map(|(_, identity)| identity).find(|identity| identity.process.pid == pid)
        });
        known.map(Arc::clone)
    }

    /// The same for a process that answered a request at this port. If it was not known to listen there, it is looked at
    /// first: it may have begun to a moment ago, and name and siblings hang on that.
    pub fn heard_at(&mut self, pid: u32, port: u16) -> Option<Arc<Identity>> {
        let is_new = self.known.get(&pid).is_some_and(|known| !known.identity.ports.contains(&port));
        if is_new && self.heard.get(&pid).is_none_or(|at| at.elapsed() > HEARD_EVERY) {
            self.heard.insert(pid, Instant::now());
            self.pending.insert(pid);
            self.last.distrust();
            self.look_at_pending();
        }
        self.of(pid)
    }

    /// What changed since this was called last, in order. Looks at the processes that started meanwhile, for some 20 ms
    /// at most; the rest is looked at in the next call.
    pub fn changes(&mut self) -> Vec<Change> {
        if std::mem::take(&mut self.has_overrun) {
            self.counts.overrun += 1;
            self.pending.clear();
            self.scan();
        }
        self.look_at_pending();
        std::mem::take(&mut self.changes)
    }

    /// The processes that are watched now, by process id.
    #[must_use]
    pub fn targets(&self) -> Vec<Arc<Identity>> {
        let mut all: Vec<_> = self.known.values().map(|known| Arc::clone(&known.identity)).collect();
        all.sort_by_key(|identity| identity.process.pid);
        all
    }

    /// What could not be done so far.
    #[must_use]
    pub fn counts(&self) -> WorkloadCounts {
        self.counts
    }

    fn look_at_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let begun = Instant::now();
        let proc = self.proc.clone();
        let age = if self.looks > 0 { LISTENING_EVERY } else { Duration::MAX };
        let look = self.last.look(&proc, age);
        while let Some(pid) = self.pending.pop_first() {
            match look.facts(pid) {
                Ok(facts) => self.look_at(&look, &facts),
                // Its end is told, too.
                Err(_) => self.counts.gone += 1,
            }
            if begun.elapsed() > PATIENCE {
                break;
            }
        }
        self.last.give_back(look);
    }

    fn look_at(&mut self, look: &Look<'_>, facts: &Facts) {
        let parents = |pid: u32| look.facts(pid).ok();
        let chosen = self.last.choose(&self.config, look, facts, &self.known, parents, |pid| self.proc.children(pid));
        match chosen {
            Some(known) => self.watch(known),
            None => self.forget(facts.process.pid),
        }
    }

    fn is_outdated(&mut self) -> bool {
        self.looks = self.looks.saturating_sub(1);
        self.last.is_outdated(&self.proc)
    }

    /// Goes through all processes.
    fn scan(&mut self) {
        self.looks = self.looks.saturating_sub(1);
        let proc = self.proc.clone();
        let (scan, found) = Scan::run(&self.config, &proc, &self.known);
        self.counts.gone += scan.gone;
        self.counts.hidden = scan.hidden;
        let lost: Vec<u32> = self.known.keys().filter(|pid| !found.contains_key(pid)).copied().collect();
        for pid in lost {
            self.forget(pid);
        }
        self.counts.left_out = 0;
        for known in found.into_values() {
            self.watch(known);
        }
        self.last = scan;
    }

    /// The same process is told to the kernel once, however much else of it changes.
    fn watch(&mut self, known: Known) {
        let process = known.identity.process;
        let old = self.known.get(&process.pid).map(|old| old.identity.process);
        if old.is_none() && self.known.len() >= MAX_TARGETS {
            self.counts.left_out += 1;
            return;
        }
        if old != Some(process) {
            if old.is_some() {
                self.forget(process.pid);
            }
            self.changes.push(Change::Watch(Arc::clone(&known.identity)));
        }
        self.known.insert(process.pid, known);
    }

    /// What it did until now is still told of it.
    fn forget(&mut self, pid: u32) {
        let Some(known) = self.known.remove(&pid) else { return };
        if self.ended.len() >= MAX_REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back((Instant::now(), known.identity));
        self.changes.push(Change::Forget(pid));
    }
}

#[cfg(test)]
mod tests;

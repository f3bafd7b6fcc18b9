//! Who holds a socket whose connection was not observed: a watched process or this one, found by the kernel's tables and
//! `/proc/PID/fd`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::diag::Diag;
use super::identity::Identity;
use super::peers::Pair;
use super::process::Proc;
use super::sockets;

/// Looking takes at most this part of the time.
const SHARE: u32 = 100;
/// Sockets that are looked for, and that are remembered, found or not.
const MAX_WANTED: usize = 1_024;
const MAX_KNOWN: usize = 100_000;
/// What was not found is looked for again after this.
const AGAIN: Duration = Duration::from_secs(30);

/// Who holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// This process.
    Agent,
    /// A watched process.
    Watched(Arc<Identity>),
}

/// A socket that is looked for: its two ends, and the network namespace, which matters for loopback alone.
type Wanted = (Pair, u64);

/// The processes that are looked through.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// `None` where there is no `/proc`.
    proc: Option<Proc>,
    /// This process, its network namespace, and a socket to ask the kernel with; made when first needed.
    own: Option<Own>,
    targets: Vec<Arc<Identity>>,
    wanted: HashSet<Wanted>,
    known: HashMap<Wanted, (Option<Owner>, Instant)>,
    /// When it may be looked again.
    next: Option<Instant>,
}

#[derive(Debug)]
struct Own {
    network: u64,
    diag: Option<Diag>,
}

impl Neighbours {
    pub(super) fn know(&mut self, targets: &[Arc<Identity>]) {
        self.targets = targets.to_vec();
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
    }

    pub(super) fn closed(&mut self, pair: Pair) {
        let same = |wanted: &Wanted| wanted.0 == pair;
        self.wanted.retain(|wanted| !same(wanted));
        self.known.remove(&(pair, 0));
        // Those of loopback bear their network.
        if pair.0.ip().is_loopback() {
            let networks: HashSet<u64> = self.targets.iter().map(|target| target.network).collect();
            for network in networks {
                self.known.remove(&(pair, network));
            }
        }
    }

    /// Who holds the socket with these ends; `holder` holds the one at its other end.
    pub(super) fn owner(&mut self, holder: &Identity, pair: Pair) -> Option<Owner> {
        let network = if pair.0.ip().is_loopback() { holder.network } else { 0 };
        let wanted = (pair, network);
        match self.known.get(&wanted) {
            Some((owner, at)) if owner.is_some() || at.elapsed() < AGAIN => return owner.clone(),
            _ => {}
        }
        if self.wanted.len() < MAX_WANTED {
            self.wanted.insert(wanted);
        }
        let now = Instant::now();
        if self.next.is_none_or(|next| next <= now) {
            self.look();
            self.next = Some(Instant::now() + now.elapsed() * SHARE);
        }
        self.known.get(&wanted)?.0.clone()
    }

    /// Looks for all that are wanted at once.
    fn look(&mut self) {
        if self.proc.is_none() {
            self.proc = Proc::system().ok();
        }
        let Some(proc) = self.proc.clone() else { return };
        let own = self.own.get_or_insert_with(|| Own { network: proc.own_network(), diag: Diag::open().ok() });
        let mut inodes = HashMap::new();
        if let Some(diag) = &mut own.diag {
            for wanted in self.wanted.iter().filter(|(_, network)| *network == 0 || *network == own.network) {
                let inode = diag.inode(wanted.0.0, wanted.0.1).ok().flatten();
                inodes.extend(inode.map(|inode| ((own.network, inode), *wanted)));
            }
        }
        let mut networks: HashMap<u64, u32> =
            self.targets.iter().map(|target| (target.network, target.process.pid)).collect();
        if own.diag.is_some() {
            networks.remove(&own.network);
        } else {
            networks.insert(own.network, std::process::id());
        }
        for (network, pid) in networks {
            let tables = ["net/tcp", "net/tcp6"].map(|table| proc.path(pid, table));
            for socket in sockets::all_in(tables) {
                let pair = (socket.local, socket.remote);
                let wanted = [(pair, 0), (pair, network)].into_iter().find(|wanted| self.wanted.contains(wanted));
                inodes.extend(wanted.map(|wanted| ((network, socket.inode), wanted)));
            }
        }
        let mut found = holders(&proc, own.network, &self.targets, inodes);
        for wanted in self.wanted.drain() {
            let owner = found.remove(&wanted);
            self.known.insert(wanted, (owner, Instant::now()));
        }
    }
}

/// Who holds these sockets, given by network namespace and inode.
fn holders(
    proc: &Proc,
    own: u64,
    targets: &[Arc<Identity>],
    mut inodes: HashMap<(u64, u64), Wanted>,
) -> HashMap<Wanted, Owner> {
    let mut found = HashMap::new();
    let agent = (std::process::id(), own, Owner::Agent);
    let targets = targets.iter().map(|target| (target.process.pid, target.network, Owner::Watched(Arc::clone(target))));
    for (pid, network, owner) in [agent].into_iter().chain(targets) {
        if inodes.is_empty() {
            break;
        }
        // A process that is gone, or another user's, holds nothing that can be seen.
        let _ = proc.each_socket(pid, |inode| {
            found.extend(inodes.remove(&(network, inode)).map(|wanted| (wanted, owner.clone())));
            !inodes.is_empty()
        });
    }
    found
}

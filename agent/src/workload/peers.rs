//! Who is at the other end of a connection, where that is on this machine and watched, or this agent itself.
//!
//! Addresses that are translated on the way (a cluster's service addresses) fit no socket: such peers stay unknown.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::identity::Identity;
use super::neighbours::{Neighbours, Owner};
use super::sockets::canonical;
use crate::gap::observation::{Peer, Process, Resolved};

/// Connections that are remembered; those past it are peers unknown.
const MAX_CONNECTIONS: usize = 100_000;
/// How long an end is remembered that was closed: the last exchange of the other end may still be under way.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// Local and remote address, as one end sees them.
pub(super) type Pair = (SocketAddr, SocketAddr);

/// The ends of observed connections.
#[derive(Debug, Default)]
pub struct Peers {
    ends: HashMap<u64, End>,
    by_pair: HashMap<Pair, Vec<u64>>,
    closed: VecDeque<(Instant, u64)>,
    /// Who holders are by now: their names and epochs may have changed since they opened a connection.
    latest: HashMap<Process, Arc<Identity>>,
    neighbours: Neighbours,
}

/// One end of an observed connection.
#[derive(Debug)]
struct End {
    pair: Pair,
    holder: Arc<Identity>,
    is_closed: bool,
}

impl Peers {
    /// The processes that are watched now. To be told about once a second.
    pub fn know(&mut self, targets: &[Arc<Identity>]) {
        self.latest = targets.iter().map(|identity| (identity.process, Arc::clone(identity))).collect();
        self.neighbours.know(targets);
    }

    /// An observed connection and the process that uses it. Told again when another process uses it.
    pub fn opened(&mut self, connection: u64, holder: &Arc<Identity>, local: SocketAddr, remote: SocketAddr) {
        self.forget();
        let pair = (canonical(local), canonical(remote));
        if self.ends.len() >= MAX_CONNECTIONS && !self.ends.contains_key(&connection) {
            return;
        }
        let end = End { pair, holder: Arc::clone(holder), is_closed: false };
        match self.ends.insert(connection, end) {
            Some(old) if old.pair == pair => {}
            old => {
                old.iter().for_each(|old| self.unlist(connection, old.pair));
                self.by_pair.entry(pair).or_default().push(connection);
            }
        }
    }

    /// It is over.
    pub fn closed(&mut self, connection: u64) {
        if let Some(end) = self.ends.get_mut(&connection).filter(|end| !end.is_closed) {
            end.is_closed = true;
            self.neighbours.closed((end.pair.1, end.pair.0));
            self.closed.push_back((Instant::now(), connection));
        }
        self.forget();
    }

    /// Who is at the other end of this connection of `holder`. The address is always filled in.
    ///
    /// Where the other end was not observed, the sockets of watched processes and of this one are looked through, for a
    /// hundredth of the time at most; until then it is unknown.
    pub fn other_end(&mut self, holder: &Identity, local: SocketAddr, remote: SocketAddr) -> Peer {
        let (local, remote) = (canonical(local), canonical(remote));
        let peer = Peer { address: Some(remote), ..Peer::default() };
        let pair = (remote, local);
        let holders = self.holders(holder, pair);
        match holders.split_first() {
            Some((first, rest)) if rest.iter().all(|other| other.is_sibling_of(first)) => {
                resolved(peer, first, rest.is_empty())
            }
            Some(_) => peer,
            None => match self.neighbours.owner(holder, pair) {
                Some(Owner::Agent) => Peer { resolved: Resolved::Proxy, ..peer },
                Some(Owner::Watched(identity)) => resolved(peer, &identity, true),
                None => peer,
            },
        }
    }

    /// Who uses the observed connections with these ends. Those that are over count where none is open: ports are used
    /// again.
    fn holders(&self, other: &Identity, pair: Pair) -> Vec<&Arc<Identity>> {
        let numbers = self.by_pair.get(&pair).map_or(&[][..], Vec::as_slice);
        let ends = numbers.iter().filter_map(|number| self.ends.get(number));
        let mut ends: Vec<&End> = ends.filter(|end| may_meet(&end.holder, other, pair.0)).collect();
        if ends.iter().any(|end| !end.is_closed) {
            ends.retain(|end| !end.is_closed);
        }
        ends.into_iter().map(|end| self.latest.get(&end.holder.process).unwrap_or(&end.holder)).collect()
    }

    fn forget(&mut self) {
        while let Some((at, connection)) = self.closed.front().copied() {
            if at.elapsed() < AFTERWARDS && self.ends.len() < MAX_CONNECTIONS {
                return;
            }
            self.closed.pop_front();
            if let Some(end) = self.ends.remove(&connection) {
                self.unlist(connection, end.pair);
            }
        }
    }

    fn unlist(&mut self, connection: u64, pair: Pair) {
        if let Some(listed) = self.by_pair.get_mut(&pair) {
            listed.retain(|number| *number != connection);
            if listed.is_empty() {
                self.by_pair.remove(&pair);
            }
        }
    }
}

/// Addresses of loopback are the same only within one network namespace.
pub(super) fn may_meet(one: &Identity, other: &Identity, address: SocketAddr) -> bool {
    !address.ip().is_loopback() || one.network == other.network
}

/// Siblings have their service in common, and the process only where there is one.
fn resolved(peer: Peer, identity: &Identity, is_only: bool) -> Peer {
    Peer {
        service: Some(Arc::clone(&identity.service)),
        process: is_only.then_some(identity.process),
        epoch: Some(Arc::clone(&identity.epoch)),
        resolved: Resolved::Socket,
        ..peer
    }
}

#[cfg(test)]
mod tests;

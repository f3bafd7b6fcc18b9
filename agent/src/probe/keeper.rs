//! The thread that knows who is who: it keeps the kernel's tables, looks into `/proc`, and makes observations of
//! exchanges. It sees no byte that a stranger sent, only what the reader made of them.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use throughline_common::connection::flags as connection_flags;
use throughline_common::counter::Counter;
use throughline_common::missing::Missing;

use super::clock::{Clock, monotonic};
use super::control::Control;
use super::missing::{self, News};
use super::sighting::{Shape, Times};
use super::state::State;
use super::streams::{Exchange, Loss, Wish, ends};
use super::told::{Listener, Seen, Told};
use crate::gap::observation::{Completeness, Direction, Peer, Resolved};
use crate::gap::sink::ObservationQueue;
use crate::privilege::{Role, narrow};
use crate::workload::{Change, Identity, Peers, Workloads};

/// How long it waits for the reader.
const PERIOD: Duration = Duration::from_millis(100);
/// How often it looks for processes, and at what the kernel counted.
const LOOK: Duration = Duration::from_secs(1);

/// What the thread works with.
pub(super) struct Keeper {
    pub(super) told: Listener,
    pub(super) control: Control,
    pub(super) workloads: Workloads,
    pub(super) peers: Peers,
    pub(super) queue: Arc<dyn ObservationQueue>,
    pub(super) shape: Shape,
    pub(super) clock: Clock,
    /// Where the agent's own listeners are.
    pub(super) own: Vec<SocketAddr>,
    pub(super) seen: Arc<Seen>,
    pub(super) state: Arc<Mutex<State>>,
    /// Requests passed over, by process, as they were told last.
    pub(super) gated: HashMap<u32, u64>,
    /// What found no room in the ring buffer, and behind the reader, as it was told last.
    pub(super) missing: missing::Told,
    pub(super) dropped: u64,
    pub(super) listeners: Listeners,
}

/// How it is known that others may listen than before.
#[derive(Debug)]
pub(super) enum Listeners {
    /// The kernel counts who begins and who ceases to: how many it were.
    Counted(u64),
    /// Not at all.
    Unheard,
}

impl Listeners {
    /// Whether they may have since this was asked last.
    fn have_changed(&mut self, count: u64) -> bool {
        match self {
            Self::Counted(before) => std::mem::replace(before, count) != count,
            Self::Unheard => true,
        }
    }
}

impl Keeper {
    /// Works until the reader is gone.
    pub(super) fn run(mut self) {
        let narrowed = narrow(Role::Keeper);
        self.seen.add_problems(narrowed.problems);
        self.follow();
        let mut looked = Instant::now();
        loop {
            match self.told.next(PERIOD) {
                Ok(told) => self.take(told),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.look();
            }
        }
        self.look();
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Exchange(exchange) => self.exchange(&exchange),
            Told::Opened { connection, tgid, local, remote } => {
                if let Some(holder) = self.workloads.of(tgid) {
                    self.peers.opened(connection, &holder, local, remote);
                }
            }
            Told::Closed(connection) => self.peers.closed(connection),
            Told::Exec(pid) => {
                self.workloads.started(pid);
                self.follow();
            }
            Told::Fork { parent, child } => {
                self.workloads.forked(parent, child);
                self.follow();
            }
            Told::Exit(pid) => {
                self.workloads.ended(pid);
                self.follow();
            }
            Told::Uring { tgid, time } => self.uring(tgid, time),
            Told::Wish(wish) => {
                let done = match wish {
                    Wish::Mute(connection) => self.control.mute(connection),
                    Wish::Whole(connection) => self.control.whole(connection),
                };
                self.note(done);
            }
            Told::Loss(loss) => self.loss(loss),
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        let heard = exchange.local.filter(|_| exchange.direction == Direction::In);
        let who = match heard {
            Some(local) => self.workloads.heard_at(exchange.tgid, local.port()),
            None => self.workloads.of(exchange.tgid),
        };
        let Some(who) = who else {
            self.state().strangers += 1;
            return;
        };
        let times = Times { start: self.clock.unix(exchange.start), end: exchange.end.map(|end| self.clock.unix(end)) };
        let peer = self.peer(exchange, &who);
        let mut observation = self.shape.observation(exchange, &who, peer, times);
        // Where no head says which way requests go, the port does.
        if exchange.head.is_none() && exchange.local.is_some_and(|local| who.ports.contains(&local.port())) {
            observation.direction = Direction::In;
        }
        self.state().observed(observation.completeness);
        self.queue.leave(observation);
    }

    fn peer(&mut self, exchange: &Exchange, who: &Identity) -> Peer {
        let Some((local, remote)) = exchange.local.zip(exchange.remote) else { return Peer::default() };
        let mut peer = self.peers.other_end(who, local, remote);
        if exchange.direction == Direction::Out && peer.resolved == Resolved::Unknown && self.is_own(remote) {
            peer.resolved = Resolved::Proxy;
        }
        peer
    }

    fn is_own(&self, remote: SocketAddr) -> bool {
        self.own.iter().any(|own| {
            own.port() == remote.port()
                && (own.ip() == remote.ip() || own.ip().is_unspecified() && remote.ip().is_loopback())
        })
    }

    fn uring(&mut self, pid: u32, time: u64) {
        let Some(who) = self.workloads.of(pid) else { return };
        let at = self.clock.unix(time);
        let observation = self.shape.blank(&who, Direction::In, at, Completeness::Uring);
        self.state().uring += 1;
        self.state().observed(Completeness::Uring);
        self.queue.leave(observation);
    }

    fn loss(&mut self, loss: Loss) {
        // What was passed over is asked of the kernel, which counts it by process.
        if let Some(who) = self.workloads.of(loss.tgid).filter(|_| !loss.is_gated) {
            let at = self.clock.unix(loss.time);
            self.queue.lost(self.shape.loss(&who.service, at, Completeness::Lost), 1);
        }
    }

    /// Tells the kernel which processes to watch.
    fn follow(&mut self) {
        for change in self.workloads.changes() {
            match change {
                Change::Watch(who) => {
                    let done = self.control.watch(who.process.pid);
                    self.note(done);
                }
                Change::Forget(pid) => {
                    self.control.forget(pid);
                    self.gated.remove(&pid);
                }
            }
        }
    }

    /// Looks at everything that nobody tells.
    fn look(&mut self) {
        self.clock.correct();
        if self.listeners.have_changed(self.control.count(Counter::Listeners)) {
            self.workloads.listeners_changed();
        }
        let wanted = self.state().wanted.take();
        match wanted {
            Some(config) => self.workloads.configure(config),
            None => self.workloads.rescan(),
        }
        self.follow();
        let targets = self.workloads.targets();
        self.peers.know(&targets);
        let now = self.clock.unix(monotonic());
        self.tell_gated(&targets, now);
        let counters: Vec<_> = Counter::ALL.iter().map(|counter| (*counter, self.control.count(*counter))).collect();
        let ring_full =
            counters.iter().find(|(counter, _)| *counter == Counter::RingFull).map_or(0, |(_, count)| *count);
        self.tell_lost(&targets, ring_full, now);
        let compat = targets.iter().filter(|who| self.control.watched(who.process.pid).is_some_and(|it| it.compat));
        let compat = compat.count() as u64;
        let mut state = self.state();
        state.compat = compat;
        state.counters = counters;
        state.targets = targets;
    }

    /// While a process is over its budget, what happens in it is not known.
    fn tell_gated(&mut self, targets: &[Arc<Identity>], now: u64) {
        let mut passed_over: BTreeMap<&Arc<str>, u64> = BTreeMap::new();
        for who in targets {
            let Some(watched) = self.control.watched(who.process.pid) else { continue };
            let before = self.gated.insert(who.process.pid, watched.gated).unwrap_or_default();
            *passed_over.entry(&who.service).or_default() += watched.gated.saturating_sub(before);
        }
        for (service, count) in passed_over.into_iter().filter(|(_, count)| *count > 0) {
            self.queue.lost(self.shape.loss(service, now, Completeness::Gated), count);
        }
    }

    /// Records that found no room are told of by connection. Of some it is not known whose they were: they may have been
    /// anybody's.
    fn tell_lost(&mut self, targets: &[Arc<Identity>], ring_full: u64, now: u64) {
        let news = self.missing.is_new(ring_full).then(|| self.missing.news(ring_full, self.control.missing()));
        let News { entries, unknown } = news.unwrap_or_default();
        for (number, missing, count) in entries {
            self.tell_missing(number, &missing, count);
        }
        let dropped = self.seen.dropped();
        let more = unknown.saturating_add(dropped.saturating_sub(self.dropped));
        self.dropped = dropped;
        let mut services: Vec<&Arc<str>> = targets.iter().map(|who| &who.service).collect();
        services.sort_unstable();
        services.dedup();
        for service in services.into_iter().filter(|_| more > 0) {
            self.queue.lost(self.shape.loss(service, now, Completeness::Lost), more);
        }
    }

    fn tell_missing(&self, number: u64, missing: &Missing, count: u64) {
        let Some(who) = self.workloads.of(missing.tgid) else { return };
        let is_of_process = number == u64::from(missing.tgid);
        // Without the record that a connection begins or ends nothing of a request is missing.
        if missing.data == 0 && !is_of_process {
            return;
        }
        let mut marker = self.shape.loss(&who.service, self.clock.unix(missing.time), Completeness::Lost);
        if !is_of_process {
            let (local, remote) = ends(&missing.addresses);
            let is_called = missing.flags & connection_flags::CALLED != 0;
            marker.direction = if is_called { Direction::Out } else { Direction::In };
            marker.local = local;
            marker.peer.address = remote;
        }
        self.queue.lost(marker, count);
    }

    fn note(&self, done: std::io::Result<()>) {
        if let Err(error) = done {
            self.state().refused(&error);
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_looked_at_after_a_change_or_where_none_is_heard_of() {
        let mut counted = Listeners::Counted(0);
        let changes = [0, 2, 2, 3].map(|count| counted.have_changed(count));
        assert_eq!(changes, [false, true, false, true]);
        assert!(Listeners::Unheard.have_changed(0));
    }
}

//! Calls: those that were seen as they left, and those that a request's arrival elsewhere means.

use super::agenda::{Call, Work};
use super::flow::MAX_TASKS;
use super::hash::{mix, mix_id};
use super::hops::Key;
use super::rings::{Class, ScopeHop};
use super::sighting::Sighting;
use super::skew::Difference;
use super::texts::{Pid, Text};
use super::{Engine, SECOND};
use crate::gap::observation::{Resolved, SourceKind, Threads};

/// How long after a call on another clock its request may still be seen to arrive, in nanoseconds.
const PATIENCE: u64 = 10 * SECOND;

/// A call, whoever saw it.
struct Seen {
    key: Key,
    clock: Text,
    start: u64,
    end: Option<u64>,
    process: Pid,
    epoch: Text,
    threads: Option<Threads>,
    /// Seen as it left, by a probe or in a recording.
    is_watched: bool,
    /// Seen as it left.
    is_direct: bool,
    resolved: Resolved,
}

impl Seen {
    /// The call that a sighting tells of, as long as nothing is known of how it left.
    const fn of(sighting: &Sighting, key: Key) -> Self {
        Self {
            key,
            clock: sighting.clock,
            start: sighting.start,
            end: sighting.end,
            process: sighting.process,
            epoch: sighting.epoch,
            threads: None,
            is_watched: false,
            is_direct: false,
            resolved: sighting.peer.resolved,
        }
    }
}

impl Engine {
    /// The call that a request's arrival means.
    pub(super) fn derive(&mut self, sighting: &Sighting) {
        let peer = sighting.peer;
        let key = Key { service: peer.name, peer: sighting.service, method: sighting.method, route: sighting.route };
        match peer.resolved {
            Resolved::Socket | Resolved::Address if peer.is_service => {}
            Resolved::Egress => return,
            resolved => {
                self.coverage.callers_unknown += 1;
                if resolved == Resolved::Intermediary && peer.is_service {
                    self.hide(key, sighting);
                }
                return self.note_origins(sighting, Text::NONE);
            }
        }
        let seen = Seen { process: peer.process, epoch: peer.epoch, ..Seen::of(sighting, key) };
        self.call(sighting, seen);
    }

    pub(super) fn depart(&mut self, sighting: &Sighting) {
        let peer = self.callee(sighting);
        let key = Key { service: sighting.service, peer, method: sighting.method, route: sighting.route };
        let seen = Seen {
            threads: sighting.threads,
            is_watched: sighting.kind != SourceKind::Proxy,
            is_direct: true,
            resolved: Resolved::Socket,
            ..Seen::of(sighting, key)
        };
        self.call(sighting, seen);
    }

    /// Whom a call went to. What was seen to arrive tells which service has an address, also for calls that were not.
    fn callee(&mut self, sighting: &Sighting) -> Text {
        let peer = sighting.peer;
        let address = mix(&[u64::from(sighting.clock.0), sighting.other_end]);
        if sighting.is_met {
            let known = self.addresses.get(address).is_none_or(|known| known == peer.name);
            // An address of several services is nobody's.
            self.addresses.put(address, if known { peer.name } else { Text::NONE });
        } else if !peer.is_service && sighting.other_end != 0 {
            return self.addresses.get(address).and_then(Text::some).unwrap_or(peer.name);
        }
        peer.name
    }

    fn hide(&mut self, key: Key, sighting: &Sighting) {
        let Some(hop) = self.hops.number(key) else { return };
        if let Some(state) = self.hops.state(hop, Text::NONE) {
            state.see(sighting.start, sighting.completeness);
            state.is_hidden = true;
        }
    }

    /// Remembers who was first seen to send the trace ids of this sighting; says whether it was `sender`.
    fn is_origin(&mut self, sighting: &Sighting, sender: Text) -> bool {
        let Some(head) = &sighting.head else { return false };
        head.traces().fold(true, |all, trace| {
            let known = self.origins.get_or_put(mix_id(0, trace), sender);
            all & known.is_none_or(|known| known == sender)
        })
    }

    fn note_origins(&mut self, sighting: &Sighting, sender: Text) {
        let _ = self.is_origin(sighting, sender);
    }

    fn call(&mut self, sighting: &Sighting, seen: Seen) {
        let is_first = self.is_origin(sighting, seen.key.service);
        let Some(hop) = self.hops.number(seen.key) else { return };
        let Some((place, difference)) = self.home(&seen) else { return };
        self.tidy(place);
        let Some(scope) = self.scopes.get_mut(place as usize) else { return };
        if seen.is_watched {
            scope.watched.entry(seen.key.peer).or_default().see(seen.start, sighting.is_met);
        } else if !seen.is_direct && scope.watched.get(&seen.key.peer).is_some_and(|watched| watched.has_seen(sighting))
        {
            // One hop seen from two points.
            return;
        }
        let epoch = seen.epoch.some().unwrap_or(scope.epoch);
        let time = difference.map(|difference| difference.apply(seen.start));
        if let Some(time) = time {
            scope.touch(time);
        }
        let is_whole = sighting.is_whole();
        if let Some(state) = self.hops.state(hop, epoch) {
            state.see(seen.start, sighting.completeness);
        }
        let next = scope.hops.len();
        let at = *scope.hop_places.entry(hop).or_insert(next);
        if at == next {
            scope.hops.push(ScopeHop::new(hop));
        }
        if !is_whole {
            return;
        }
        let served = seen.threads.and_then(|threads| {
            let serving = self.sections.serving(seen.process, threads.head, seen.start)?;
            serving.marked.clone()
        });
        let class = match &sighting.head {
            Some(head) if head.trace != 0 => {
                if self.agenda.len() >= MAX_TASKS {
                    self.coverage.over_bound += 1;
                    return;
                }
                let call = Call {
                    scope: place,
                    hop,
                    epoch,
                    process: seen.process,
                    start: seen.start,
                    end: seen.end,
                    clock: seen.clock,
                    head: head.clone(),
                    is_first,
                    served,
                };
                let patience = if difference == Some(Difference::NONE) { 0 } else { PATIENCE };
                let due = seen.start.max(time.unwrap_or_default()).saturating_add(patience);
                return self.put(due, Work::Call(Box::new(call)));
            }
            Some(_) => Class::Malformed,
            None => Class::Absent,
        };
        let line = sighting.head.as_ref().map(|head| head.line());
        if let (Some(time), Some(known)) = (time, scope.hops.get_mut(at)) {
            let over = known.add(class, time, seen.process, line.clone());
            self.coverage.over_bound += scope.miss(over);
            self.held += 1;
        }
        if let Some(served) = served {
            self.judge_section(place, (hop, epoch, seen.process), &served, seen.start, sighting.head.as_deref());
        }
    }

    /// The scope that a call belongs to, and what the clock that saw it is ahead of that scope's.
    fn home(&mut self, seen: &Seen) -> Option<(u32, Option<Difference>)> {
        let caller = seen.key.service;
        let clocks = self.clocks.get(&caller).map_or(&[][..], Vec::as_slice);
        let own = match clocks {
            _ if seen.is_direct || clocks.contains(&seen.clock) => seen.clock,
            [] => seen.clock,
            [only] => *only,
            // Which of several machines it left cannot be known.
            _ => return None,
        };
        let is_sure = seen.is_direct || seen.resolved == Resolved::Socket || clocks.len() <= 1;
        let difference = self.skew.between(seen.clock, own).filter(|_| is_sure);
        Some((self.scope(caller, own)?, difference))
    }
}

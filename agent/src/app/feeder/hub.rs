//! What proxies hold on to: a ring for each proxy on each thread, and the queues beside them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::Watched;
use super::counts::{Loss, ObserveCounts};
use crate::gap::note::{KnownRoutes, Note, Ring};
use crate::gap::route;
use crate::gap::sink::{Connection, ObservationSink, Sighting, SinkFactory, SinkOf};
use crate::workload::Message;

/// Sightings and names of routes that may wait until they are taken.
const EVENTS: usize = 8192;
/// Connections that may wait until they are looked up.
const MESSAGES: usize = 8192;

/// All sinks.
pub(in crate::app) struct Hub {
    ring: usize,
    sinks: Mutex<Vec<Arc<ThreadSink>>>,
    /// Proxies that came with a change and were not taken yet.
    new: Mutex<Vec<Watched>>,
    shared: Arc<Shared>,
}

/// What the sinks share. The queues end when the last sink is gone.
struct Shared {
    clock: Instant,
    connections: AtomicU32,
    events: SyncSender<Event>,
    messages: SyncSender<Message>,
    counts: Arc<ObserveCounts>,
}

/// The other ends of the hub's queues.
pub(in crate::app) struct Queues {
    pub(super) events: Receiver<Event>,
    pub(super) messages: Receiver<Message>,
}

/// What goes beside the rings.
pub(super) enum Event {
    /// A template and its number.
    Route { source: SinkOf, number: u64, text: String },
    /// A request with more than a note holds.
    Sighting { source: SinkOf, sighting: Box<Sighting> },
}

/// The sink of one proxy on one thread.
struct ThreadSink {
    shared: Arc<Shared>,
    source: SinkOf,
    ring: Ring,
    known: KnownRoutes,
    /// Sightings that found no room.
    lost: AtomicU64,
}

impl Hub {
    pub(in crate::app) fn new(ring: usize, counts: Arc<ObserveCounts>) -> (Arc<Self>, Queues) {
        let (events, events_out) = sync_channel(EVENTS);
        let (messages, messages_out) = sync_channel(MESSAGES);
        let shared = Shared { clock: Instant::now(), connections: AtomicU32::new(0), events, messages, counts };
        let hub = Self { ring, sinks: Mutex::default(), new: Mutex::default(), shared: Arc::new(shared) };
        (Arc::new(hub), Queues { events: events_out, messages: messages_out })
    }

    pub(super) fn factory(self: Arc<Self>) -> SinkFactory {
        Arc::new(move |source| {
            let (ring, known) = (Ring::new(self.ring), KnownRoutes::default());
            let (shared, lost) = (Arc::clone(&self.shared), AtomicU64::new(0));
            let sink = Arc::new(ThreadSink { shared, source, ring, known, lost });
            self.sinks.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&sink));
            sink
        })
    }

    /// Nanoseconds since the clock of all sinks began.
    pub(super) fn now(&self) -> u64 {
        self.shared.now()
    }

    /// One more proxy, at the next place.
    pub(in crate::app) fn watch(&self, watched: Watched) {
        self.new.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
    }

    /// Proxies that are new since this was asked last.
    pub(in crate::app) fn take_new(&self) -> impl Iterator<Item = Watched> {
        std::mem::take(&mut *self.new.lock().unwrap_or_else(PoisonError::into_inner)).into_iter()
    }

    /// Each ring, and how many sightings found no room since this was asked last. Sinks of proxies that have ended are
    /// forgotten once they were given their last look.
    pub(super) fn each_sink(&self, mut each: impl FnMut(SinkOf, &Ring, u64)) {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.retain(|sink| {
            // Asked before the look: whoever lets go meanwhile may have left something first.
            let is_in_use = Arc::strong_count(sink) > 1;
            each(sink.source, &sink.ring, sink.lost.swap(0, Relaxed));
            is_in_use
        });
    }
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn tell(&self, message: Message) {
        if self.messages.try_send(message).is_err() {
            self.counts.not_looked_up.add(1);
        }
    }
}

impl ObservationSink for ThreadSink {
    fn now(&self) -> u64 {
        self.shared.now()
    }

    fn route(&self, target: &[u8]) -> u64 {
        let number = route::hash(target);
        if self.known.may_add(number) {
            // Named again the next time, if there is no room now.
            let (source, text) = (self.source, route::text(target));
            if self.shared.events.try_send(Event::Route { source, number, text }).is_ok() {
                self.known.add(number);
            }
        }
        number
    }

    fn leave(&self, note: &Note) {
        self.ring.write(note);
    }

    fn sight(&self, sighting: Box<Sighting>) {
        let source = self.source;
        if self.shared.events.try_send(Event::Sighting { source, sighting }).is_ok() {
            return;
        }
        self.shared.counts.lost.add(Loss::QueueFull, 1);
        self.lost.fetch_add(1, Relaxed);
    }

    fn opened(&self, peer: SocketAddr, local: SocketAddr) -> Connection {
        let connection = Connection::new(self.shared.connections.fetch_add(1, Relaxed));
        let (number, watch) = (connection.number(), connection.watch());
        self.shared.tell(Message::Opened { number, watch, peer, local });
        connection
    }

    fn called(&self, local: SocketAddr, callee: SocketAddr) {
        self.shared.tell(Message::Called { service: self.source.proxy, local, callee });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::note::WORDS;

    #[test]
    fn sinks_of_proxies_that_ended_are_looked_at_once_more() {
        let (hub, _queues) = Hub::new(8, Arc::default());
        let factory = Arc::clone(&hub).factory();
        let (kept, gone) =
            (factory(SinkOf { proxy: 0, is_egress: false }), factory(SinkOf { proxy: 0, is_egress: true }));
        let note = Note::from_words([0; WORDS]);
        kept.leave(&note);
        gone.leave(&note);
        drop(gone);
        let looks = || {
            let mut seen = Vec::new();
            hub.each_sink(|source, ring, _| {
                let mut notes = 0;
                ring.drain(|_| notes += 1);
                seen.push((source.is_egress, notes));
            });
            seen
        };
        assert_eq!(looks(), [(false, 1), (true, 1)], "what it left last is not lost");
        assert_eq!(looks(), [(false, 0)], "and then it is forgotten");
    }
}

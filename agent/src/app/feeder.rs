//! From what proxies and probe leave to observations: empties their rings several times a second, finds out who called,
//! and hands what becomes of it to recordings, memory and engine, in the order of time.
//!
//! On a thread of its own rather than on the service loop: a slow disk or a long judgement must not hold up exporter
//! and admin.

mod counts;
mod hub;
mod sent;
mod shape;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use crate::gap::observation::{Completeness, Observation};
use crate::gap::sink::{ObservationConsumer, SinkFactory};
use crate::workload::{Resolver, ServiceAt};

use counts::Loss;
pub(super) use counts::ObserveCounts;
use hub::Event;
pub(super) use hub::Hub;
use sent::Sent;
pub(super) use sent::{Inbox, queue};
use shape::{Seen, Shaper, SourceNames};

/// How often rings are emptied.
const PERIOD: Duration = Duration::from_millis(200);

/// A service whose proxy feeds a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) service: ServiceAt,
    /// Where its proxy listens.
    pub(super) listen: SocketAddr,
}

/// The running feeder.
pub(super) struct Feeder {
    hub: Arc<Hub>,
    thread: JoinHandle<()>,
    stop: Sender<()>,
}

impl Feeder {
    /// Starts to feed `consumers` with what the proxies before `watched` see, and with what the probe sends to `inbox`.
    ///
    /// # Errors
    /// Where no thread can be had, or `/proc` cannot be read.
    pub(super) fn start(
        watched: Vec<Watched>,
        ring: usize,
        counts: Arc<ObserveCounts>,
        inbox: Inbox,
        consumers: Vec<Box<dyn ObservationConsumer>>,
    ) -> anyhow::Result<Self> {
        let callers = counts.callers.clone();
        let services = watched.iter().map(|watched| watched.service.clone()).collect();
        let resolver =
            Resolver::new(services, callers.clone()).context("cannot look up callers: /proc cannot be read")?;
        let (hub, queues) = Hub::new(ring, Arc::clone(&counts));
        let messages = queues.messages;
        let looking = move || resolver.run(&messages);
        // It ends when the last proxy thread and the hub are gone.
        std::thread::Builder::new().name("workload".to_owned()).spawn(looking).context("cannot start a thread")?;
        let shaper = Shaper::new(watched, callers, SourceNames::of_this_process(), Arc::clone(&counts));
        let (stop, stopped) = channel();
        let mut feed = Feed {
            hub: Arc::clone(&hub),
            events: queues.events,
            inbox,
            shaper,
            counts,
            consumers,
            held: Vec::new(),
            lost: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("observer".to_owned()).spawn(move || feed.run(&stopped));
        Ok(Self { hub, thread: thread.context("cannot start a thread")?, stop })
    }

    /// Where the proxies leave what they see.
    pub(super) fn sinks(&self) -> SinkFactory {
        Arc::clone(&self.hub).factory()
    }

    /// What proxies hold on to.
    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Hands on what was left, and ends. Blocks until that is done; nothing may serve any more.
    pub(super) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that hands observations on ended in a panic");
        }
    }
}

/// What the thread works with.
struct Feed {
    hub: Arc<Hub>,
    events: Receiver<Event>,
    inbox: Inbox,
    shaper: Shaper,
    counts: Arc<ObserveCounts>,
    consumers: Vec<Box<dyn ObservationConsumer>>,
    /// What was left in the last period: its callers are looked up meanwhile.
    held: Vec<Seen>,
    /// What the probe lost, as it was told in the last period.
    lost: Vec<(Observation, u64)>,
}

impl Feed {
    fn run(&mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            let fresh = self.collect();
            let ready = std::mem::replace(&mut self.held, fresh);
            self.hand_on(ready);
        }
        // The last connections are given the time to be looked up that all others had.
        std::thread::sleep(PERIOD / 4);
        let mut ready = std::mem::take(&mut self.held);
        ready.extend(self.collect());
        self.hand_on(ready);
        self.consumers.iter_mut().for_each(|consumer| consumer.finish());
    }

    /// Everything that was left since it was asked last.
    fn collect(&mut self) -> Vec<Seen> {
        let now = self.hub.now();
        self.shaper.set_clock(unix_now().saturating_sub(now), now);
        let mut fresh = Vec::new();
        self.hub.take_new().for_each(|watched| self.shaper.watch(watched));
        self.hub.each_sink(|source, ring, sightings_lost| {
            ring.drain(|note| fresh.push(Seen::Note(source, note)));
            let lost = ring.take_lost();
            self.counts.lost.add(Loss::RingFull, lost);
            self.shaper.lost(source, lost + sightings_lost);
        });
        // After the rings: what a note refers to was told before the note was left.
        for event in self.events.try_iter() {
            match event {
                Event::Route { source, number, text } => self.shaper.name_route(source, number, &text),
                Event::Sighting { source, sighting } => fresh.push(Seen::Sighting(source, sighting)),
            }
        }
        for sent in self.inbox.take() {
            match sent {
                Sent::Observation(observation) => fresh.push(Seen::Probe(observation)),
                Sent::Lost(marker, count) => self.lost.push((*marker, count)),
            }
        }
        fresh
    }

    fn hand_on(&mut self, mut ready: Vec<Seen>) {
        let clock_began = self.shaper.clock_began();
        ready.sort_by_key(|seen| seen.begun(clock_began));
        for seen in ready {
            let observation = self.shaper.observation(seen);
            self.consumers.iter_mut().for_each(|consumer| consumer.observe(&observation));
        }
        for (marker, count) in std::mem::take(&mut self.lost) {
            let is_gated = marker.completeness == Completeness::Gated;
            self.counts.lost.add(if is_gated { Loss::Gated } else { Loss::Probe }, count);
            let marker = self.shaper.numbered(marker);
            self.consumers.iter_mut().for_each(|consumer| consumer.lost(&marker, count));
        }
        for (marker, count) in self.shaper.take_lost() {
            self.consumers.iter_mut().for_each(|consumer| consumer.lost(&marker, count));
        }
        let now = unix_now();
        self.consumers.iter_mut().for_each(|consumer| consumer.advance(now));
    }
}

/// Nanoseconds since the Unix epoch.
fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

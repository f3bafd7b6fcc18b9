//! What the probe sends: observations that are complete, in a queue that waits for nobody.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::counts::{Loss, ObserveCounts};
use crate::gap::observation::{Completeness, Observation};
use crate::gap::sink::ObservationQueue;

/// Observations that may wait until they are taken, five times a second: at most some 16 MiB.
const ROOM: usize = 16_384;

/// Something that was sent.
pub(super) enum Sent {
    /// An observation.
    Observation(Box<Observation>),
    /// What stands for so many observations that were lost.
    Lost(Box<Observation>, u64),
}

/// The probe's end.
pub(crate) struct Sender {
    queue: SyncSender<Sent>,
    overflow: Arc<Overflow>,
    counts: Arc<ObserveCounts>,
}

/// The feeder's end.
pub(crate) struct Inbox {
    queue: Receiver<Sent>,
    overflow: Arc<Overflow>,
}

/// What found no room: by service, the last of its observations without its contents, and how many there were.
type Overflow = Mutex<HashMap<Arc<str>, (Observation, u64)>>;

/// Both ends.
pub(crate) fn queue(counts: Arc<ObserveCounts>) -> (Sender, Inbox) {
    let (sender, receiver) = sync_channel(ROOM);
    let overflow = Arc::<Overflow>::default();
    let sender = Sender { queue: sender, overflow: Arc::clone(&overflow), counts };
    (sender, Inbox { queue: receiver, overflow })
}

impl ObservationQueue for Sender {
    fn leave(&self, observation: Observation) {
        let sent = self.queue.try_send(Sent::Observation(Box::new(observation)));
        if let Err(error) = sent {
            self.counts.lost.add(Loss::ProbeQueueFull, 1);
            if let Sent::Observation(observation) = inside(error) {
                self.remember(*observation, 1);
            }
        }
    }

    fn lost(&self, marker: Observation, count: u64) {
        if let Err(error) = self.queue.try_send(Sent::Lost(Box::new(marker), count))
            && let Sent::Lost(marker, count) = inside(error)
        {
            self.remember(*marker, count);
        }
    }
}

impl Sender {
    fn remember(&self, observation: Observation, count: u64) {
        let Observation { origin, direction, service, start, .. } = observation;
        let mut overflow = self.overflow.lock().unwrap_or_else(PoisonError::into_inner);
        let marker = Observation::loss(origin, direction, Arc::clone(&service), start, Completeness::Lost);
        let (kept, counted) = overflow.entry(service).or_insert_with(|| (marker, 0));
        kept.start = kept.start.max(start);
        *counted = counted.saturating_add(count);
    }
}

impl Inbox {
    /// Everything that was sent since this was asked last. What found no room comes after the rest.
    pub(super) fn take(&self) -> Vec<Sent> {
        let mut sent: Vec<Sent> = self.queue.try_iter().collect();
        let overflow = std::mem::take(&mut *self.overflow.lock().unwrap_or_else(PoisonError::into_inner));
        let mut lost: Vec<(Observation, u64)> = overflow.into_values().collect();
        lost.sort_by(|(a, _), (b, _)| a.service.cmp(&b.service));
        sent.extend(lost.into_iter().map(|(marker, count)| Sent::Lost(Box::new(marker), count)));
        sent
    }
}

fn inside(error: std::sync::mpsc::TrySendError<Sent>) -> Sent {
    match error {
        std::sync::mpsc::TrySendError::Full(sent) | std::sync::mpsc::TrySendError::Disconnected(sent) => sent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::observation::{Direction, Origin, SourceKind};

    fn observation(service: &str, start: u64) -> Observation {
        let origin = Origin { kind: SourceKind::Probe, name: "x".into(), sequence: 0, clock: "c".into() };
        Observation::loss(origin, Direction::In, service.into(), start, Completeness::Whole)
    }

    #[test]
    fn what_finds_no_room_is_counted_for_its_service() {
        let counts = Arc::<ObserveCounts>::default();
        let (sender, inbox) = queue(Arc::clone(&counts));
        for start in 0..ROOM as u64 + 5 {
            sender.leave(observation(if start % 2 == 0 { "shop" } else { "cart" }, start));
        }
        sender.lost(observation("cart", 7), 10);
        let sent = inbox.take();
        let lost: Vec<(&str, u64, u64)> = sent
            .iter()
            .filter_map(|sent| match sent {
                Sent::Lost(marker, count) => Some((&*marker.service, marker.start, *count)),
                Sent::Observation(_) => None,
            })
            .collect();
        let last = ROOM as u64 + 4;
        assert_eq!((sent.len(), counts.lost.get(Loss::ProbeQueueFull)), (ROOM + 2, 5));
        assert_eq!(lost, [("cart", last - 1, 12), ("shop", last, 3)], "in the end, and by service");
        assert!(inbox.take().is_empty(), "only once");
        sender.leave(observation("shop", 1));
        assert_eq!(inbox.take().len(), 1, "there is room again");
    }
}

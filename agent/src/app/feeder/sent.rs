//! What the probe sends: observations that are complete, in a queue that waits for nobody. A service may take as much room
//! as it leaves free, so that one that is flooded does not cost another its observations.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::counts::{Loss, ObserveCounts};
use crate::gap::observation::{Completeness, Observation};
use crate::gap::sink::ObservationQueue;

/// Observations that may wait until they are taken, five times a second: at most some 32 MiB. Those of one service alone
/// take half of it.
const ROOM: usize = 32_768;

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
    taken: Arc<Mutex<Taken>>,
    overflow: Arc<Overflow>,
    counts: Arc<ObserveCounts>,
}

/// The feeder's end.
pub(crate) struct Inbox {
    queue: Receiver<Sent>,
    taken: Arc<Mutex<Taken>>,
    overflow: Arc<Overflow>,
}

/// Places that are taken, by service and in all.
#[derive(Default)]
struct Taken {
    by_service: HashMap<Arc<str>, usize>,
    all: usize,
}

/// What found no room: by service, the last of its observations without its contents, and how many there were.
type Overflow = Mutex<HashMap<Arc<str>, (Observation, u64)>>;

/// Both ends.
pub(crate) fn queue(counts: Arc<ObserveCounts>) -> (Sender, Inbox) {
    let (sender, receiver) = sync_channel(ROOM);
    let overflow = Arc::<Overflow>::default();
    let taken = Arc::<Mutex<Taken>>::default();
    let sender = Sender { queue: sender, taken: Arc::clone(&taken), overflow: Arc::clone(&overflow), counts };
    (sender, Inbox { queue: receiver, taken, overflow })
}

impl ObservationQueue for Sender {
    fn leave(&self, observation: Observation) {
        let has_place = lock(&self.taken).take(&observation.service);
        let sent = Sent::Observation(Box::new(observation));
        let left_over = if has_place { self.queue.try_send(sent).err().map(inside) } else { Some(sent) };
        if let Some(Sent::Observation(observation)) = left_over {
            self.counts.lost.add(Loss::ProbeQueueFull, 1);
            self.remember(*observation, 1);
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
        let mut overflow = lock(&self.overflow);
        let marker = Observation::loss(origin, direction, Arc::clone(&service), start, Completeness::Lost);
        let (kept, counted) = overflow.entry(service).or_insert_with(|| (marker, 0));
        kept.start = kept.start.max(start);
        *counted = counted.saturating_add(count);
    }
}

impl Inbox {
    /// Everything that was sent since this was asked last. What found no room comes after the rest.
    pub(super) fn take(&self) -> Vec<Sent> {
        *lock(&self.taken) = Taken::default();
        let mut sent: Vec<Sent> = self.queue.try_iter().collect();
        let overflow = std::mem::take(&mut *lock(&self.overflow));
        let mut lost: Vec<(Observation, u64)> = overflow.into_values().collect();
        lost.sort_by(|(a, _), (b, _)| a.service.cmp(&b.service));
        sent.extend(lost.into_iter().map(|(marker, count)| Sent::Lost(Box::new(marker), count)));
        sent
    }
}

impl Taken {
    /// Takes a place, if this service has fewer than are free.
    fn take(&mut self, service: &Arc<str>) -> bool {
        let of_service = self.by_service.entry(Arc::clone(service)).or_default();
        let is_free = *of_service < ROOM - self.all;
        if is_free {
            *of_service += 1;
            self.all += 1;
        }
        is_free
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
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
        let each = ROOM as u64 / 3;
        for start in 0..each + 5 {
            sender.leave(observation("cart", start));
            sender.leave(observation("shop", start));
        }
        sender.lost(observation("cart", 7), 10);
        let sent = inbox.take();
        let (mut lost, mut told) = (Vec::new(), 0);
        for sent in &sent {
            match sent {
                Sent::Lost(marker, count) => lost.push((&*marker.service, marker.start, *count)),
                Sent::Observation(_) => told += 1,
            }
        }
        let uncounted = 2 * (each + 5) - told;
        assert_eq!(counts.lost.get(Loss::ProbeQueueFull), uncounted);
        assert!(told.abs_diff(2 * each) <= 2, "two that are flooded share with what is left free: {told}");
        let [(_, 7, 10), rest @ ..] = &*lost else { unreachable!("{lost:?}") };
        assert_eq!(
            rest.iter().map(|(service, last, _)| (*service, *last)).collect::<Vec<_>>(),
            [("cart", each + 4), ("shop", each + 4)]
        );
        assert_eq!(rest.iter().map(|(_, _, count)| count).sum::<u64>(), uncounted, "in the end, and by service");
        assert!(inbox.take().is_empty(), "only once");
        sender.leave(observation("shop", 1));
        assert_eq!(inbox.take().len(), 1, "there is room again");
    }

    #[test]
    fn a_service_that_is_flooded_leaves_room_for_others() {
        let counts = Arc::<ObserveCounts>::default();
        let (sender, inbox) = queue(Arc::clone(&counts));
        for start in 0..ROOM as u64 {
            sender.leave(observation("flooded", start));
        }
        let half = ROOM as u64 / 2;
        assert_eq!(counts.lost.get(Loss::ProbeQueueFull), half);
        for start in 0..half / 2 {
            sender.leave(observation("shop", start));
        }
        assert_eq!(counts.lost.get(Loss::ProbeQueueFull), half, "none of another was lost");
        assert_eq!(inbox.take().len() as u64, half + half / 2 + 1, "and one word of those that were");
    }
}

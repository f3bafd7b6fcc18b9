//! The bounded queue between the proxy's threads and the worker.
//!
//! Places are reserved before a span's id goes out, so a record that was promised always fits. Nothing here waits but
//! for the length of a push, and the worker is woken twice a batch at most: by its first record and when it is full.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::config::export::QueueConfig;
use crate::trace::counts::{DropReason, SpanCounts};
use crate::trace::record::RequestRecord;
use crate::trace::sink::{NoRoom, SpanSink};

/// Whether new requests may be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Gate {
    /// All that find a place.
    Open,
    /// None: nothing can be delivered.
    Shut,
    /// One, to try the destination with.
    One,
    /// None: the exporter stops.
    Stopped,
}

/// The queue.
pub(super) struct Queue {
    capacity: u64,
    batch: u64,
    takes_unmarked: bool,
    /// Places reserved and places of queued spans.
    used: AtomicU64,
    gate: AtomicU8,
    waiting: Mutex<Waiting>,
    changed: Notify,
    counts: Arc<SpanCounts>,
}

#[derive(Default)]
struct Waiting {
    records: Vec<RequestRecord>,
    spans: u64,
    sealed: bool,
}

impl Queue {
    pub(super) fn new(config: QueueConfig, takes_unmarked: bool, counts: Arc<SpanCounts>) -> Self {
        Self {
            capacity: config.capacity as u64,
            batch: config.batch as u64,
            takes_unmarked,
            used: AtomicU64::new(0),
            gate: AtomicU8::new(Gate::Open as u8),
            waiting: Mutex::default(),
            changed: Notify::new(),
            counts,
        }
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Places in use, reserved ones included.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn set_gate(&self, gate: Gate) {
        self.gate.store(gate as u8, Ordering::Release);
    }

    /// Spans that wait to be taken.
    pub(super) fn waiting(&self) -> u64 {
        self.lock().spans
    }

    /// Returns when a first record came or a batch is full; may return early.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Swaps everything that waits into `records`, which must be empty, and returns how many spans that is. Their
    /// places stay in use until [`SpanSink::release`].
    pub(super) fn take(&self, records: &mut Vec<RequestRecord>) -> u64 {
        let mut waiting = self.lock();
        std::mem::swap(&mut waiting.records, records);
        std::mem::take(&mut waiting.spans)
    }

    /// Drops what waits and, from now on, what is delivered.
    pub(super) fn seal(&self) {
        self.set_gate(Gate::Stopped);
        let records = {
            let mut waiting = self.lock();
            waiting.sealed = true;
            waiting.spans = 0;
            std::mem::take(&mut waiting.records)
        };
        for record in &records {
            self.drop_record(record, DropReason::Shutdown);
        }
    }

    /// Counts the spans of a record that is not sent and gives its places back.
    pub(super) fn drop_record(&self, record: &RequestRecord, reason: DropReason) {
        let spans = record.spans();
        drop_spans(&self.counts, reason, spans, record.orphans_if_lost());
        self.used.fetch_sub(spans, Ordering::AcqRel);
    }

    fn passes_gate(&self) -> Result<(), NoRoom> {
        const OPEN: u8 = Gate::Open as u8;
        const ONE: u8 = Gate::One as u8;
        const STOPPED: u8 = Gate::Stopped as u8;
        match self.gate.load(Ordering::Acquire) {
            OPEN => Ok(()),
            ONE => self
                .gate
                .compare_exchange(ONE, Gate::Shut as u8, Ordering::AcqRel, Ordering::Relaxed)
                .map(|_| ())
                .map_err(|_| NoRoom::CircuitOpen),
            STOPPED => Err(NoRoom::Off),
            _ => Err(NoRoom::CircuitOpen),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpanSink for Queue {
    fn reserve(&self, spans: u32) -> Result<(), NoRoom> {
        self.passes_gate()?;
        let spans = u64::from(spans);
        if self.used.fetch_add(spans, Ordering::AcqRel) + spans <= self.capacity {
            return Ok(());
        }
        self.used.fetch_sub(spans, Ordering::AcqRel);
        Err(NoRoom::QueueFull)
    }

    fn deliver(&self, record: RequestRecord, reserved: u32) {
        let (spans, reserved) = (record.spans(), u64::from(reserved));
        if spans < reserved {
            self.used.fetch_sub(reserved - spans, Ordering::AcqRel);
        } else {
            self.used.fetch_add(spans - reserved, Ordering::AcqRel);
        }
        if !record.marked && !self.takes_unmarked {
            return self.drop_record(&record, DropReason::UnmarkedToCheckly);
        }
        let mut waiting = self.lock();
        if waiting.sealed {
            drop(waiting);
            return self.drop_record(&record, DropReason::Shutdown);
        }
        let before = waiting.spans;
        waiting.spans += spans;
        let wake = before == 0 || (before < self.batch && waiting.spans >= self.batch);
        waiting.records.push(record);
        drop(waiting);
        if wake {
            self.changed.notify_one();
        }
    }

    fn release(&self, reserved: u32) {
        self.used.fetch_sub(u64::from(reserved), Ordering::AcqRel);
    }
}

/// Counts `spans` as given up, `orphans` of which are parents that callees point to.
pub(super) fn drop_spans(counts: &SpanCounts, reason: DropReason, spans: u64, orphans: u64) {
    counts.dropped.add(reason, spans);
    counts.orphaned.add(orphans);
    counts.in_flight.sub(spans);
}

#[cfg(test)]
mod tests;

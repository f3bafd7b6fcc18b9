//! One export request on its way, and the numbers that follow from how it ends.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::queue::{Gate, Queue, drop_spans};
use crate::trace::counts::{ByLabel, Counter, DropReason, Gauge, Sample, Samples, SpanCounts};

/// How batches end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BatchOutcome {
    /// Taken whole.
    Accepted,
    /// Taken but for some spans.
    Partial,
    /// Refused for good.
    Refused,
    /// Retries or their time used up.
    Exhausted,
}

crate::label!(BatchOutcome {
    Accepted => "accepted",
    Partial => "partial",
    Refused => "refused",
    Exhausted => "exhausted",
});

/// The exporter's own numbers.
pub(super) struct Numbers {
    pub(super) batches: ByLabel<BatchOutcome>,
    pub(super) retries: Counter,
    pub(super) circuit_open: Gauge,
    pub(super) circuit_opened: Counter,
    pub(super) queue: Arc<Queue>,
}

/// An encoded batch. Every span in it is counted exactly once: by one of the methods, or as lost to the stop of the
/// process when it is dropped without.
pub(super) struct Batch {
    pub(super) body: Bytes,
    pub(super) made: Instant,
    spans: u64,
    orphans: u64,
    counts: Arc<SpanCounts>,
}

impl Numbers {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self {
            batches: ByLabel::default(),
            retries: Counter::default(),
            circuit_open: Gauge::default(),
            circuit_opened: Counter::default(),
            queue,
        }
    }

    /// Lets requests through according to the circuit.
    pub(super) fn set_circuit(&self, open: bool) {
        self.circuit_open.set(u64::from(open));
        self.queue.set_gate(if open { Gate::Shut } else { Gate::Open });
    }
}

impl Batch {
    pub(super) fn new(body: Bytes, spans: u64, orphans: u64, counts: Arc<SpanCounts>) -> Self {
        Self { body, made: Instant::now(), spans, orphans, counts }
    }

    pub(super) fn spans(&self) -> u64 {
        self.spans
    }

    /// Counts the batch as taken but for `rejected` spans. Which ones those are is not known: as many orphans are
    /// assumed among them as there can be. Gives the body back.
    pub(super) fn accepted(mut self, rejected: u64) -> Bytes {
        let rejected = rejected.min(self.spans);
        self.counts.exported.add(self.spans - rejected);
        self.counts.rejected.add(rejected);
        self.counts.orphaned.add(rejected.min(self.orphans));
        self.counts.in_flight.sub(self.spans);
        self.spans = 0;
        std::mem::take(&mut self.body)
    }

    /// Counts the batch as given up.
    pub(super) fn dropped(mut self, reason: DropReason) {
        self.give_up(reason);
    }

    fn give_up(&mut self, reason: DropReason) {
        drop_spans(&self.counts, reason, self.spans, self.orphans);
        self.spans = 0;
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if self.spans > 0 {
            self.give_up(DropReason::Shutdown);
        }
    }
}

impl Samples for Numbers {
    fn samples(&self, out: &mut Vec<Sample>) {
        let name = "throughline_export_batches";
        self.batches.samples(name, "Export requests, by how they ended.", "outcome", out);
        out.extend([
            Sample::counter("throughline_export_retries", "Export requests sent again.", &self.retries),
            Sample::gauge(
                "throughline_export_circuit_open",
                "1 while nothing can be delivered and requests are forwarded untouched.",
                self.circuit_open.get(),
            ),
            Sample::counter("throughline_export_circuit_opened", "Times the circuit opened.", &self.circuit_opened),
            Sample::gauge(
                "throughline_export_queue_used",
                "Places in use in the span queue, reserved ones included.",
                self.queue.used(),
            ),
            Sample::gauge("throughline_export_queue_capacity", "Places in the span queue.", self.queue.capacity()),
        ]);
    }
}

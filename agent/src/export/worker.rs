//! The one task that makes batches of what waits, sends them, and runs the circuit.
//!
//! Two batches may be under way at once. While they are, records wait in the queue; when that is full, new requests
//! are forwarded untouched. A slow destination therefore never slows a request.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::batch::{Batch, BatchOutcome, Numbers};
use super::circuit::Circuit;
use super::encode::Encoder;
use super::journal::Journal;
use super::queue::{Gate, Queue};
use super::retry::{self, Policy, Transport, Verdict};
use crate::config::export::QueueConfig;
use crate::trace::counts::{DropReason, SpanCounts};
use crate::trace::record::{MAX_ATTEMPTS, RequestRecord};
use crate::trace::sink::SpanSink;

const MAX_UNDER_WAY: usize = 2;
/// What the texts of a batch come to at most, as far as one record does not pass it alone. Collectors take gRPC messages
/// of up to 4 MiB by default; what is longer is refused whole.
const MAX_BATCH_BYTES: usize = 2 << 20;
/// How long a batch is kept for trials while the circuit is open.
const TRIAL_AGE: Duration = Duration::from_secs(60);

/// The task's state.
pub(super) struct Worker<T> {
    pub(super) transport: Arc<T>,
    pub(super) encoder: Encoder,
    pub(super) queue: Arc<Queue>,
    pub(super) counts: Arc<SpanCounts>,
    pub(super) numbers: Arc<Numbers>,
    pub(super) config: QueueConfig,
    pub(super) policy: Policy,
    pub(super) state: State,
}

/// What changes while the worker runs.
#[derive(Default)]
pub(super) struct State {
    circuit: Circuit,
    journal: Journal,
    /// Taken from the queue and not yet encoded; in the queue's order.
    held: VecDeque<RequestRecord>,
    held_spans: u64,
    /// An empty buffer to swap with the queue's.
    spare: Vec<RequestRecord>,
    under_way: JoinSet<(Batch, Verdict)>,
    /// When what waits is sent though it fills no batch; `None` while nothing waits.
    due: Option<Instant>,
    /// A batch that failed a trial and is kept for the next.
    kept: Option<Batch>,
    /// Whether the next record to come may be sent as a trial.
    trial_due: bool,
}

impl<T: Transport> Worker<T> {
    /// Runs until `stop` brings the time by which to be done, or its sender is gone.
    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<Instant>) {
        let deadline = loop {
            self.pump();
            let due = self.state.due.filter(|_| self.may_send());
            let trial = self.state.circuit.next_trial().map(Instant::from_std);
            tokio::select! {
                deadline = &mut stop => break deadline.unwrap_or_else(|_| Instant::now()),
                Some(ended) = self.state.under_way.join_next() => self.ended(ended),
                () = self.queue.changed() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                () = sleep_until(trial.unwrap_or_else(Instant::now)), if trial.is_some() => self.offer_trial(),
            }
        };
        if tokio::time::timeout_at(deadline, self.flush()).await.is_err() {
            tracing::warn!(spans = self.counts.in_flight.get(), "spans are lost: the time to deliver them ran out");
        }
        self.queue.seal();
        // What is under way or kept counts itself as it is dropped.
        self.state.under_way.shutdown().await;
        for record in &self.state.held {
            self.queue.drop_record(record, DropReason::Shutdown);
        }
    }

    /// Starts every batch that is full or due.
    fn pump(&mut self) {
        let waiting = self.waiting();
        self.state.due = match self.state.due {
            _ if waiting == 0 => None,
            None => Some(Instant::now() + self.config.delay),
            due => due,
        };
        if self.state.circuit.is_open() {
            if self.state.trial_due && (self.state.kept.is_some() || waiting > 0) {
                self.start_trial();
            }
            return;
        }
        if let Some(batch) = self.state.kept.take() {
            self.send(batch, self.policy);
        }
        while self.may_send() && self.is_batch_due() {
            match self.next_batch() {
                Some(batch) => self.send(batch, self.policy),
                None => break,
            }
        }
    }

    fn may_send(&self) -> bool {
        !self.state.circuit.is_open() && self.state.under_way.len() < MAX_UNDER_WAY
    }

    fn is_batch_due(&self) -> bool {
        let waiting = self.waiting();
        let full = waiting >= self.config.batch as u64;
        full || (waiting > 0 && self.state.due.is_some_and(|due| due <= Instant::now()))
    }

    /// Spans that are in no batch yet.
    fn waiting(&self) -> u64 {
        self.queue.waiting() + self.state.held_spans
    }

    /// Encodes up to a batch of what waits and gives the places back.
    fn next_batch(&mut self) -> Option<Batch> {
        let state = &mut self.state;
        if state.held_spans < self.config.batch as u64 {
            state.held_spans += self.queue.take(&mut state.spare);
            state.held.extend(state.spare.drain(..));
        }
        let (mut records, mut spans, mut orphans, mut bytes, mut is_long) = (0, 0, 0, 0, false);
        for record in &state.held {
            // Each span may repeat the texts.
            bytes += record.arena.len().saturating_mul(1 + MAX_ATTEMPTS);
            is_long = bytes > MAX_BATCH_BYTES;
            if records > 0 && (is_long || spans + record.spans() > self.config.batch as u64) {
                break;
            }
            records += 1;
            spans += record.spans();
            orphans += record.orphans_if_lost();
        }
        if records == 0 {
            return None;
        }
        let body = Bytes::from(self.encoder.encode(state.held.iter().take(records)));
        state.held.drain(..records);
        state.held_spans -= spans;
        state.due = None;
        if self.waiting() > 0 {
            let delay = if is_long { Duration::ZERO } else { self.config.delay };
            self.state.due = Some(Instant::now() + delay);
        }
        self.queue.release(u32::try_from(spans).unwrap_or(u32::MAX));
        Some(Batch::new(body, spans, orphans, Arc::clone(&self.counts)))
    }

    fn send(&mut self, batch: Batch, policy: Policy) {
        let (transport, numbers) = (Arc::clone(&self.transport), Arc::clone(&self.numbers));
        self.state.under_way.spawn(async move {
            let verdict = retry::send(&*transport, batch.body.clone(), policy, &numbers.retries).await;
            (batch, verdict)
        });
    }

    /// Five more seconds with an open circuit have gone by: what is held is tried, or the next request.
    fn offer_trial(&mut self) {
        self.state.circuit.postpone(Instant::now().into_std());
        self.state.trial_due = self.state.under_way.is_empty();
        if self.state.trial_due && self.state.kept.is_none() && self.waiting() == 0 {
            self.queue.set_gate(Gate::One);
        }
    }

    fn start_trial(&mut self) {
        self.state.trial_due = false;
        self.queue.set_gate(Gate::Shut);
        if let Some(batch) = self.state.kept.take().or_else(|| self.next_batch()) {
            self.send(batch, Policy { retries: 0, ..self.policy });
        }
    }

    /// Counts a batch that ended, and moves the circuit.
    fn ended(&mut self, ended: Result<(Batch, Verdict), JoinError>) {
        // A task that panicked has dropped its batch, which counted itself.
        let Ok((batch, verdict)) = ended else { return };
        let (journal, batches) = (&mut self.state.journal, &self.numbers.batches);
        match verdict {
            Verdict::Accepted { rejected, message } => {
                let outcome = if rejected > 0 { BatchOutcome::Partial } else { BatchOutcome::Accepted };
                batches.add(outcome, 1);
                journal.accepted(rejected.min(batch.spans()), &message);
                // Whoever sent it may still hold it; then it is not ours to write into.
                if let Ok(body) = batch.accepted(rejected).try_into_mut() {
                    self.encoder.reuse(body.into());
                }
                if self.state.circuit.succeeded() {
                    self.numbers.set_circuit(false);
                    tracing::info!("spans can be delivered again");
                }
            }
            Verdict::Refused { cause } => {
                batches.add(BatchOutcome::Refused, 1);
                self.failed(batch, DropReason::Refused, &cause);
            }
            Verdict::Exhausted { cause } => {
                batches.add(BatchOutcome::Exhausted, 1);
                if !self.state.circuit.is_open() {
                    self.failed(batch, DropReason::RetriesExhausted, &cause);
                } else if batch.made.elapsed() < TRIAL_AGE && self.state.kept.is_none() {
                    self.state.kept = Some(batch);
                    self.trip();
                } else {
                    self.failed(batch, DropReason::CircuitOpen, &cause);
                }
            }
        }
    }

    fn failed(&mut self, batch: Batch, reason: DropReason, cause: &str) {
        self.state.journal.lost(batch.spans(), cause);
        batch.dropped(reason);
        self.trip();
    }

    fn trip(&mut self) {
        if self.state.circuit.failed(Instant::now().into_std()) {
            self.numbers.circuit_opened.add(1);
            self.numbers.set_circuit(true);
            self.state.trial_due = false;
            tracing::warn!("nothing can be delivered: requests are forwarded untouched until the endpoint answers");
        }
    }

    /// Sends everything, full batches or not, and waits for the answers. While the circuit is open, one round is
    /// tried; if nothing of it is taken, the rest is given up.
    async fn flush(&mut self) {
        let mut retries = if self.state.circuit.is_open() { 0 } else { self.policy.retries };
        let mut go_on = true;
        loop {
            while go_on && self.state.under_way.len() < MAX_UNDER_WAY {
                match self.state.kept.take().or_else(|| self.next_batch()) {
                    Some(batch) => self.send(batch, Policy { retries, ..self.policy }),
                    None => break,
                }
            }
            let Some(ended) = self.state.under_way.join_next().await else { return };
            self.ended(ended);
            go_on = !self.state.circuit.is_open();
            if go_on {
                retries = self.policy.retries;
            }
        }
    }
}

#[cfg(test)]
mod tests;

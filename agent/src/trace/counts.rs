//! Counters that live in a value: what the hot path adds to, and what `/metrics` and OTLP read.
//!
//! Nothing here is global, so many agents fit in one process. Nothing here formats or sends.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// A number that goes up and down; never below zero.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

/// A label whose values are the variants of a fieldless enum.
pub trait Label: Copy + 'static {
    /// Every value, in declaration order.
    const ALL: &'static [Self];
    /// The value as it is printed: lower-case, words joined by `_`.
    fn name(self) -> &'static str;
    /// The place of this value in [`Self::ALL`].
    fn index(self) -> usize;
}

/// One [`Counter`] for each value of a label.
#[derive(Debug)]
pub struct ByLabel<L> {
    counters: Box<[Counter]>,
    label: PhantomData<L>,
}

/// How a sample behaves over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One number as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Metric name in Prometheus spelling, without the `_total` that counters get there.
    pub name: &'static str,
    /// One sentence for people.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: SampleKind,
    /// Label names and values, in a fixed order.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: u64,
}

/// Anything that can list its numbers. Samples of one name follow each other.
pub trait Samples: Send + Sync {
    /// Appends every number.
    fn samples(&self, out: &mut Vec<Sample>);
}

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Gauge {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }
    /// Takes `n` away.
    pub fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Relaxed);
    }
    /// Sets it to `n`.
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl<L: Label> Default for ByLabel<L> {
    fn default() -> Self {
        Self { counters: L::ALL.iter().map(|_| Counter::default()).collect(), label: PhantomData }
    }
}

impl<L: Label> ByLabel<L> {
    /// Adds `n` under `label`.
    pub fn add(&self, label: L, n: u64) {
        if let Some(counter) = self.counters.get(label.index()) {
            counter.add(n);
        }
    }

    /// The number under `label` now.
    pub fn get(&self, label: L) -> u64 {
        self.counters.get(label.index()).map_or(0, Counter::get)
    }

    /// The sum over all labels.
    pub fn total(&self) -> u64 {
        self.counters.iter().map(Counter::get).sum()
    }

    /// Appends one sample for each label value.
    pub fn samples(&self, name: &'static str, help: &'static str, key: &'static str, out: &mut Vec<Sample>) {
        out.extend(L::ALL.iter().map(|&label| Sample {
            name,
            help,
            kind: SampleKind::Counter,
            labels: vec![(key, label.name().to_owned())],
            value: self.get(label),
        }));
    }
}

impl Sample {
    /// A number that only grows, without labels.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str, counter: &Counter) -> Self {
        Self { name, help, kind: SampleKind::Counter, labels: Vec::new(), value: counter.get() }
    }

    /// A number that goes up and down, without labels.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { name, help, kind: SampleKind::Gauge, labels: Vec::new(), value }
    }
}

/// Implements [`Label`] for a fieldless enum from a list of `Variant => "name"`.
#[macro_export]
macro_rules! label {
    ($type:ty { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $crate::trace::counts::Label for $type {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

/// Why a span that was started never reached the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// The backend answered with an error that is not worth a retry.
    Refused,
    /// Retries were used up, or the time for them.
    RetriesExhausted,
    /// The circuit was open when the span ended.
    CircuitOpen,
    /// The process stopped before the span could be sent.
    Shutdown,
    /// A span of unmarked traffic, which never goes to a Checkly endpoint.
    UnmarkedToCheckly,
}

label!(DropReason {
    Refused => "refused",
    RetriesExhausted => "retries_exhausted",
    CircuitOpen => "circuit_open",
    Shutdown => "shutdown",
    UnmarkedToCheckly => "unmarked_to_checkly",
});

/// What became of spans. At every quiet moment `started = exported + rejected + dropped + in_flight`.
#[derive(Debug, Default)]
pub struct SpanCounts {
    /// Spans begun; the proxy adds.
    pub started: Counter,
    /// Spans the backend accepted.
    pub exported: Counter,
    /// Spans the backend refused in a partial success.
    pub rejected: Counter,
    /// Spans given up, by reason.
    pub dropped: ByLabel<DropReason>,
    /// Spans begun and not yet exported, rejected or dropped.
    pub in_flight: Gauge,
    /// Attempt spans whose ids went out as parent-id and that were then rejected or dropped.
    pub orphaned: Counter,
}

impl SpanCounts {
    /// Counts `n` spans as begun.
    pub fn start(&self, n: u64) {
        self.started.add(n);
        self.in_flight.add(n);
    }
}

impl Samples for SpanCounts {
    fn samples(&self, out: &mut Vec<Sample>) {
        out.push(Sample::counter("throughline_spans_started", "Spans begun.", &self.started));
        out.push(Sample::counter("throughline_spans_exported", "Spans the backend accepted.", &self.exported));
        out.push(Sample::counter(
            "throughline_spans_rejected",
            "Spans the backend refused in a partial success.",
            &self.rejected,
        ));
        self.dropped.samples("throughline_spans_dropped", "Spans given up, by reason.", "reason", out);
        out.push(Sample::gauge(
            "throughline_spans_in_flight",
            "Spans begun and not yet exported, rejected or dropped.",
            self.in_flight.get(),
        ));
        out.push(Sample::counter(
            "throughline_spans_orphaned",
            "Attempt spans whose ids went out as parent-id and that never reached the backend.",
            &self.orphaned,
        ));
    }
}

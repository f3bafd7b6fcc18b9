//! Where finished records go. The proxy knows this trait and no exporter.

use super::record::RequestRecord;

/// Why no place could be had for a request's spans; the request is then forwarded untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// Nothing is exported.
    Off,
    /// Nothing can be delivered at the moment.
    CircuitOpen,
    /// The queue is full.
    QueueFull,
}

crate::label!(NoRoom {
    Off => "export_off",
    CircuitOpen => "circuit_open",
    QueueFull => "queue_full",
});

/// A bounded queue of span records. Neither method waits, allocates per call without bound, or logs.
pub trait SpanSink: Send + Sync {
    /// Reserves places for `spans` spans. Each success must be followed by exactly one [`SpanSink::deliver`] or
    /// [`SpanSink::release`] of the same number of places.
    ///
    /// # Errors
    /// Why there is no room.
    fn reserve(&self, spans: u32) -> Result<(), NoRoom>;

    /// Hands over a finished record and gives back the places it did not need.
    fn deliver(&self, record: RequestRecord, reserved: u32);

    /// Gives places back unused.
    fn release(&self, reserved: u32);
}

//! A challenge: marked requests sent at random times, each paired with a random time at which none was sent.
//!
//! The pairing is what makes it proof: whatever else the service does, it does as often at the one time as at the other.

use crate::trace::ids::TraceId;

/// Pairs of fewer than this prove nothing.
pub const LEAST_PAIRS: usize = 10;

/// What `throughline test` sent, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Challenge {
    /// In any order.
    pub pairs: Vec<Pair>,
}

/// One marked request and its control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The request's trace: a new one for each pair.
    pub trace_id: TraceId,
    /// When it was sent: nanoseconds since the Unix epoch.
    pub sent: u64,
    /// When none was sent. At most [`super::engine::MAX_PAIR`] apart from `sent`, or the pair is left out.
    pub control: u64,
}

//! This machine's clock, and how far the exporter's is from it.

use std::time::{SystemTime, UNIX_EPOCH};

use super::ExporterFact;

/// Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Since the Unix epoch.
    pub now: u64,
    /// How far this clock is ahead of the exporter's, where that was told; it tells whole seconds.
    pub ahead: Option<i64>,
}

impl Clock {
    pub(super) fn read(exporter: &ExporterFact) -> Self {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let ahead = match exporter {
            ExporterFact::Asked { clocks: Some((theirs, ours)), .. } => {
                Some(seconds(*ours).cast_signed() - seconds(*theirs).cast_signed())
            }
            _ => None,
        };
        Self { now: seconds(SystemTime::now()), ahead }
    }
}

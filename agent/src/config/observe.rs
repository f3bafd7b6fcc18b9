//! What becomes of what the proxies see, where a report is fed.

use std::path::PathBuf;

/// Where observations go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObserveConfig {
    /// A recording to write: a file that does not exist, or a recording that is appended to.
    pub recording: Option<PathBuf>,
    /// Bytes of memory for recent observations; 0 keeps none.
    pub keep_bytes: usize,
    /// Notes that may wait on each thread of each proxy until they are taken, five times a second. One is 64 bytes.
    pub ring: usize,
}

impl Default for ObserveConfig {
    fn default() -> Self {
        Self { recording: None, keep_bytes: 64 << 20, ring: 16_384 }
    }
}

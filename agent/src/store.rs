//! Observations that are kept: in a file that can be replayed, and the last ones in memory.

pub mod recent;
pub mod recording;

//! What the fuzz targets share.
//!
//! The pure module is compiled from its source rather than through the `throughline` package, so that a target builds
//! in seconds and no dependency is instrumented.

#[path = "../../../agent/src/trace.rs"]
pub mod trace;

pub mod bodies;

//! What the fuzz targets share. `cargo fuzz run --fuzz-dir tests/fuzz TARGET corpus seeds/TARGET` runs one; on a stable
//! compiler with `RUSTC_BOOTSTRAP=1` in the environment.
//!
//! The pure modules are compiled from their source rather than through the `throughline` package, so that a target
//! builds in seconds and hardly a dependency is instrumented.

pub mod bodies;

#[path = "../../../agent/src"]
mod agent {
    pub mod gap;
    pub mod trace;
}

pub use agent::{gap, trace};

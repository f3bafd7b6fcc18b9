//! What the fuzz targets share. `cargo fuzz run --fuzz-dir tests/fuzz TARGET corpus seeds/TARGET` runs one; on a stable
//! compiler with `RUSTC_BOOTSTRAP=1` in the environment.
//!
//! The pure module is compiled from its source rather than through the `throughline` package, so that a target builds
//! in seconds and no dependency is instrumented.

pub mod bodies;

#[path = "../../../agent/src"]
mod agent {
    pub mod trace;
}

pub use agent::trace;

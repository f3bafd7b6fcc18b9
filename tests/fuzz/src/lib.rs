//! What the fuzz targets share. `cargo fuzz run --fuzz-dir tests/fuzz TARGET corpus seeds/TARGET` runs one; on a stable
//! compiler with `RUSTC_BOOTSTRAP=1` in the environment.
//!
//! The modules are compiled from their source rather than through the `throughline` package, so that a target builds
//! without proxy and exporter.

pub mod bodies;

#[path = "../../../agent/src"]
#[expect(dead_code, reason = "the command line is not here, which calls the rest")]
mod agent {
    pub mod config;
    pub mod gap;
    pub mod glob;
    pub mod http;
    pub mod probe {
        pub mod streams;
    }
    pub mod report;
    pub mod trace;
    /// Those of its parts that are pure.
    pub mod workload {
        pub mod cgroup;
        pub mod command;
        pub mod elf;
        pub mod environ;
        pub mod runtime;
        pub mod script;
        pub mod stat;
        pub mod telemetry;
    }
}

pub use agent::{config, gap, glob, http, probe, report, trace, workload};

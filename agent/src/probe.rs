//! The kernel probe: what services read and write, seen from outside. Observes only.

mod loaded;
pub mod streams;

pub use loaded::{LoadedProgram, loaded_programs};

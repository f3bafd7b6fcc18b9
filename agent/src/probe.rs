//! The kernel probe: what services read and write, seen from outside. Observes only.

mod attach;
pub mod btf;
mod control;
mod kernel;
mod ledger;
mod loaded;
mod object;
mod offsets;
mod plan;
mod records;
mod refused;
pub mod streams;
mod wire;

pub use control::{Control, Watched};
pub use kernel::{Attached, Kernel, KernelConfig};
pub use ledger::{Ledger, Part, Way};
pub use loaded::{LoadedProgram, loaded_programs, try_ring_buffer};
pub use offsets::Missing;
pub use records::Records;
pub use refused::Refused;

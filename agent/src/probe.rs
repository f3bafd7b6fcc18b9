//! The kernel probe: what services read and write, seen from outside. Observes only.

mod attach;
pub mod btf;
mod clock;
mod control;
mod keeper;
mod kernel;
mod ledger;
mod loaded;
mod missing;
mod object;
mod offsets;
mod plan;
mod reader;
mod records;
mod refused;
mod running;
mod sighting;
mod state;
pub mod streams;
mod told;
mod wire;

pub use control::{Control, Watched};
pub use kernel::{Attached, Kernel, KernelConfig};
pub use ledger::{Ledger, Part, Way};
pub use loaded::{LoadedProgram, loaded_programs, try_ring_buffer};
pub use offsets::Missing;
pub use records::Records;
pub use refused::Refused;
pub use running::Probe;
pub use state::Status;

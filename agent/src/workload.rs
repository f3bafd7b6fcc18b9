//! Who is behind an address, and who a process is: from a client's socket to the process that holds it, and from there
//! to the service.
//!
//! Reads `/proc` of this machine. Callers of proxies are looked for in this process's own network namespace: those in
//! containers with a network of their own are known only by the addresses that the configuration gives to their
//! services. Needs the right to read `/proc/PID/fd` of the services' processes: the same user, or CAP_SYS_PTRACE.

mod callers;
pub mod cgroup;
pub mod command;
mod diag;
pub mod elf;
pub mod environ;
pub mod identity;
mod listeners;
mod look;
pub mod names;
mod neighbours;
mod peers;
mod process;
pub mod runtime;
mod scan;
pub mod script;
mod services;
mod siblings;
mod sockets;
pub mod stat;
pub mod subject;
pub mod telemetry;
mod workloads;

pub use callers::{Caller, CallerCounts, Callers, Message, Owner, Resolver};
pub use identity::{Identity, identify};
pub use listeners::{Listener, listeners_on};
pub use peers::Peers;
pub use services::ServiceAt;
pub use workloads::{Change, WorkloadCounts, Workloads};

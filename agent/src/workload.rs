//! Who is behind an address: from a client's socket to the process that holds it, and from there to the service.
//!
//! Reads `/proc` of this machine, in this process's own network namespace: callers in containers with a network of
//! their own are known only by the addresses that the configuration gives to their services. Needs the right to read
//! `/proc/PID/fd` of the services' processes: the same user, or CAP_SYS_PTRACE.

mod callers;
mod diag;
mod listeners;
mod process;
mod services;
mod sockets;

pub use callers::{Caller, CallerCounts, Callers, Message, Owner, Resolver};
pub use listeners::{Listener, listeners_on};
pub use services::ServiceAt;

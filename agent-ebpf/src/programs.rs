//! The programs, by what they are attached to.

mod calls;
mod closed;
mod entered;
mod every_call;
mod exits;
mod processes;
mod sleeps;
mod sockets;

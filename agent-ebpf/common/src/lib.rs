//! Every type that crosses the border between the kernel programs and the user side, and nothing else.
//!
//! Integers only, in native byte order, with explicit padding: what the kernel programs write into the ring buffer and
//! into maps is read by [`Header::read`] and its like, byte by byte, so that no bytes from the kernel are ever taken
//! for a type they are not. Unknown kinds are refused, not guessed.

#![no_std]
#![forbid(unsafe_code)]

pub mod call;
pub mod connection;
pub mod counter;
pub mod literal;
pub mod missing;
pub mod record;
pub mod settings;
pub mod target;
pub mod thread;
pub mod wish;

//! HTTP as it is seen from outside, from bytes that arrive in pieces and may have holes. Pure.
//!
//! Owns the way from the bytes of one TCP connection to the heads of requests and answers, and to where messages end.
//! Refuses to guess: where it cannot know, it says [`Event::Lost`], and why. Keeps no body and of heads only what
//! [`RequestHead`] names; buffers are wiped when they have been read.

pub mod connection;
pub mod event;
mod h1;
mod h2;
pub mod head;
mod opening;
pub mod recognise;
#[cfg(test)]
mod script;

use std::hint::black_box;

pub use connection::{Connection, Limits};
pub use event::{Event, Lost, Way};
pub use head::{RequestHead, ResponseHead, Version};
pub use recognise::{Protocol, Recognition, recognise};

/// Gives memory back that nothing of a head is left in.
fn wipe(mut bytes: Vec<u8>) {
    bytes.fill(0);
    // Otherwise the compiler sees that nobody reads the zeros.
    black_box(bytes.as_slice());
}

//! Scripted calls in, exchanges out.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed test should stop")]

mod exchanges;
mod kernel;
mod properties;
mod unreadable;

use super::{Bounds, Exchange, Streams};
use kernel::Kernel;

/// A request for `target` on connection 1, and its answer, by one thread.
fn shop(kernel: &mut Kernel, target: &str, answer: &[u8]) {
    kernel.reads(1, 7, format!("GET {target} HTTP/1.1\r\nhost: shop\r\n\r\n").as_bytes());
    kernel.writes(1, 7, answer);
}

/// What comes of it, long after everything happened.
fn told(mut kernel: Kernel) -> Vec<Exchange> {
    let mut streams = Streams::new(Bounds::default());
    let now = kernel.now;
    kernel.drain(&mut streams);
    streams.advance(now + 100 * Bounds::default().patience);
    streams.exchanges().collect()
}

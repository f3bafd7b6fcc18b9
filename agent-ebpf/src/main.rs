//! The kernel programs of the probe. They observe only: nothing here writes into a process, a packet or a socket.
//!
//! A table of contents. A call that returns goes through these files from top to bottom: `programs` say which call it
//! was, `task` who made it, `arguments` with what, `walk` follows its descriptor to a connection, unless the socket told
//! of the call, `connections` knows it again, `places` whether anything went by before, `turn` decides whether its bytes
//! are wanted, `capture` goes through the caller's buffers, `record` copies them into the ring buffer, and `scan` looks
//! for a mark in them. `missing` remembers whose records found no room.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod arguments;
mod bound;
mod capture;
mod connections;
mod counters;
mod kernel;
mod maps;
mod missing;
mod places;
mod programs;
mod record;
mod scan;
mod settings;
mod task;
mod threads;
mod turn;
mod vectors;
mod walk;

/// Asked for by the kernel before it lets a program call GPL-only functions.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Never reached: nothing in here panics. The language asks for it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

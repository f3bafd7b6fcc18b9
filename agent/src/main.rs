//! The `throughline` binary: the allocator, and the way into the command line.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    throughline::cli::run(std::env::args_os(), &|name| std::env::var(name).ok())
}

//! What the kernel says of itself to `throughline check`: whether a ring buffer can be made, and which eBPF programs are
//! loaded on this machine, whosever they are.

use std::io;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedProgram {
    /// Its id.
    pub id: u32,
    /// Its type (include/uapi/linux/bpf.h, `enum bpf_prog_type`).
    pub kind: u32,
    /// Its name: 15 bytes at most, and perhaps none.
    pub name: String,
}

/// All of them.
///
/// # Errors
/// The kernel lists them to CAP_SYS_ADMIN alone.
pub fn loaded_programs() -> io::Result<Vec<LoadedProgram>> {
    let mut programs = Vec::new();
    for program in aya::programs::loaded_programs() {
        match program {
            Ok(program) => programs.push(LoadedProgram {
                id: program.id(),
                kind: program.program_type() as u32,
                name: String::from_utf8_lossy(program.name()).into_owned(),
            }),
            Err(error) => return Err(io::Error::other(sentence(&error))),
        }
    }
    Ok(programs)
}

/// Makes a ring buffer, and gives it back.
///
/// # Errors
/// The kernel has none (before Linux 5.8), or does not permit it.
pub fn try_ring_buffer() -> Result<(), String> {
    match aya::sys::is_map_supported(aya::maps::MapType::RingBuf) {
        Ok(true) => Ok(()),
        Ok(false) => Err("the kernel has no ring buffers; they came with Linux 5.8".to_owned()),
        Err(error) => Err(sentence(&error)),
    }
}

/// An error with its causes, in one line.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

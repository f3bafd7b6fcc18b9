//! eBPF programs that are loaded on this machine, whosever they are.

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

//! What of the probe works on this machine, and what is lost where something does not.

use std::fmt;

use throughline_common::settings::arguments;

/// How it is seen what moves, and in which call. The better ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Sockets tell what moves over them (Linux 6.3), and the scheduler which threads sleep: costs other calls
    /// next to nothing, and needs neither perf events nor tracefs.
    Socket,
    /// From the caller's registers, at the tracepoint of each call (Linux 5.15).
    Registers,
    /// Kept by a program at the call's entry, for the one at its return.
    Entered,
    /// At the raw tracepoint all calls share: needs neither perf events nor tracefs, and costs every call a little.
    Raw,
}

impl Way {
    /// All of them, the better ones first.
    pub const ALL: [Self; 4] = [Self::Socket, Self::Registers, Self::Entered, Self::Raw];

    /// The number that programs know it by.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Socket => arguments::SOCKET,
            Self::Registers => arguments::TASK,
            Self::Entered => arguments::ENTERED,
            Self::Raw => arguments::RAW,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Socket => "tracepoints of sockets",
            Self::Registers => "tracepoints of single calls, arguments from registers",
            Self::Entered => "tracepoints of single calls, arguments kept at their entry",
            Self::Raw => "the raw tracepoint of all calls",
        })
    }
}

/// One program, and whether it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name in the kernel object.
    pub program: &'static str,
    /// What is lost without it.
    pub without: &'static str,
    /// Why it does not work, if it does not.
    pub refused: Option<String>,
}

/// Every program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// How it is seen what moves.
    pub way: Way,
    /// Why each better way was refused.
    pub passed_over: Vec<(Way, String)>,
    /// The programs, in the order they were attached in.
    pub parts: Vec<Part>,
}

impl Ledger {
    /// How many programs work.
    #[must_use]
    pub fn attached(&self) -> usize {
        self.parts.len() - self.refused().count()
    }

    /// Those that do not.
    pub fn refused(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.refused.is_some())
    }

    /// Whether this program works.
    #[must_use]
    pub fn works(&self, program: &str) -> bool {
        self.parts.iter().any(|part| part.program == program && part.refused.is_none())
    }
}

//! Reads a recording as it comes: bytes in, observations and faults out, in order.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;

use super::wire::Line;
use super::{SCHEMA, VERSION};
use crate::gap::observation::Observation;

/// A longer line is given up. Sixteen header lines of 8 KiB fit in, escapes included.
const LONGEST_LINE: usize = 1 << 20;
/// Different texts that are shared between observations; further ones have memory of their own.
const SHARED_TEXTS: usize = 1 << 16;

/// Reads one recording, in pieces of any size.
#[derive(Debug)]
pub struct Reader {
    /// What has come and was not read, from `from` on.
    pending: Vec<u8>,
    from: usize,
    /// Up to where `pending` has no line feed.
    searched: usize,
    /// A line that is too long is being passed over.
    passing: bool,
    /// Whether the last header was one that can be read; before the first, `None`.
    readable: Option<bool>,
    line: u64,
    texts: Texts,
    counts: Counts,
}

/// What was read so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Lines, empty ones included.
    pub lines: u64,
    /// Observations.
    pub observations: u64,
    /// Lines that could not be read.
    pub faults: u64,
    /// Lines passed over because the header before them could not be read, or was missing.
    pub skipped: u64,
    /// Texts that were too long and were cut, and lists of header lines with more than are kept.
    pub cut: u64,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Fault {
    /// Which one, from 1.
    pub line: u64,
    /// Why.
    pub problem: Problem,
}

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The recording does not begin with a header. Its lines are passed over.
    #[error("no header: a recording begins with {{\"schema\":\"{SCHEMA}\",\"version\":{VERSION}}}")]
    NoHeader,
    /// A header of something else. The lines up to the next header are passed over.
    #[error("the schema is {found:?}, and only {SCHEMA:?} is read")]
    Schema {
        /// What it says.
        found: String,
    },
    /// A header of another version. The lines up to the next header are passed over.
    #[error("the version is {found}, and only version {VERSION} is read: use the program that wrote it")]
    Version {
        /// What it says.
        found: u64,
    },
    /// Not an observation: no JSON, a key that is missing, a value of another type.
    #[error("not an observation: {reason}")]
    NotAnObservation {
        /// The reason and the column.
        reason: String,
    },
    /// A value that cannot be.
    #[error("{key} cannot be {value:?}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it says, its beginning at most.
        value: String,
    },
    /// Longer than any observation.
    #[error("longer than {LONGEST_LINE} bytes")]
    TooLong,
    /// The last line has no line feed: the recording was cut off.
    #[error("the last line does not end: the recording was cut off")]
    Truncated,
}

/// The texts of the recording: bounded, and shared where they come again.
#[derive(Debug)]
pub(super) struct Texts {
    recording: Arc<str>,
    known: HashSet<Arc<str>>,
    pub(super) cut: u64,
}

/// What a header line looks like, and nothing else does.
#[derive(Deserialize)]
struct Header {
    schema: String,
    version: u64,
}

impl Reader {
    /// Begins to read the recording called `name`, which is what its observations are said to come from where they say
    /// nothing themselves.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            pending: Vec::new(),
            from: 0,
            searched: 0,
            passing: false,
            readable: None,
            line: 0,
            texts: Texts { recording: name.into(), known: HashSet::new(), cut: 0 },
            counts: Counts::default(),
        }
    }

    /// Takes more bytes. Call [`Self::next_observation`] until it has nothing more to say before the next ones.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.from > 0 {
            self.pending.drain(..self.from);
            self.searched -= self.from;
            self.from = 0;
        }
        self.pending.extend_from_slice(bytes);
    }

    /// The next observation, or what is wrong with the next line that is none; `None` when more bytes are needed.
    pub fn next_observation(&mut self) -> Option<Result<Observation, Fault>> {
        loop {
            let unsearched = self.pending.get(self.searched..)?;
            let Some(length) = unsearched.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.pending.len();
                return self.give_up_long_line();
            };
            let end = self.searched + length;
            let start = std::mem::replace(&mut self.from, end + 1);
            self.searched = end + 1;
            self.line += 1;
            if std::mem::take(&mut self.passing) {
                continue;
            }
            let pending = std::mem::take(&mut self.pending);
            let read = self.read(pending.get(start..end).unwrap_or_default());
            self.pending = pending;
            if let Some(read) = read {
                return Some(read);
            }
        }
    }

    /// The recording is over. A last line without line feed is an observation if it is whole, and else says that the
    /// recording was cut off.
    pub fn finish(&mut self) -> Option<Result<Observation, Fault>> {
        let pending = std::mem::take(&mut self.pending);
        let last = pending.get(std::mem::take(&mut self.from)..).unwrap_or_default();
        self.searched = 0;
        let was_passing = std::mem::take(&mut self.passing);
        self.line += u64::from(was_passing || !last.is_empty());
        if was_passing {
            return None;
        }
        let read = self.read(last)?;
        let cut_off = |fault: Fault| match fault.problem {
            Problem::NotAnObservation { .. } | Problem::NoHeader => Fault { problem: Problem::Truncated, ..fault },
            _ => fault,
        };
        Some(read.map_err(cut_off))
    }

    /// What was read so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { lines: self.line, cut: self.texts.cut, ..self.counts }
    }

    /// A line that has not ended yet and is too long already is said to be so once.
    fn give_up_long_line(&mut self) -> Option<Result<Observation, Fault>> {
        if self.pending.len() - self.from <= LONGEST_LINE && !self.passing {
            return None;
        }
        self.pending.clear();
        (self.from, self.searched) = (0, 0);
        if std::mem::replace(&mut self.passing, true) {
            return None;
        }
        let fault = self.fault(Problem::TooLong);
        Some(Err(Fault { line: self.line + 1, ..fault }))
    }

    /// One line without its end; `None` where it says nothing.
    fn read(&mut self, line: &[u8]) -> Option<Result<Observation, Fault>> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return None;
        }
        if line.len() > LONGEST_LINE {
            return Some(Err(self.fault(Problem::TooLong)));
        }
        let read = if self.readable == Some(true) { Some(self.read_observation(line)) } else { None };
        if let Some(Ok(observation)) = read {
            self.counts.observations += 1;
            return Some(Ok(observation));
        }
        let problem = match (read_header(line), read) {
            (Ok(()), _) => {
                self.readable = Some(true);
                return None;
            }
            (Err(Problem::NoHeader), Some(Err(problem))) => problem,
            (Err(Problem::NoHeader), _) if self.readable.is_some() => {
                self.counts.skipped += 1;
                return None;
            }
            (Err(problem), _) => {
                self.readable = Some(false);
                problem
            }
        };
        Some(Err(self.fault(problem)))
    }
    fn read_observation(&mut self, line: &[u8]) -> Result<Observation, Problem> {
        if !line.starts_with(b"{") {
            // Lists of values in the right order would do for the library.
            return Err(Problem::NotAnObservation { reason: "expected an object".to_owned() });
        }
        let line: Line<'_> =
            serde_json::from_slice(line).map_err(|error| Problem::NotAnObservation { reason: reason(&error) })?;
        line.into_observation(&mut self.texts, self.counts.observations)
    }

    fn fault(&mut self, problem: Problem) -> Fault {
        self.counts.faults += 1;
        Fault { line: self.line, problem }
    }
}

impl Texts {
    /// The recording's own name.
    pub(super) fn recording(&self) -> Arc<str> {
        Arc::clone(&self.recording)
    }

    /// The text's first `limit` bytes, or a few less where a character would be cut in two.
    pub(super) fn bounded<'a>(&mut self, text: &'a str, limit: usize) -> &'a str {
        if text.len() <= limit {
            return text;
        }
        self.cut += 1;
        text.get(..text.floor_char_boundary(limit)).unwrap_or_default()
    }

    /// The same, in memory that is shared with earlier texts.
    pub(super) fn shared(&mut self, text: &str, limit: usize) -> Arc<str> {
        let text = self.bounded(text, limit);
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        if self.known.len() < SHARED_TEXTS {
            self.known.insert(Arc::clone(&text));
        }
        text
    }
}

fn read_header(line: &[u8]) -> Result<(), Problem> {
    let header: Header = serde_json::from_slice(line).map_err(|_| Problem::NoHeader)?;
    if header.schema != SCHEMA {
        return Err(Problem::Schema { found: header.schema.chars().take(64).collect() });
    }
    if header.version != VERSION {
        return Err(Problem::Version { found: header.version });
    }
    Ok(())
}

/// The library counts lines by itself, and sees one alone. What it quotes of an unknown value is bounded here.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let words = text.split(" at line ").next().unwrap_or_default();
    let words: String = words.chars().take(200).collect();
    format!("{words}, column {}", error.column())
}

//! What is wrong with a configuration file: where, what, and what to write instead. One line each.

use std::fmt;

/// A place in the file, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub at: Place,
    /// The key, from the top: `proxies[0].timeouts.read`. Empty for the file as a whole.
    pub path: String,
    /// What is wrong, naming the value unless it may be a secret.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

/// Every mistake of a file, in the file's order; there is at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// The file's name, as it was given.
    pub file: String,
    /// The mistakes.
    pub all: Vec<Problem>,
}

impl Problems {
    /// One line for each.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.all.iter().map(|problem| {
            let Problem { at, path, problem, remedy } = problem;
            let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
            one_line(&format!("{}:{}:{}: {path}{problem}; {remedy}", self.file, at.line, at.column))
        })
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, line) in self.lines().enumerate() {
            let before = if n == 0 { "" } else { "\n" };
            write!(f, "{before}{line}")?;
        }
        Ok(())
    }
}

/// A key of the file may have line feeds and terminal escapes in it; a message has not.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

//! Where a report's observations came from, and what was wrong with each place. Values: reading is done elsewhere.

use schemars::JsonSchema;
use serde::Serialize;

use super::ledger::ProbeLedger;

/// One source as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Source {
    /// A URL without credentials, a path, or `-` for standard input.
    pub name: String,
    /// What kind of place it is.
    pub kind: SourceKind,
    /// How much of it was read.
    pub state: SourceState,
    /// Observations read from it, duplicates included.
    pub observations: u64,
    /// What was wrong with it, worst first; empty where all was well.
    pub problems: Vec<Problem>,
    /// What the agent's kernel probe says of itself; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeLedger>,
}

/// What kind of place observations came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A running agent, over HTTP.
    Agent,
    /// A recording on disk.
    File,
    /// A recording on standard input.
    Stdin,
}

/// How much of a source was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// All of it.
    Complete,
    /// Some of it is missing or could not be understood.
    Partial,
    /// Nothing of it.
    Missing,
}

/// One kind of problem with a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// What kind.
    pub kind: ProblemKind,
    /// How often it was met.
    pub count: u64,
    /// A sentence about the first time, with the line where there is one.
    pub detail: String,
}

/// What can be wrong with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// It could not be opened or reached, or broke off.
    Unreachable,
    /// It asked for a token, or refused the one it was given.
    Unauthorised,
    /// It is in another format, or in a version of ours that is not understood.
    OtherVersion,
    /// It ends in the middle of an observation.
    Truncated,
    /// Lines that are no observation.
    Corrupt,
    /// Nothing is in it, not even the line that says what it is.
    Empty,
    /// Lines that were longer than any observation may be.
    TooLong,
    /// Times that jump back by more than the reordering that is expected, or lie in the future.
    ClockJump,
    /// Observations that had been read before.
    Duplicates,
    /// Texts that were cut to their bound.
    Cut,
}

impl ProblemKind {
    /// Whether evidence is missing because of it. The others are worth knowing, and no reason to doubt the report.
    #[must_use]
    pub const fn loses_evidence(self) -> bool {
        match self {
            Self::Unreachable
            | Self::Unauthorised
            | Self::OtherVersion
            | Self::Truncated
            | Self::Corrupt
            | Self::Empty
            | Self::TooLong => true,
            Self::ClockJump | Self::Duplicates | Self::Cut => false,
        }
    }

    /// A few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Unauthorised => "not authorised",
            Self::OtherVersion => "another format or version",
            Self::Truncated => "truncated",
            Self::Corrupt => "corrupt lines",
            Self::Empty => "empty",
            Self::TooLong => "lines too long",
            Self::ClockJump => "clock jumped",
            Self::Duplicates => "duplicates",
            Self::Cut => "long texts cut",
        }
    }
}

impl Source {
    /// A source of which this was read. Its state follows from its problems.
    #[must_use]
    pub fn new(name: String, kind: SourceKind, observations: u64, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.kind);
        let loses = problems.iter().any(|problem| problem.kind.loses_evidence());
        let state = match (loses, observations) {
            (false, _) => SourceState::Complete,
            (true, 0) => SourceState::Missing,
            (true, _) => SourceState::Partial,
        };
        Self { name, kind, state, observations, problems, probe: None }
    }

    /// The same with what its probe says of itself.
    #[must_use]
    pub fn with_probe(self, probe: Option<ProbeLedger>) -> Self {
        Self { probe, ..self }
    }

    /// What is wrong with it in one sentence, for messages; `None` where nothing is.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let said: Vec<String> = self.problems.iter().map(Problem::sentence).collect();
        (!said.is_empty()).then(|| format!("{}: {}", self.name, said.join("; ")))
    }
}

impl Problem {
    /// `truncated: the last line has no end`, with the count where it is more than one.
    #[must_use]
    pub fn sentence(&self) -> String {
        let title = self.kind.title();
        if self.count > 1 {
            format!("{title} ({}): {}", self.count, self.detail)
        } else {
            format!("{title}: {}", self.detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: ProblemKind) -> Problem {
        Problem { kind, count: 1, detail: "why".to_owned() }
    }

    #[test]
    fn the_state_follows_from_what_was_wrong() {
        let rows = [
            (vec![], 7, SourceState::Complete, "nothing"),
            (vec![], 0, SourceState::Complete, "an agent that saw nothing yet"),
            (vec![ProblemKind::Truncated], 7, SourceState::Partial, "the end is missing"),
            (vec![ProblemKind::Unreachable], 0, SourceState::Missing, "nobody answers"),
            (vec![ProblemKind::Duplicates, ProblemKind::ClockJump, ProblemKind::Cut], 7, SourceState::Complete, "odd"),
        ];
        for (kinds, observations, expected, reason) in rows {
            let problems = kinds.into_iter().map(problem).collect();
            let source = Source::new("x".to_owned(), SourceKind::File, observations, problems);
            assert_eq!(source.state, expected, "{reason}");
        }
    }

    #[test]
    fn the_worst_is_said_first() {
        let problems = vec![problem(ProblemKind::Cut), problem(ProblemKind::Truncated)];
        let source = Source::new("a.ndjson".to_owned(), SourceKind::File, 1, problems);
        assert_eq!(source.complaint().as_deref(), Some("a.ndjson: truncated: why; long texts cut: why"));
    }
}

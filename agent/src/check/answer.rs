//! What one check says.

use schemars::JsonSchema;
use serde::Serialize;

/// How it stands with what was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In order.
    Ok,
    /// Not looked at, or of no importance here; the text says why.
    Skipped,
    /// Works, and less well than it could; or something to know.
    Warning,
    /// Does not work.
    Error,
    /// Does not work because this process may not, or because the kernel lacks something.
    NotPermitted,
}

/// One line of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How it stands.
    pub state: State,
    /// One sentence without an end: what was found.
    pub text: String,
    /// What to do, where something is to be done.
    pub hint: Option<String>,
}

impl Answer {
    /// In order.
    pub fn ok(text: impl Into<String>) -> Self {
        Self { state: State::Ok, text: text.into(), hint: None }
    }

    /// Not looked at.
    pub fn skipped(text: impl Into<String>) -> Self {
        Self { state: State::Skipped, text: text.into(), hint: None }
    }

    /// Works less well than it could.
    pub fn warning(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { state: State::Warning, text: text.into(), hint: Some(hint.into()) }
    }

    /// Does not work.
    pub fn error(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { state: State::Error, text: text.into(), hint: Some(hint.into()) }
    }

    /// Does not work for want of a right or of something in the kernel.
    pub fn not_permitted(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { state: State::NotPermitted, text: text.into(), hint: Some(hint.into()) }
    }
}

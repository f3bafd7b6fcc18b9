//! What a user names as a source.

use std::path::PathBuf;

use url::Url;

use crate::report::source::SourceKind;

/// Where an agent listens when nobody says otherwise.
const DEFAULT_AGENT: &str = "http://127.0.0.1:9464/";

/// A source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An agent's admin port.
    Agent(Url),
    /// A recording.
    File(PathBuf),
    /// A recording on standard input.
    Stdin,
}

/// A text that names no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// It is empty.
    #[error("the source is empty; name an agent (http://127.0.0.1:9464), a recording, or - for standard input")]
    Empty,
    /// It looks like a URL and is none.
    #[error("{text:?} is no URL of an agent: {reason}; write http://127.0.0.1:9464 for example")]
    Url {
        /// As it was typed.
        text: String,
        /// Why not.
        reason: String,
    },
}

impl Place {
    /// The agent of this machine.
    #[must_use]
    pub fn default_agent() -> Option<Self> {
        Url::parse(DEFAULT_AGENT).ok().map(Self::Agent)
    }

    /// Reads `-`, a URL, or a path.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        match text {
            "" => Err(PlaceError::Empty),
            "-" => Ok(Self::Stdin),
            url if url.contains("://") => Self::agent(url),
            path => Ok(Self::File(path.into())),
        }
    }

    /// Reads the URL of an agent.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn agent(text: &str) -> Result<Self, PlaceError> {
        let wrong = |reason: &str| PlaceError::Url { text: text.to_owned(), reason: reason.to_owned() };
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("only http and https are spoken"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PlaceError::Url {
                text: format!("{}://...", url.scheme()),
                reason: "credentials cannot stand in it; use --token-file".to_owned(),
            });
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("nothing may follow host and port"));
        }
        Ok(Self::Agent(url))
    }

    /// What it is called in messages and in the report.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Agent(url) => url.as_str().trim_end_matches('/').to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
        }
    }

    pub(super) const fn kind(&self) -> SourceKind {
        match self {
            Self::Agent(_) => SourceKind::Agent,
            Self::File(_) => SourceKind::File,
            Self::Stdin => SourceKind::Stdin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_urls_paths_or_a_dash() {
        let rows = [
            ("http://127.0.0.1:9464", Some("http://127.0.0.1:9464"), "an agent"),
            ("https://agent.internal/", Some("https://agent.internal"), "a slash says nothing"),
            ("shop.ndjson", Some("shop.ndjson"), "a recording"),
            ("-", Some("-"), "standard input"),
            ("", None, "nothing"),
            ("http://", None, "no host"),
            ("ftp://agent", None, "another scheme"),
            ("http://agent/v1/report", None, "a path would be ignored"),
            ("http://me:secret@agent", None, "credentials"),
        ];
        for (text, expected, reason) in rows {
            assert_eq!(Place::parse(text).ok().map(|place| place.name()).as_deref(), expected, "{reason}");
        }
        let error = Place::parse("http://me:secret@agent").map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| !error.contains("secret")), "credentials are not repeated");
        assert_eq!(Place::default_agent().map(|place| place.name()).as_deref(), Some("http://127.0.0.1:9464"));
    }
}

//! What the report leaves out and takes in.

use std::str::FromStr;

use crate::gap::code::Code;

/// What the report leaves out and takes in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportConfig {
    /// Findings that are known and accepted.
    pub suppress: Vec<Suppression>,
    /// Names or globs of peers in scope beside the services observed.
    pub scope: Vec<String>,
}

/// A finding that is left out: everywhere, or at the hops that a glob names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// The finding.
    pub code: Code,
    /// A glob of services, peers or routes; `None` means everywhere.
    pub at: Option<String>,
}

impl FromStr for Suppression {
    type Err = String;

    /// `G104` or `G104=legacy-*`. The error is a sentence.
    fn from_str(text: &str) -> Result<Self, String> {
        let (code, at) = match text.split_once('=') {
            Some((_, "")) => {
                return Err("nothing stands behind the equals sign; leave it out, or name a glob".to_owned());
            }
            Some((code, glob)) => (code, Some(glob.to_owned())),
            None => (text, None),
        };
        Ok(Self { code: code.trim().parse().map_err(|error: crate::gap::code::UnknownCode| error.to_string())?, at })
    }
}

impl std::fmt::Display for Suppression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{}={at}", self.code),
            None => write!(f, "{}", self.code),
        }
    }
}

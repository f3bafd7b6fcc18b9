//! A failure that has an exit code of its own. Everything else that goes wrong ends with 1.

use std::fmt;
use std::process::ExitCode;

/// Why a verb stopped before its work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// The command line makes no sense: exit code 2.
    pub(crate) fn usage(message: String) -> Self {
        Self { code: 2, message }
    }

    /// Something is missing that may not be installed here: exit code 4.
    pub(crate) fn missing(message: String) -> Self {
        Self { code: 4, message }
    }

    /// The code to end with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

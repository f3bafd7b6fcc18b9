//! What the report leaves out and takes in.

use crate::report::question::Suppression;

/// What the report leaves out and takes in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportConfig {
    /// Findings that are known and accepted.
    pub suppress: Vec<Suppression>,
    /// Names or globs of peers in scope beside the services observed.
    pub scope: Vec<String>,
}

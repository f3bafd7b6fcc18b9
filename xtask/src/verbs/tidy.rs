//! `cargo xtask tidy`: the rules no compiler checks, against the files of this tree. The rules lie in [`crate::tidy`].

use std::process::ExitCode;

use crate::failure::Failure;
use crate::{tidy, workspace};

/// Prints one line a finding, and ends with 1 if any breaks a rule.
///
/// # Errors
/// Arguments were given, or the tree cannot be read.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    if !arguments.is_empty() {
        return Err(Failure::usage("tidy takes no arguments".to_owned()).into());
    }
    let report = tidy::check(&tidy::Tree::read(&workspace::root())?);
    print!("{report}");
    Ok(if report.failed_rules() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

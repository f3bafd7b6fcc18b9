//! `throughline explain`: what a code means, and what to do about it.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::failure::Failure;
use super::{Environment, terminal};
use crate::gap::code::Code;
use crate::report::explain::{self, Language};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The code of a finding, for example G101; without one all are listed.
    code: Option<Code>,
    /// Show the fix in this language alone.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    language: Option<LanguageValue>,
}

/// Values of `--language`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LanguageValue {
    Python,
    Node,
    Java,
    Go,
    Dotnet,
    Php,
    Ruby,
    Rust,
}

/// Prints the text.
pub(super) fn run(arguments: &ExplainArguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    let text = match arguments.code {
        Some(code) => explain::explain(code, arguments.language.map(Into::into), terminal::colours(env)),
        None => explain::list(),
    };
    terminal::print(&text).map_err(Failure::output)?;
    Ok(ExitCode::SUCCESS)
}

impl From<LanguageValue> for Language {
    fn from(value: LanguageValue) -> Self {
        match value {
            LanguageValue::Python => Self::Python,
            LanguageValue::Node => Self::Node,
            LanguageValue::Java => Self::Java,
            LanguageValue::Go => Self::Go,
            LanguageValue::Dotnet => Self::DotNet,
            LanguageValue::Php => Self::Php,
            LanguageValue::Ruby => Self::Ruby,
            LanguageValue::Rust => Self::Rust,
        }
    }
}

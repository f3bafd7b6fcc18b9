//! How a command fails: one clear line on standard error, and an exit code that scripts can rely on.

use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::app::ProbeRefused;
use crate::config::ConfigError;
use crate::config::file::Problems;

/// Why a command ends before its work is done.
#[derive(Debug)]
pub(super) enum Failure {
    /// `--help` or `--version`: a text for standard output, and success.
    Text(String),
    /// A check that failed: exit code 1.
    Check(String),
    /// Usage or configuration: exit code 2.
    Usage(String),
    /// Not permitted, or the kernel lacks what is needed: exit code 4.
    NotPermitted(String),
    /// Every mistake of a configuration file: one line each and exit code 2.
    Mistakes(Problems),
}

impl Failure {
    /// The result could not be written.
    #[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
    pub(super) fn output(error: std::io::Error) -> Self {
        Self::Usage(format!("cannot write the result: {error}"))
    }

    /// Its messages, one line each.
    pub(super) fn into_lines(self) -> Vec<String> {
        match self {
            Self::Text(text) | Self::Check(text) | Self::Usage(text) | Self::NotPermitted(text) => vec![text],
            Self::Mistakes(problems) => problems.lines().collect(),
        }
    }

    /// Prints it, and says how to exit.
    pub(super) fn report(self) -> ExitCode {
        // Where nothing can be printed, the exit code is all there is to say.
        match self {
            Self::Text(text) => {
                let _ = std::io::stdout().write_all(text.as_bytes());
                ExitCode::SUCCESS
            }
            Self::Check(message) => print_error(&message, 1),
            Self::Usage(message) => print_error(&message, 2),
            Self::NotPermitted(message) => print_error(&message, 4),
            Self::Mistakes(problems) => {
                problems.lines().for_each(|line| {
                    print_error(&line, 2);
                });
                ExitCode::from(2)
            }
        }
    }
}

fn print_error(message: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(code)
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Mistakes(problems)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast_ref::<ProbeRefused>() {
            Some(refused) => Self::NotPermitted(refused.to_string()),
            None => Self::Usage(format!("{error:#}")),
        }
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let text = error.render();
                let coloured = std::io::IsTerminal::is_terminal(&std::io::stdout())
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
                Self::Text(if coloured { text.ansi().to_string() } else { text.to_string() })
            }
            _ => Self::Usage(one_line(&error.render().to_string())),
        }
    }
}

/// The library's message spreads over several lines; everything but the usage is kept, on one.
fn one_line(message: &str) -> String {
    let sentences: Vec<&str> = message
        .lines()
        .take_while(|line| !line.starts_with("Usage:"))
        .map(|line| line.trim().trim_start_matches("error: ").trim_start_matches("tip: "))
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .collect();
    format!("{}; see --help", sentences.join("; ").replace(":; ", ": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_many_lines_becomes_one() {
        let message = "error: unexpected argument '--lisen' found\n\n  tip: a similar argument exists: '--listen'\n\n\
                       Usage: throughline proxy\n\nFor more information, try '--help'.\n";
        assert_eq!(
            one_line(message),
            "unexpected argument '--lisen' found; a similar argument exists: '--listen'; see --help"
        );
    }
}

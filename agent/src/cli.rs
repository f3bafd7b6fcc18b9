//! The command line: what was typed, and what it means. The only importer of clap.
//!
//! Results go to standard output, messages to standard error. Exit codes: 0 done; 1 a failed check; 2 usage or
//! configuration; 3 a source unreachable; 4 not permitted.

mod arguments;
mod decode;
mod demo;
mod failure;
mod log;
mod proxy;
mod values;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use failure::Failure;

/// Looks an environment variable up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Runs the command that `arguments` name. Never panics on what a user types.
pub fn run(arguments: impl IntoIterator<Item = OsString>, env: Environment<'_>) -> ExitCode {
    match Arguments::try_parse_from(arguments).map_err(Failure::from).and_then(|arguments| dispatch(arguments, env)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn dispatch(arguments: Arguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::Proxy(arguments) => proxy::run(*arguments, env),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Demo(arguments) => demo::run(arguments, env),
        Command::DemoService(arguments) => demo::run_service(&arguments),
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "throughline", &mut script);
    std::io::stdout().write_all(&script).map_err(Failure::output)?;
    Ok(ExitCode::SUCCESS)
}

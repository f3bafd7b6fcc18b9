//! `throughline demo`: what the terminal can show, and the exit code.

use std::io::{IsTerminal, stderr, stdout};
use std::process::ExitCode;

use super::Environment;
use super::arguments::{DemoArguments, DemoServiceArguments};
use super::failure::Failure;
use crate::demo::{self, DemoError, DemoOptions, Look, Outcome, ServiceOptions};

/// Runs the demonstration. Exit code 1 when something it showed is not right.
pub(super) fn run(arguments: DemoArguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    let options = DemoOptions {
        seed: arguments.seed,
        requests: arguments.requests,
        kill: arguments.kill,
        keep: arguments.keep,
        look: Look::detect(stdout().is_terminal(), env),
        progress: stderr().is_terminal(),
    };
    match demo::run(&options, &mut stdout(), &mut stderr()) {
        Ok(Outcome::Right) => Ok(ExitCode::SUCCESS),
        Ok(Outcome::Wrong) => Ok(ExitCode::FAILURE),
        Err(error) => end(error),
    }
}

/// Runs one service of the demonstration.
pub(super) fn run_service(arguments: &DemoServiceArguments) -> Result<ExitCode, Failure> {
    let options = ServiceOptions {
        name: arguments.name.clone(),
        log: arguments.log.clone(),
        manner: arguments.manner.clone(),
        seed: arguments.seed,
    };
    demo::run_service(options).map(|()| ExitCode::SUCCESS).or_else(end)
}

fn end(error: DemoError) -> Result<ExitCode, Failure> {
    if error.is_usage() { Err(Failure::Usage(error.to_string())) } else { Err(Failure::Check(error.to_string())) }
}

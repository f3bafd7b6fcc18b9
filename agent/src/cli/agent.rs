//! `throughline agent`: everything a configuration file says, in one process.

use std::process::ExitCode;

use super::arguments::{AgentArguments, OverrideArguments};
use super::failure::Failure;
use super::serve::{self, Serve};
use super::{Environment, log};
use crate::config::Config;
use crate::config::file;

/// Runs the agent until SIGTERM or SIGINT. SIGHUP reads the file again.
pub(super) fn run(arguments: &AgentArguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    let _log = log::start(env).map_err(Failure::Usage)?;
    let (config, warnings) = settings(&arguments.config, &arguments.overrides, env)?;
    let reload = || settings(&arguments.config, &arguments.overrides, env).map_err(Failure::into_lines);
    serve::run(config, &warnings, &Serve { until_stdin_closes: arguments.until_stdin_closes, reload: Some(&reload) })
}

/// What the file comes to under these flags and variables, and what is odd about it.
pub(super) fn settings(
    path: &std::path::Path,
    overrides: &OverrideArguments,
    env: Environment<'_>,
) -> Result<(Config, Vec<String>), Failure> {
    Ok(file::load(path, env)?.settle(overrides.into(), env)?)
}

//! `throughline agent`: everything a configuration file says, in one process.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::{AgentArguments, OverrideArguments};
use super::failure::Failure;
use super::serve::{self, Serve};
use super::{Environment, log};
use crate::config::Config;
use crate::config::file::{self, FileConfig, Overrides};

/// Runs the agent until SIGTERM or SIGINT. SIGHUP reads the file again.
pub(super) fn run(arguments: &AgentArguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    let _log = log::start(env).map_err(Failure::Usage)?;
    let read = || settings(arguments.config.as_deref(), &arguments.overrides, env);
    let (config, warnings) = read()?;
    let reload = || read().map_err(Failure::into_lines);
    serve::run(config, &warnings, &Serve { until_stdin_closes: arguments.until_stdin_closes, reload: Some(&reload) })
}

/// What the file comes to under these flags and variables, and what is odd about it. Without a file, flags name targets
/// of the probe.
pub(super) fn settings(
    path: Option<&Path>,
    overrides: &OverrideArguments,
    env: Environment<'_>,
) -> Result<(Config, Vec<String>), Failure> {
    let overrides = Overrides::from(overrides);
    let file = match path {
        Some(path) => file::load(path, &overrides, env)?,
        None => FileConfig::of_targets(),
    };
    let (mut config, warnings) = file.settle(overrides, env)?;
    config.probe.narrows_process = true;
    Ok((config, warnings))
}

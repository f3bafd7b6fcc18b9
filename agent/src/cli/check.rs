//! `throughline check`: whether this machine and a configuration are fit, one line each.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::arguments::OverrideArguments;
use super::failure::Failure;
use super::report::{self, Format, Output};
use super::{Environment, terminal};
use crate::check::{self, Asked, Checkup, Facts, Look, Plan};
use crate::config::file::{self, FileConfig, Overrides};
use crate::report::json;
use crate::report::table::DEFAULT_WIDTH;

const EXAMPLES: &str = "\
Examples:
  throughline check
      Is this machine fit for the kernel probe?
  sudo throughline check --config throughline.yaml
      And are its addresses free, its services there, its exporter and key in order?

Everything is looked at as the user who runs it: run it as the agent will be run. Programs are loaded and
attached as a trial and let go at once; one request without spans goes to the exporter.

Exit codes: 0 all works, perhaps with warnings; 1 something does not; 2 usage; 4 nothing but that something
is not permitted, or that the kernel lacks it: proxies work without.";

/// Flags of `check`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArguments {
    /// The configuration file of the agent; without one the machine alone is looked at.
    #[arg(long, value_name = "FILE", env = "THROUGHLINE_CONFIG")]
    config: Option<PathBuf>,
    /// Ask nothing over the network: neither upstreams nor the exporter.
    #[arg(long)]
    offline: bool,
    /// Load no kernel program as a trial.
    #[arg(long)]
    no_trial: bool,
    /// The format, and the file it goes to: table or json; repeatable; without a file to standard output
    /// [default: table].
    #[arg(short, long, value_name = "FORMAT[=FILE]", value_parser = Output::parse)]
    output: Vec<Output>,
    /// Print the JSON Schema of -o json, and do nothing else.
    #[arg(long)]
    schema: bool,
    #[command(flatten)]
    overrides: OverrideArguments,
}

/// Looks, judges, and says what came of it. The exit code is the result's own.
pub(super) fn run(arguments: &CheckArguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    if arguments.schema {
        return report::print_schema(&check::schema());
    }
    let outputs = report::checked(&arguments.output)?;
    let plan = plan(arguments, env);
    let asked = Asked { network: !arguments.offline, trial: !arguments.no_trial };
    let mut progress = terminal::Progress::new();
    progress.say("looking");
    let facts: Facts = report::runtime()?.block_on(check::gather(plan, asked));
    progress.clear();
    let checkup = Checkup::compose(&facts, report::now());
    report::write_all(&outputs, |format, is_file| match format {
        Format::Json => Ok(json::render(&checkup)?),
        Format::Table => Ok(check::render(&checkup, look(is_file, env))),
    })?;
    Ok(ExitCode::from(checkup.exit))
}

/// Mistakes are part of the result, not the end of it.
fn plan(arguments: &CheckArguments, env: Environment<'_>) -> Plan {
    let overrides = Overrides::from(&arguments.overrides);
    let (file, read) = match &arguments.config {
        Some(path) => (path.display().to_string(), file::load(path, &overrides, env)),
        None if !overrides.targets.is_empty() => ("--target".to_owned(), Ok(FileConfig::of_targets())),
        None => return Plan::None,
    };
    match read.map(|read| read.settle(overrides, env)) {
        Ok(Ok((config, warnings))) => Plan::Usable { file, config: Box::new(config), warnings },
        Ok(Err(error)) => Plan::Broken { file, mistakes: vec![error.to_string()] },
        Err(problems) => Plan::broken(&problems),
    }
}

/// A file takes no colours, and shows all characters.
fn look(is_file: bool, env: Environment<'_>) -> Look {
    let width = if is_file { DEFAULT_WIDTH } else { terminal::width(env) };
    Look { width, colour: !is_file && terminal::colours(env), unicode: is_file || terminal::unicode(env) }
}

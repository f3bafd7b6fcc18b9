//! The command line: what was typed, and what it means. The only importer of clap.
//!
//! Results go to standard output, messages to standard error. Exit codes: 0 done; 1 a failed check, findings that were to
//! fail, or a stop cut short; 2 usage or configuration; 3 something is missing: a source, a judgement; 4 not permitted, or a feature of
//! the kernel is missing.

mod agent;
mod arguments;
mod check;
mod config;
mod decode;
mod demo;
mod explain;
mod failure;
mod log;
mod proxy;
mod report;
mod serve;
mod terminal;
mod test;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use arguments::{Arguments, Command};
use failure::Failure;

/// Looks an environment variable up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Runs the command that `arguments` name. Never panics on what a user types.
pub fn run(arguments: impl IntoIterator<Item = OsString>, env: Environment<'_>) -> ExitCode {
    parse(arguments, env).and_then(|arguments| dispatch(arguments, env)).unwrap_or_else(Failure::report)
}

/// A variable that is set to nothing counts as unset, as for the OpenTelemetry variables: files of variables often
/// list all of them.
fn parse(arguments: impl IntoIterator<Item = OsString>, env: Environment<'_>) -> Result<Arguments, Failure> {
    let empty =
        |arg: &clap::Arg| arg.get_env().and_then(|name| env(name.to_str()?)).is_some_and(|value| value.is_empty());
    let command = without(Arguments::command(), &empty);
    Ok(Arguments::from_arg_matches(&command.try_get_matches_from(arguments)?)?)
}

/// The command with all below it, none of which looks at the variables that `unset` names.
fn without(command: clap::Command, unset: &dyn Fn(&clap::Arg) -> bool) -> clap::Command {
    let reset = |arg: clap::Arg| if unset(&arg) { arg.env(clap::builder::Resettable::Reset) } else { arg };
    command.mut_args(reset).mut_subcommands(|command| without(command, unset))
}

fn dispatch(arguments: Arguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::Proxy(arguments) => proxy::run(*arguments, env),
        Command::Report(arguments) => report::run(&arguments, env),
        Command::Test(arguments) => test::run(&arguments, env),
        Command::Check(arguments) => check::run(&arguments, env),
        Command::Explain(arguments) => explain::run(&arguments, env),
        Command::Agent(arguments) => agent::run(&arguments, env),
        Command::Config { action } => config::run(&action, env),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Demo(arguments) => demo::run(arguments, env),
        Command::DemoService(arguments) => demo::run_service(&arguments),
        Command::Completions { shell } => completions(shell),
        Command::Man { of } => manual(of.as_deref()),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "throughline", &mut script);
    std::io::stdout().write_all(&script).map_err(Failure::output)?;
    Ok(ExitCode::SUCCESS)
}

fn manual(of: Option<&str>) -> Result<ExitCode, Failure> {
    let mut command = Arguments::command();
    // Gives every command its whole name, `throughline proxy` for example.
    command.build();
    let page = match of {
        Some(name) => command
            .find_subcommand(name)
            .filter(|command| !command.is_hide_set())
            .cloned()
            .ok_or_else(|| Failure::Usage(format!("man: there is no command {name:?}; see throughline --help")))?,
        None => command,
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text).map_err(Failure::output)?;
    std::io::stdout().write_all(&text).map_err(Failure::output)?;
    Ok(ExitCode::SUCCESS)
}

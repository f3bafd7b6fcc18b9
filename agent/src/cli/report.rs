//! `throughline report`: asks the sources, lets the engine judge, and writes the report in the formats asked for.

mod arguments;
mod output;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::failure::Failure;
use super::{Environment, terminal};
use crate::gap::engine::{Engine, EngineConfig, Scope};
use crate::gather::{Gathering, Options, Place};
use crate::glob::Glob;
use crate::report::expect::Expectation;
use crate::report::source::Source;
use crate::report::table::{self, DEFAULT_WIDTH, View};
use crate::report::{Question, Report, json};
pub(super) use arguments::ReportArguments;
pub(super) use output::{Format, Output, checked, write_all};

/// Places the control windows. Fixed, so that the same observations always give the same report.
pub(super) const SEED: u64 = 1;
/// Observations between two words on progress.
const PROGRESS_EVERY: u64 = 10_000;

/// Reports. The exit code is the report's own.
pub(super) fn run(arguments: &ReportArguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    if arguments.schema {
        return print_schema(&json::schema());
    }
    let now = now();
    let outputs = checked(&arguments.output)?;
    let question = question(arguments, now)?;
    let places = places(&arguments.source)?;
    let options = Options { since: question.since, token: token(arguments.token_file.as_deref())?, now };
    let config = EngineConfig { scope: Scope { peers: arguments.scope.clone() }, ..EngineConfig::default() };
    let mut engine = Engine::new(config, SEED);
    let sources = runtime()?.block_on(read(&places, &options, &mut engine));
    engine.finish();
    for complaint in sources.iter().filter_map(Source::complaint) {
        terminal::warn(&complaint);
    }
    let report = Report::compose(&engine.judgement(), &question, sources, now);
    write_all(&outputs, |format, is_file| match format {
        Format::Json => Ok(json::render(&report)?),
        Format::Table => Ok(table::render(&report, view(is_file, arguments.evidence, env))),
    })?;
    Ok(ExitCode::from(report.exit.code))
}

/// How a table is to look: a file has the width of no terminal, and no colours.
pub(super) fn view(is_file: bool, evidence: bool, env: Environment<'_>) -> View {
    let width = if is_file { DEFAULT_WIDTH } else { terminal::width(env) };
    View { width, colour: !is_file && terminal::colours(env), evidence }
}

/// Prints a schema, and that is all.
pub(super) fn print_schema(schema: &schemars::Schema) -> Result<ExitCode, Failure> {
    terminal::print(&json::render(schema).map_err(anyhow::Error::from)?).map_err(Failure::output)?;
    Ok(ExitCode::SUCCESS)
}

/// Gives all observations to the engine, oldest first.
async fn read(places: &[Place], options: &Options, engine: &mut Engine) -> Vec<Source> {
    let mut progress = terminal::Progress::new();
    let names: Vec<String> = places.iter().map(Place::name).collect();
    progress.say(&format!("asking {}", crate::report::text::plain(&names.join(", "))));
    let mut gathering = Gathering::open(places, options).await;
    let mut count = 0_u64;
    while let Some(observation) = gathering.next().await {
        engine.observe(observation);
        count += 1;
        if count.is_multiple_of(PROGRESS_EVERY) {
            progress.say(&format!("read {count} observations"));
        }
    }
    gathering.finish().await
}

fn question(arguments: &ReportArguments, now: u64) -> Result<Question, Failure> {
    let since = arguments.since.map(|since| now.saturating_sub(nanoseconds(since)));
    Ok(Question {
        since,
        services: arguments.service.iter().map(|pattern| Glob::new(pattern)).collect(),
        min_confidence: arguments.min_confidence.map(Into::into),
        suppress: arguments.suppress.clone(),
        fail_on: arguments.fail_on.severity(),
        expect: match &arguments.expect {
            Some(path) => expectations(path)?,
            None => Vec::new(),
        },
    })
}

fn expectations(path: &std::path::Path) -> Result<Vec<Expectation>, Failure> {
    let usage = |problem: String| Failure::Usage(format!("--expect {}: {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| usage(format!("{error}; check the path")))?;
    Expectation::parse_list(&text).map_err(usage)
}

/// Sources as they were typed, or the agent of this machine.
fn places(typed: &[String]) -> Result<Vec<Place>, Failure> {
    let places: Result<Vec<Place>, _> = typed.iter().map(|text| Place::parse(text)).collect();
    let mut places = places.map_err(|error| Failure::Usage(error.to_string()))?;
    if places.iter().filter(|place| **place == Place::Stdin).count() > 1 {
        return Err(Failure::Usage("- can stand only once: standard input is read once".to_owned()));
    }
    if places.is_empty() {
        places.extend(Place::default_agent());
    }
    Ok(places)
}

/// The token in a file, without white space around it.
pub(super) fn token(path: Option<&std::path::Path>) -> Result<Option<String>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let usage = |problem: &str| Failure::Usage(format!("--token-file {}: {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| usage(&format!("{error}; check the path")))?;
    match text.trim() {
        "" => Err(usage("the file is empty")),
        token if token.chars().all(|c| c.is_ascii_graphic()) => Ok(Some(token.to_owned())),
        _ => Err(usage("a token is one word of printable ASCII")),
    }
}

/// An event loop for talking to agents.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context as _;
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start an event loop")
}

/// This machine's clock, in nanoseconds since the Unix epoch; 0 where it is set before that.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanoseconds)
}

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

//! `throughline test`: marked requests to a page, and where each of them arrived.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use url::Url;

use super::failure::Failure;
use super::report::{self, Format, Output};
use super::{Environment, terminal};
use crate::challenge::{self, Target};
use crate::config::values;
use crate::gather::Place;
use crate::report::json;
use crate::report::path::{self, TestReport};
use crate::report::source::Source;
use crate::trace::ids::RandomSource;

/// How long agents may take until no more observations come in.
const PATIENCE: Duration = Duration::from_secs(15);

const EXAMPLES: &str = "\
Examples:
  throughline test http://127.0.0.1:8080/checkout/1
      Twenty marked requests; the agent of this machine says where they arrived.
  throughline test https://shop.example/ --agent http://10.0.0.1:9464 --agent http://10.0.0.2:9464
      Through the load balancer; two agents are asked.

Every request has a trace of its own, traceparent and tracestate: checkly=true. Each is paired
with a window of the same length in which none is sent, at random times: ten pairs at least are
needed to tell a call without context from the service's other work. It takes half a minute or
more. The page is really requested: choose one that may be.

Exit codes: 0 every judged hop forwards; 1 a hop breaks; 2 usage; 3 an agent is missing, no hop
was judged, or one is possibly broken.";

/// Flags of `test`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TestArguments {
    /// The page to request, through the first of the proxies.
    #[arg(required_unless_present = "schema", value_parser = page)]
    url: Option<Url>,
    /// An agent to ask where the requests arrived; repeatable [default: http://127.0.0.1:9464].
    #[arg(long, value_name = "URL", value_parser = agent)]
    agent: Vec<Place>,
    /// Marked requests; fewer than 10 prove nothing about calls without context.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=1000))]
    requests: u32,
    /// The method.
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    method: String,
    /// A header to send along, for example a login; repeatable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// How long each answer may take.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::timeout)]
    timeout: Duration,
    /// The file with the bearer token that agents ask for.
    #[arg(long, value_name = "FILE")]
    token_file: Option<std::path::PathBuf>,
    /// The format, and the file it goes to: table or json; repeatable; without a file to standard output
    /// [default: table].
    #[arg(short, long, value_name = "FORMAT[=FILE]", value_parser = Output::parse)]
    output: Vec<Output>,
    /// Print the JSON Schema of -o json, and do nothing else.
    #[arg(long)]
    schema: bool,
}

/// Sends, asks, and says what came of it. The exit code is the result's own.
pub(super) fn run(arguments: &TestArguments, env: Environment<'_>) -> Result<ExitCode, Failure> {
    let Some(url) = arguments.url.as_ref().filter(|_| !arguments.schema) else {
        return report::print_schema(&path::schema());
    };
    let outputs = report::checked(&arguments.output)?;
    let target = Target::new(url, &arguments.method, &arguments.header, arguments.timeout).map_err(Failure::Usage)?;
    let token = report::token(arguments.token_file.as_deref())?;
    let mut agents = arguments.agent.clone();
    if agents.is_empty() {
        agents.extend(Place::default_agent());
    }
    let (sent, answer) = report::runtime()?.block_on(async {
        let mut progress = terminal::Progress::new();
        progress.say("measuring how long the page takes");
        let run = challenge::run(&target, arguments.requests, &mut SystemRandom, |at| {
            let left = at.remaining.as_secs() + 1;
            progress.say(&format!("marked request {} of {}, about {left} s left", at.done, at.of));
        })
        .await;
        progress.say("asking the agents");
        let answer = challenge::ask(&agents, token.as_deref(), &run, report::SEED, PATIENCE).await;
        (run.sent, answer)
    });
    for complaint in answer.agents.iter().filter_map(Source::complaint) {
        terminal::warn(&complaint);
    }
    let test = TestReport::compose(&answer.judgement, &answer.follow, sent, answer.agents, report::now());
    report::write_all(&outputs, |format, is_file| match format {
        Format::Json => Ok(json::render(&test)?),
        Format::Table => Ok(path::render(&test, report::view(is_file, false, env))),
    })?;
    Ok(ExitCode::from(test.exit.code))
}

/// The system's random numbers.
struct SystemRandom;

impl RandomSource for SystemRandom {
    fn next_u64(&mut self) -> u64 {
        rand::random()
    }
}

fn page(text: &str) -> Result<Url, String> {
    const EXAMPLE: &str = "for example http://127.0.0.1:8080/checkout/1";
    let url = Url::parse(text).map_err(|error| format!("{error}; {EXAMPLE}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("only http and https are spoken; {EXAMPLE}"));
    }
    Ok(url)
}

fn agent(text: &str) -> Result<Place, String> {
    Place::agent(text).map_err(|error| error.to_string())
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, for example cookie=session=abc")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

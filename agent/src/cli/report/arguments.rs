//! Flags of `report`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::output::Output;
use crate::config::values;
use crate::gap::code::Severity;
use crate::gap::judgement::Confidence;
use crate::report::question::Suppression;

const EXAMPLES: &str = "\
Examples:
  throughline report
      What the agent of this machine has seen.
  throughline report http://10.0.0.1:9464 http://10.0.0.2:9464 --since 1h
      The last hour of two agents, as one.
  throughline report shop.ndjson cart.ndjson -o table -o json=report.json
      Two recordings, as a table and as a file.
  throughline report --fail-on error --expect hops.yaml
      For a build: fails when a hop breaks (1), and when one of the listed hops is not judged (3).

A file for --expect is a list of hops that must be judged to forward:
  - shop -> cart
  - cart -> stock GET /stock/{}

Exit codes: 0 done; 1 findings at or over --fail-on, or an expected hop is broken; 2 usage; 3 a
source is missing or not whole, no hop was judged, or an expected hop was not. 1 wins over 3.";

/// Flags of `report`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct ReportArguments {
    /// Agents (http://HOST:PORT of their admin port), recordings, or - for standard input
    /// [default: http://127.0.0.1:9464].
    #[arg(value_name = "SOURCE")]
    pub(super) source: Vec<String>,
    /// Only what was observed within this time, for example 1h or 30m.
    #[arg(long, value_name = "TIME", value_parser = values::timeout)]
    pub(super) since: Option<Duration>,
    /// Only hops from or to this service; * and ? stand for others; repeatable.
    #[arg(long, value_name = "NAME")]
    pub(super) service: Vec<String>,
    /// Count findings that are less sure, and do not show them.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(super) min_confidence: Option<ConfidenceValue>,
    /// Count these findings, and do not show them: a code, or CODE=CALLER, or CODE='CALLER -> PEER METHOD ROUTE', with
    /// * and ?; repeatable.
    #[arg(long, value_name = "CODE[=PLACE]", value_parser = Suppression::parse)]
    pub(super) suppress: Vec<Suppression>,
    /// Exit with 1 where a finding is this bad or worse, and at least likely.
    #[arg(long, value_enum, value_name = "SEVERITY", default_value = "none")]
    pub(super) fail_on: FailOnValue,
    /// Hops that must be judged to forward, as a list in YAML or JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) expect: Option<PathBuf>,
    /// Peers that are yours though nobody observes them, by name or pattern; repeatable.
    #[arg(long, value_name = "PEER")]
    pub(super) scope: Vec<String>,
    /// The format, and the file it goes to: table or json; repeatable; without a file to standard output
    /// [default: table].
    #[arg(short, long, value_name = "FORMAT[=FILE]", value_parser = Output::parse)]
    pub(super) output: Vec<Output>,
    /// Show the samples behind each finding.
    #[arg(long)]
    pub(super) evidence: bool,
    /// The file with the bearer token that agents ask for.
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// Print the JSON Schema of -o json, and do nothing else.
    #[arg(long)]
    pub(super) schema: bool,
}

/// Values of `--min-confidence`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ConfidenceValue {
    /// All
    Possible,
    /// By statistics on traffic as it came, or surer
    Likely,
    /// By samples that admit no other cause, or by a challenge
    Confirmed,
}

impl From<ConfidenceValue> for Confidence {
    fn from(value: ConfidenceValue) -> Self {
        match value {
            ConfidenceValue::Possible => Self::Possible,
            ConfidenceValue::Likely => Self::Likely,
            ConfidenceValue::Confirmed => Self::Confirmed,
        }
    }
}

/// Values of `--fail-on`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum FailOnValue {
    /// Nothing
    None,
    /// Anything found
    Info,
    /// Something is likely to go wrong
    Warn,
    /// A trace, or its mark, ends
    Error,
}

impl FailOnValue {
    pub(super) const fn severity(self) -> Option<Severity> {
        match self {
            Self::None => None,
            Self::Info => Some(Severity::Info),
            Self::Warn => Some(Severity::Warn),
            Self::Error => Some(Severity::Error),
        }
    }
}

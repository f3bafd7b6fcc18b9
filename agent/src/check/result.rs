//! The result as a value, its JSON form and how the command exits.

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use super::list::{ALL, Area};
use super::{Answer, Facts, State};
use crate::report::time::Timestamp;

/// What [`Checkup::schema`] says.
const SCHEMA: &str = "throughline.check";
/// What [`Checkup::version`] says.
const VERSION: u32 = 1;
/// Something does not work.
const FAILED: u8 = 1;
/// Something is not permitted, or the kernel lacks it.
const NOT_PERMITTED: u8 = 4;

/// Every check and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "throughline check")]
pub struct Checkup {
    /// What this is.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: &'static str,
    /// Goes up when a field changes its meaning or goes away.
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// The program and its version.
    pub generator: String,
    /// When it was made.
    pub created: Timestamp,
    /// How the command exits: 0 all works, with warnings or without; 1 something does not; 4 nothing but that something
    /// is not permitted, or that the kernel lacks it.
    pub exit: u8,
    /// How many lines have which state.
    pub totals: Totals,
    /// One for each line, in the order they are shown.
    pub checks: Vec<Line>,
}

/// How many lines have which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// In order.
    pub ok: u64,
    /// Not looked at.
    pub skipped: u64,
    /// Works less well than it could.
    pub warning: u64,
    /// Does not work.
    pub error: u64,
    /// Not permitted.
    pub not_permitted: u64,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Line {
    /// The name of the check: stable. A check may have several lines.
    pub check: &'static str,
    /// What it is about.
    pub area: Area,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub text: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The schema of the JSON form (JSON Schema 2020-12).
#[must_use]
pub fn schema() -> Schema {
    schema_for!(Checkup)
}

impl Checkup {
    /// What the checks say of these facts, made at `now` (nanoseconds since the Unix epoch).
    #[must_use]
    pub fn compose(facts: &Facts, now: u64) -> Self {
        let mut checks = Vec::new();
        for check in ALL {
            for answer in (check.judge)(facts) {
                let Answer { state, text, hint } = match check.area {
                    Area::Probe => for_the_probe(answer, facts),
                    Area::Machine | Area::Configuration => answer,
                };
                checks.push(Line { check: check.name, area: check.area, state, text, hint });
            }
        }
        let totals = Totals::of(&checks);
        Self {
            schema: SCHEMA,
            version: VERSION,
            generator: concat!("throughline ", env!("CARGO_PKG_VERSION")).to_owned(),
            created: Timestamp(now),
            exit: match totals {
                Totals { error: 1.., .. } => FAILED,
                Totals { not_permitted: 1.., .. } => NOT_PERMITTED,
                _ => 0,
            },
            totals,
            checks,
        }
    }
}

/// What the probe lacks is of no importance to a configuration that has none.
fn for_the_probe(answer: Answer, facts: &Facts) -> Answer {
    if facts.wants_probe() || matches!(answer.state, State::Ok | State::Skipped) {
        return answer;
    }
    Answer::skipped(format!("{}; the configuration has no probe, so nothing is missing", answer.text))
}

impl Totals {
    fn of(lines: &[Line]) -> Self {
        let count = |state| lines.iter().filter(|line| line.state == state).count() as u64;
        Self {
            ok: count(State::Ok),
            skipped: count(State::Skipped),
            warning: count(State::Warning),
            error: count(State::Error),
            not_permitted: count(State::NotPermitted),
        }
    }
}

#[cfg(test)]
mod tests;

//! Where the traces of a test arrived, and what each call on their way did to them: the result of `throughline test`.
//!
//! Pure, as the report is: a value made from a judgement and from what was sent, and two views of it.

mod follow;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use super::model::{Exit, HopReport, Report, Step, Verdict};
use super::source::{Source, SourceState};
use super::time::Timestamp;
use super::{Question, exit};
use crate::gap::challenge::LEAST_PAIRS;
use crate::gap::code::Severity;
use crate::gap::judgement::{Confidence, Judgement};
pub use follow::Follow;
pub use table::render;

/// What [`TestReport::schema`] says.
pub const SCHEMA: &str = "throughline.test";
/// What [`TestReport::version`] says.
pub const VERSION: u32 = 1;

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sent {
    /// The URL, without credentials.
    pub url: String,
    /// The method.
    pub method: String,
    /// Marked requests that were sent, each with a trace of its own.
    pub requests: u64,
    /// Of those, the ones that were answered, by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Those that failed, and the first reason.
    pub failed: u64,
    /// Why the first of them failed; absent where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The length of each window, marked or not, in milliseconds.
    pub window_ms: u64,
    /// When the first was sent.
    pub from: Timestamp,
    /// When the last was answered.
    pub to: Timestamp,
}

/// The path of marked requests through the services, hop by hop.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "throughline test")]
pub struct TestReport {
    /// What this is.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: &'static str,
    /// Goes up when a field changes its meaning or goes away.
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// The program and its version.
    pub generator: String,
    /// When the report was made.
    pub created: Timestamp,
    /// How the command exits, and why: 0 every judged hop forwards; 1 a hop breaks; 3 an agent is missing, no hop was
    /// judged, or a hop is possibly broken.
    pub exit: Exit,
    /// What was sent.
    pub sent: Sent,
    /// The services on the way, in the order of the way.
    pub services: Vec<Stop>,
    /// The agents that were asked.
    pub agents: Vec<Source>,
    /// Services that agents saw in that time, on the way or not.
    pub services_seen: Vec<String>,
    /// What to do next.
    pub next: Vec<Step>,
}

/// One service on the way.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Stop {
    /// The service.
    pub service: String,
    /// Traces of the test that arrived there.
    pub arrived: u64,
    /// Of those, the ones whose mark did not count, because the source is not trusted.
    pub untrusted: u64,
    /// Traces that were sent.
    pub of: u64,
    /// The calls it was seen to make.
    pub calls: Vec<HopReport>,
}

/// The schema of the JSON form (JSON Schema 2020-12).
#[must_use]
pub fn schema() -> Schema {
    schema_for!(TestReport)
}

impl TestReport {
    /// The result, made at `now` (nanoseconds since the Unix epoch).
    #[must_use]
    pub fn compose(judgement: &Judgement, follow: &Follow, sent: Sent, agents: Vec<Source>, now: u64) -> Self {
        let report = Report::compose(judgement, &Question::default(), Vec::new(), now);
        let services = stops(report.hops, follow, sent.requests);
        let mut result = Self {
            schema: SCHEMA,
            version: VERSION,
            generator: report.generator,
            created: report.created,
            exit: exit::done(),
            services_seen: report.coverage.services,
            sent,
            services,
            agents,
            next: Vec::new(),
        };
        result.exit = result.exit();
        result.next = result.steps();
        result
    }

    /// Every call on the way.
    pub fn calls(&self) -> impl Iterator<Item = &HopReport> {
        self.services.iter().flat_map(|stop| &stop.calls)
    }

    fn exit(&self) -> Exit {
        let failures: Vec<String> = self.calls().filter(|hop| breaks(hop, Confidence::Likely)).map(broken).collect();
        let mut gaps = Vec::new();
        for agent in self.agents.iter().filter(|agent| agent.state != SourceState::Complete) {
            gaps.extend(agent.complaint().map(|complaint| format!("agent {complaint}")));
        }
        if let Some(failure) = self.sent.failure.as_ref().filter(|_| self.sent.statuses.is_empty()) {
            gaps.push(format!("no request was answered: {failure}"));
        } else if self.services.is_empty() {
            // Who could not be asked may have seen them.
            if self.agents.iter().any(|agent| agent.state != SourceState::Missing) {
                gaps.push("no agent saw any of the traces".to_owned());
            }
        } else if self.calls().all(|hop| hop.verdict == Verdict::Unknown) {
            gaps.push("no hop was judged".to_owned());
        }
        for stop in self.services.iter().filter(|stop| stop.untrusted > 0) {
            gaps.push(format!(
                "the proxy before {} does not trust marks from this address: name it with --trust, or test from another",
                stop.service
            ));
        }
        for hop in self.calls().filter(|hop| breaks(hop, Confidence::Possible) && !breaks(hop, Confidence::Likely)) {
            gaps.push(format!("{} is possibly broken, which is not sure enough", hop.text()));
        }
        if self.sent.requests < LEAST_PAIRS as u64 {
            gaps.push(format!("fewer than {LEAST_PAIRS} requests prove nothing about calls without context"));
        }
        let code = match (failures.is_empty(), gaps.is_empty()) {
            (false, _) => exit::FAILED,
            (true, false) => exit::INCOMPLETE,
            (true, true) => 0,
        };
        Exit { code, reasons: failures.into_iter().chain(gaps).collect() }
    }

    fn steps(&self) -> Vec<Step> {
        let step = |command: &str, purpose: &str| Step { command: command.to_owned(), purpose: purpose.to_owned() };
        if self.sent.statuses.is_empty() && self.sent.failed > 0 {
            return vec![step(&format!("curl -v {}", self.sent.url), "see why the page cannot be reached from here")];
        }
        if self.services.is_empty() {
            return lost_sight_of(self);
        }
        let worst = self.calls().flat_map(|hop| &hop.findings).find(|found| found.severity.0 == Severity::Error);
        if let Some(found) = worst {
            let command = format!("throughline explain {}", found.code.0);
            return vec![step(&command, "causes, and the fix in eight languages")];
        }
        if self.exit.code == exit::INCOMPLETE {
            let command = format!("throughline test {} --requests {}", self.sent.url, self.sent.requests.max(20) * 2);
            return vec![step(&command, "judge more: twice the requests tell calls better from other work")];
        }
        Vec::new()
    }
}

/// What to look at when requests were answered and nobody saw them.
fn lost_sight_of(test: &TestReport) -> Vec<Step> {
    let agents: Vec<&str> = test.agents.iter().map(|agent| agent.name.as_str()).collect();
    let agents = agents.join(", ");
    let step = |command: String, purpose: &str| Step { command, purpose: purpose.to_owned() };
    if let Some(agent) =
        test.agents.first().filter(|_| test.agents.iter().all(|agent| agent.state == SourceState::Missing))
    {
        let command = format!("curl -s {}/readyz", agent.name);
        return vec![step(command, "see whether this agent runs, and name others with --agent")];
    }
    if test.services_seen.is_empty() {
        let metrics = test.agents.first().map_or("http://127.0.0.1:9464", |agent| &agent.name);
        return vec![
            step(
                format!("curl -s {metrics}/metrics | grep throughline_requests_total"),
                "the agents saw no request at all: does the URL lead through one of their proxies, and did you name the \
                 agent that has it? It may be another one",
            ),
            step(
                format!("throughline test {} --agent URL", test.sent.url),
                "ask the agent whose proxy stands before the service; name each agent on the way",
            ),
        ];
    }
    let seen = test.services_seen.join(", ");
    vec![
        step(
            format!("throughline report {agents} --since 5m"),
            &format!(
                "the agents saw other requests (at {seen}), and none with these traces: something before the first \
                 proxy takes traceparent out, or the URL does not lead through it"
            ),
        ),
        step(
            format!(
                "curl -sv -H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' {}",
                test.sent.url
            ),
            "send one by hand, and look at what arrives",
        ),
    ]
}

fn breaks(hop: &HopReport, least: Confidence) -> bool {
    hop.findings.iter().any(|found| found.severity.0 == Severity::Error && found.confidence.0 >= least)
}

fn broken(hop: &HopReport) -> String {
    let codes: BTreeSet<&str> = hop
        .findings
        .iter()
        .filter(|found| found.severity.0 == Severity::Error)
        .map(|found| found.code.0.as_str())
        .collect();
    format!("{} breaks: {}", hop.text(), codes.into_iter().collect::<Vec<_>>().join(", "))
}

/// The services on the way in its order: those where traces came in from outside, then what they called, and so on. The
/// callees of broken hops are on it too, though nothing arrived there.
fn stops(hops: Vec<HopReport>, follow: &Follow, of: u64) -> Vec<Stop> {
    let mut calls: BTreeMap<String, Vec<HopReport>> = BTreeMap::new();
    for hop in hops.into_iter().filter(|hop| follow.arrived(&hop.service) > 0) {
        calls.entry(hop.service.clone()).or_default().push(hop);
    }
    let mut stops: Vec<Stop> = Vec::new();
    let mut waiting: Vec<String> = follow.entries();
    waiting.extend(follow.services());
    waiting.reverse();
    while let Some(service) = waiting.pop() {
        if stops.iter().any(|stop| stop.service == service) {
            continue;
        }
        let own = calls.remove(&service).unwrap_or_default();
        let observed = |hop: &&HopReport| follow.arrived(&hop.peer) > 0 || hop.verdict == Verdict::Breaks;
        waiting.extend(own.iter().filter(observed).map(|hop| hop.peer.clone()).rev());
        let (arrived, untrusted) = (follow.arrived(&service), follow.untrusted(&service));
        stops.push(Stop { arrived, untrusted, of, service, calls: own });
    }
    stops
}

#[cfg(test)]
mod tests;

//! The report as a value: what is promised to scripts. A field may be added in this version; to change or drop one makes
//! a new version.

use schemars::JsonSchema;
use serde::Serialize;

use super::expect::Expected;
use super::names::{CodeName, Name};
use super::source::Source;
use super::time::Timestamp;
use crate::gap::code::Severity;
use crate::gap::judgement::{Attribution, Confidence, UnknownReason};
use crate::gap::observation::Completeness;

/// What [`Report::schema`] says.
pub const SCHEMA: &str = "throughline.report";
/// What [`Report::version`] says.
pub const VERSION: u32 = 1;

/// Which services pass W3C trace context on, which do not, and how sure that is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "throughline report")]
pub struct Report {
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
    /// The times of the oldest and of the newest observation; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// How the command exits, and why.
    pub exit: Exit,
    /// How many of what.
    pub totals: Totals,
    /// Hops as they are judged now, by impact: worst first, then those that forward, then unknown ones.
    pub hops: Vec<HopReport>,
    /// Hops as they were before the caller was last changed or restarted; not judged any more. Newest first.
    pub history: Vec<HopReport>,
    /// Findings about requests as they arrive, which belong to no hop; worst first.
    pub arrivals: Vec<ArrivalReport>,
    /// What was judged of what was seen. Not observed is not broken.
    pub coverage: CoverageReport,
    /// Where the observations came from, as they were asked for.
    pub sources: Vec<Source>,
    /// What became of the hops that were expected to forward.
    pub expectations: Vec<Expected>,
    /// What was asked.
    pub filters: Filters,
    /// Findings that were asked to be left out, and how many there were of each.
    pub suppressions: Vec<SuppressionUse>,
    /// What to do next.
    pub next: Vec<Step>,
}

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Period {
    /// The oldest observation.
    pub from: Timestamp,
    /// The newest observation.
    pub to: Timestamp,
}

/// How the command exits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Exit {
    /// 0 done; 1 findings at or over `--fail-on`, or an expected hop is broken; 3 a source is missing or not whole, no
    /// hop was judged, or an expected hop was not. 1 wins over 3.
    pub code: u8,
    /// Why, one sentence each; empty for 0.
    pub reasons: Vec<String>,
}

/// How many of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// Hops that break.
    pub breaks: u64,
    /// Hops that forward.
    pub forwards: u64,
    /// Hops of which nothing could be concluded.
    pub unknown: u64,
    /// Findings that are shown, of severity error.
    pub errors: u64,
    /// Findings that are shown, of severity warn.
    pub warnings: u64,
    /// Findings that are shown, of severity info.
    pub notes: u64,
    /// Findings that `--suppress` hides.
    pub suppressed: u64,
    /// Findings that `--min-confidence` hides.
    pub below_confidence: u64,
}

/// A hop: a service called a peer in a certain way.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HopReport {
    /// The caller.
    pub service: String,
    /// The callee: a service's name, else a host, else an address.
    pub peer: String,
    /// The method of the call.
    pub method: String,
    /// The template of the call's path.
    pub route: String,
    /// What ran at the caller; absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// The conclusion.
    pub verdict: Verdict,
    /// Why nothing could be concluded; present where the verdict is `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Name<UnknownReason>>,
    /// Distinct traces judged.
    pub samples: u64,
    /// Of those, the ones that went through with context and mark.
    pub forwarded: u64,
    /// Calls seen, judged or not.
    pub calls: u64,
    /// Calls that left after the answer: seen, not judged.
    pub not_judged_async: u64,
    /// Calls whose heads were not seen whole, by why: they never count as broken.
    pub not_seen: Vec<NotSeen>,
    /// The first call.
    pub first_seen: Timestamp,
    /// The last call.
    pub last_seen: Timestamp,
    /// Worst first.
    pub findings: Vec<FindingReport>,
}

/// Heads that were not seen whole for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotSeen {
    /// Why.
    pub reason: Name<Completeness>,
    /// How many.
    pub count: u64,
}

/// The conclusion on a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A finding of severity error.
    Breaks,
    /// Context and mark arrive.
    Forwards,
    /// Nothing could be concluded.
    Unknown,
}

/// One thing wrong with a hop.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FindingReport {
    /// What.
    pub code: CodeName,
    /// The same in a few words.
    pub title: String,
    /// How bad it is.
    pub severity: Name<Severity>,
    /// How sure it is.
    pub confidence: Name<Confidence>,
    /// How the samples were attributed, at best.
    pub attribution: Name<Attribution>,
    /// Samples that broke this way.
    pub broken: u64,
    /// Samples that could have.
    pub of: u64,
    /// `broken` of `of`, from 0 to 1.
    pub rate: f64,
    /// The rate's 95 % interval.
    pub interval: [f64; 2],
    /// Calls that are likely affected: the rate times the hop's calls. Findings are sorted by it.
    pub impact: f64,
    /// The first sample.
    pub first_seen: Timestamp,
    /// The last sample.
    pub last_seen: Timestamp,
    /// What to do, in one line.
    pub fix: String,
    /// The flag that hides this finding from the other formats and from `--fail-on`; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_by: Option<String>,
    /// At most five samples, oldest first.
    pub evidence: Vec<EvidenceReport>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EvidenceReport {
    /// When the request arrived at the caller.
    pub arrived: Timestamp,
    /// When the call left it.
    pub called: Timestamp,
    /// The `traceparent` that arrived.
    pub traceparent_in: String,
    /// The `tracestate` that arrived; several lines are joined by commas.
    pub tracestate_in: String,
    /// The `traceparent` of the call; empty where there was none.
    pub traceparent_out: String,
    /// The `tracestate` of the call; absent where it was not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracestate_out: Option<String>,
    /// How this sample was attributed.
    pub attribution: Name<Attribution>,
}

/// A finding about requests as they arrive at a service.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ArrivalReport {
    /// The service.
    pub service: String,
    /// The method.
    pub method: String,
    /// The template of the path.
    pub route: String,
    /// What.
    pub code: CodeName,
    /// The same in a few words.
    pub title: String,
    /// How bad it is.
    pub severity: Name<Severity>,
    /// Requests it is true of.
    pub count: u64,
    /// Requests it could be true of.
    pub of: u64,
    /// Why heads were not seen whole, where the code says so.
    pub not_seen: Vec<NotSeen>,
    /// An address they came from; absent where none is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// The first.
    pub first_seen: Timestamp,
    /// The last.
    pub last_seen: Timestamp,
    /// What to do, in one line.
    pub fix: String,
    /// As in findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_by: Option<String>,
}

/// What was judged of what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct CoverageReport {
    /// Hops in `hops` with another verdict than unknown.
    pub hops_judged: u64,
    /// Hops in `hops`.
    pub hops_seen: u64,
    /// Observations taken in, duplicates left out.
    pub observations: u64,
    /// Of those, the ones that proxies made.
    pub from_proxies: u64,
    /// ... the kernel probe.
    pub from_probes: u64,
    /// ... other recordings.
    pub from_files: u64,
    /// Marked requests that arrived at services.
    pub marked_requests: u64,
    /// Of those, the ones during which the service was seen to call nobody.
    pub marked_without_call: u64,
    /// Services that were seen.
    pub services: Vec<String>,
    /// Of those, the ones that no marked request reached.
    pub services_without_mark: Vec<String>,
    /// Requests whose caller is not known.
    pub callers_unknown: u64,
    /// Observations whose head was cut off. These and the next four never count as broken.
    pub truncated: u64,
    /// Observations with a part missing.
    pub lost: u64,
    /// Observations of encrypted connections.
    pub encrypted: u64,
    /// Messages that a probe passed over, because a process had more of them than it may take.
    pub gated: u64,
    /// Observations of what cannot be read for another reason; findings of G401 say which.
    pub unreadable: u64,
    /// Observations that came too late to be judged.
    pub late: u64,
    /// Observations seen before.
    pub duplicates: u64,
    /// Observations left out because a bound was reached.
    pub over_bound: u64,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Filters {
    /// Nothing older.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Patterns for caller or callee; empty means all.
    pub services: Vec<String>,
    /// Findings that are less sure are hidden.
    pub min_confidence: Name<Confidence>,
    /// Findings that make the command fail: this bad or worse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<Name<Severity>>,
}

/// A finding that was asked to be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SuppressionUse {
    /// As it was typed.
    pub rule: String,
    /// The hops, or services, where it hid a finding; empty where it hid none.
    pub hides: Vec<String>,
}

/// Something to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// The command.
    pub command: String,
    /// What it is for.
    pub purpose: String,
}

impl HopReport {
    /// `shop -> cart`.
    #[must_use]
    pub fn ends(&self) -> String {
        format!("{} -> {}", self.service, self.peer)
    }

    /// `GET /cart/{}`.
    #[must_use]
    pub fn call(&self) -> String {
        format!("{} {}", self.method, self.route)
    }

    /// `shop -> cart GET /cart/{}`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.ends(), self.call())
    }
}

impl ArrivalReport {
    /// `shop GET /cart/{}`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {} {}", self.service, self.method, self.route)
    }
}

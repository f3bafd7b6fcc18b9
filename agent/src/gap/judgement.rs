//! What the engine concludes: hops, their verdicts and findings, and what could not be judged. Values, no rendering.
//!
//! Sorted and stable: two engines fed the same observations give equal judgements.

use std::net::SocketAddr;
use std::sync::Arc;

use super::code::{Code, Severity};
use super::observation::{Completeness, SourceKind};

/// Everything known at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judgement {
    /// Sorted by key, newest epoch first.
    pub hops: Vec<Hop>,
    /// Findings about requests as they arrive at a service (G301, G302), which belong to no hop; sorted.
    pub arrivals: Vec<Arrival>,
    /// What was judged of what was seen.
    pub coverage: Coverage,
    /// The time of the oldest and of the newest observation, in nanoseconds since the Unix epoch; `None` of none.
    pub period: Option<(u64, u64)>,
}

/// What a hop is: a service called a peer in a certain way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HopKey {
    /// The caller.
    pub service: Arc<str>,
    /// The callee: a service's name, else a host, else an address.
    pub peer: Arc<str>,
    /// The method of the call.
    pub method: Arc<str>,
    /// The template of the call's path.
    pub route: Arc<str>,
}

/// One hop in one epoch of its caller.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// Which hop.
    pub key: HopKey,
    /// What ran at the caller; `None` where it is not known.
    pub epoch: Option<Arc<str>>,
    /// Whether this is the newest judged epoch of this hop; older ones are history.
    pub is_current: bool,
    /// The conclusion.
    pub verdict: Verdict,
    /// Distinct traces judged on this hop: those that went through whole, and those that broke.
    pub samples: u64,
    /// Those that went through with context and mark.
    pub forwarded: u64,
    /// Most severe first, then by code.
    pub findings: Vec<Finding>,
    /// Calls of this hop that left after the answer: seen, not judged.
    pub not_judged_async: u64,
    /// Calls whose heads were not seen whole, by why; sorted.
    pub not_whole: Vec<(Completeness, u64)>,
    /// Calls seen on this hop, whether judged or not.
    pub calls: u64,
    /// Times of the first and the last call, in nanoseconds since the Unix epoch.
    pub seen: (u64, u64),
}

/// The conclusion on a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// A finding of severity error.
    Breaks,
    /// Nothing could be concluded.
    Unknown(UnknownReason),
    /// Context and mark arrive.
    Forwards,
}

/// Why a hop is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnknownReason {
    /// No marked request arrived at the caller while it made such calls.
    NoMarkedTraffic,
    /// There were some, but too few to tell these calls from the caller's other work.
    TooFewSamples,
    /// Heads were truncated, lost or encrypted.
    NotObservable,
    /// The caller stands behind an address that several share.
    Intermediary,
}

crate::label!(UnknownReason {
    NoMarkedTraffic => "no_marked_traffic",
    TooFewSamples => "too_few_samples",
    NotObservable => "not_observable",
    Intermediary => "intermediary",
});

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidence {
    /// Shown, and never fails a build.
    Possible,
    /// By statistics on traffic as it came.
    Likely,
    /// By at least three samples that admit no other cause, or by a challenge.
    Confirmed,
}

crate::label!(Confidence { Possible => "possible", Likely => "likely", Confirmed => "confirmed" });

/// How calls were attributed to the request that caused them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attribution {
    /// The rest: other requests were under way.
    Overlap,
    /// No other request was under way in the process.
    Alone,
    /// The call left a section in which a blocking thread served this request and nothing else.
    Section,
    /// The call bears the request's own trace id.
    Exact,
    /// Marked requests at random times, paired with windows without one.
    Challenge,
}

crate::label!(Attribution {
    Overlap => "overlap",
    Alone => "alone",
    Section => "section",
    Exact => "exact",
    Challenge => "challenge",
});

/// One thing wrong with a hop.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What.
    pub code: Code,
    /// How bad it is here: the code's own, but a changed `tracestate` is worse where a callee is strict about it.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// The best attribution among its samples.
    pub attribution: Attribution,
    /// Samples that broke this way, of `of`.
    pub broken: u64,
    /// Samples that could have.
    pub of: u64,
    /// The rate's 95 % interval, each end from 0 to 1.
    pub interval: (f64, f64),
    /// Times of the first and the last sample, in nanoseconds since the Unix epoch.
    pub seen: (u64, u64),
    /// At most [`MAX_EVIDENCE`], oldest first.
    pub evidence: Vec<Evidence>,
}

/// Samples kept with a finding.
pub const MAX_EVIDENCE: usize = 5;

/// One sample, for whoever wants to look it up: ids, context values and times; no body and no other header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// When the request arrived at the caller.
    pub arrived: u64,
    /// When the call left it.
    pub called: u64,
    /// The `traceparent` that arrived.
    pub traceparent_in: Arc<str>,
    /// The `tracestate` lines that arrived, joined.
    pub tracestate_in: Arc<str>,
    /// The `traceparent` lines of the call, joined; empty when there was none.
    pub traceparent_out: Arc<str>,
    /// The `tracestate` lines of the call, joined; `None` when they were not kept.
    pub tracestate_out: Option<Arc<str>>,
    /// How this sample was attributed.
    pub attribution: Attribution,
}

/// A finding about requests as they arrive at a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// The service.
    pub service: Arc<str>,
    /// The method.
    pub method: Arc<str>,
    /// The template of the path.
    pub route: Arc<str>,
    /// [`Code::MonitorUnmarked`], [`Code::MarkUntrusted`] or [`Code::NotObservable`].
    pub code: Code,
    /// Requests it is true of, of `of`.
    pub count: u64,
    /// Requests it could be true of.
    pub of: u64,
    /// Why, for [`Code::NotObservable`]; sorted.
    pub not_whole: Vec<(Completeness, u64)>,
    /// An address they came from, where one is known.
    pub example: Option<SocketAddr>,
    /// Times of the first and the last.
    pub seen: (u64, u64),
}

/// What was judged of what was seen. Not observed is not broken.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Coverage {
    /// Observations taken in, duplicates left out.
    pub observations: u64,
    /// By who saw them.
    pub by_source: Vec<(SourceKind, u64)>,
    /// Hops with a verdict other than unknown, current epochs alone.
    pub hops_judged: u64,
    /// Hops seen, current epochs alone.
    pub hops_seen: u64,
    /// Marked requests that arrived at services.
    pub marked_requests: u64,
    /// Of those, the ones during which the service was seen to call nobody.
    pub marked_without_call: u64,
    /// Services that no marked request reached; sorted.
    pub services_without_mark: Vec<Arc<str>>,
    /// Services that were seen; sorted.
    pub services: Vec<Arc<str>>,
    /// Requests whose caller is not known.
    pub callers_unknown: u64,
    /// Observations with incomplete heads: truncated, lost, encrypted.
    pub truncated: u64,
    /// See `truncated`.
    pub lost: u64,
    /// See `truncated`.
    pub encrypted: u64,
    /// Messages that were passed over, because a process had more of them than the probe may take.
    pub gated: u64,
    /// Observations of what cannot be read for another reason: see [`Completeness`].
    pub unreadable: u64,
    /// Observations that came too late for their window.
    pub late: u64,
    /// Observations seen before.
    pub duplicates: u64,
    /// Observations that were left out because a bound was reached.
    pub over_bound: u64,
}

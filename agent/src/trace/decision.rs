//! The propagation decision: what happens to the context of one request, and which spans it gets.
//!
//! One pure function. It asks the gate (admission, then the export queue) only where recording is wanted, and hands out
//! ids; reading headers, counting and writing the upstream request are left to the proxy.

mod outcome;
mod policy;

pub use outcome::{Action, Attempt, Decision, Recording, TracestateDrop};
pub use policy::{InjectPolicy, Policy, RecordMode, SampledPolicy, UpstreamKind};

use outcome::Outgoing;

use super::admission::Source;
use super::hops::{self, RequestIdentity};
use super::ids::{Flags, RandomSource, SpanId, TraceId};
use super::marker::Mark;
use super::sink::NoRoom;
use super::traceparent::{Incoming, Traceparent};
use super::tracestate::Inspection;

/// What is known of one request.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Its `traceparent`.
    pub context: &'a Incoming,
    /// Its `tracestate`.
    pub tracestate: Inspection,
    /// Its mark.
    pub mark: Mark,
    /// What it asks for; hashed only where a parent-id of our own is looked for or made.
    pub identity: RequestIdentity<'a>,
}

/// A request whose recording is wanted, for the gate to decide about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The trace it belongs to: the caller's, or a new one.
    pub trace_id: TraceId,
    /// The bucket that admission draws from; `None` where admission does not apply, because all are recorded.
    pub source: Option<Source>,
}

/// Whether a wanted recording can be had: admission first, then a place in the export queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Yes, and the places are reserved.
    Open,
    /// Its trace is not admitted.
    NotAdmitted,
    /// Its spans could not be exported.
    NoRoom(NoRoom),
}

/// The propagation decision.
///
/// `bypass` is the emergency switch. `gate` is asked at most once, and only where recording is wanted; a request
/// whose recording is not wanted costs no random number and no hash, unless `--inject all` gives it a context.
///
/// A request in a loop is refused whether the gate is open or not.
///
/// | context | wanted, gate open | wanted, gate closed | not wanted |
/// |---|---|---|---|
/// | valid | continue; observe before an instrumented upstream; loop when it has made too many rounds | forward | forward |
/// | absent, invalid | start, restart; with `--inject off` observe, as a root span of its own | forward | forward; with `--inject all` start, restart with sampled = 0 |
pub fn decide(
    received: &Received<'_>,
    policy: &Policy,
    bypass: bool,
    gate: impl FnOnce(Candidate) -> Gate,
    random: &mut dyn RandomSource,
) -> Decision {
    let marked = received.mark.counts();
    let wanted = match policy.record {
        RecordMode::Marked => marked,
        RecordMode::All => true,
        RecordMode::None => false,
    };
    if bypass {
        return Decision::FORWARD;
    }
    match (received.context, wanted) {
        (Incoming::Valid(_), false) => Decision::FORWARD,
        (Incoming::Valid(context), true) => with_context(received, context, policy, gate, random),
        (Incoming::Absent | Incoming::Invalid(_), true) => without_context(received, policy, gate, random),
        (Incoming::Absent | Incoming::Invalid(_), false) if policy.inject == InjectPolicy::All => {
            received.started(TraceId::random(random), Flags::RANDOM, None)
        }
        (Incoming::Absent | Incoming::Invalid(_), false) => Decision::FORWARD,
    }
}

/// A request with a valid context whose recording is wanted.
fn with_context(
    received: &Received<'_>,
    context: &Traceparent,
    policy: &Policy,
    gate: impl FnOnce(Candidate) -> Gate,
    random: &mut dyn RandomSource,
) -> Decision {
    let request = received.identity.fingerprint();
    let rounds = hops::recognise(context.trace_id, request, context.parent_id);
    let gate = gate(received.candidate(context.trace_id, policy));
    let flags = match (policy.sampled, received.mark.counts()) {
        (SampledPolicy::Set, true) => context.flags.known().with(Flags::SAMPLED),
        _ => context.flags.known(),
    };
    let mut recording = Recording {
        trace_id: context.trace_id,
        server_id: SpanId::random(random),
        parent_id: Some(context.parent_id),
        flags,
        marked: received.mark.counts(),
    };
    if rounds == Some(hops::MAX_HOPS) {
        let recording = (gate == Gate::Open).then_some(recording);
        let withheld = (gate != Gate::Open).then_some(gate);
        return Decision { action: Action::Loop, recording, withheld, ..Decision::FORWARD };
    }
    if gate != Gate::Open {
        return Decision::withheld(gate);
    }
    if policy.upstream == UpstreamKind::Instrumented {
        recording.flags = context.flags;
        return Decision { action: Action::Observe, recording: Some(recording), ..Decision::FORWARD };
    }
    let hops = rounds.map_or(0, |rounds| rounds + 1);
    Decision {
        action: Action::Continue,
        recording: Some(recording),
        drops_tracestate: received.tracestate.validity.is_err().then_some(TracestateDrop::Invalid),
        outgoing: Some(Outgoing { trace_id: context.trace_id, flags, request, hops }),
        ..Decision::FORWARD
    }
}

/// A request without a usable context whose recording is wanted.
fn without_context(
    received: &Received<'_>,
    policy: &Policy,
    gate: impl FnOnce(Candidate) -> Gate,
    random: &mut dyn RandomSource,
) -> Decision {
    let trace_id = TraceId::random(random);
    let gate = gate(received.candidate(trace_id, policy));
    if gate != Gate::Open {
        return Decision::withheld(gate);
    }
    let flags = Flags::SAMPLED.with(Flags::RANDOM);
    let recording = Recording {
        trace_id,
        server_id: SpanId::random(random),
        parent_id: None,
        flags,
        marked: received.mark.counts(),
    };
    if policy.inject == InjectPolicy::Off {
        return Decision { action: Action::Observe, recording: Some(recording), ..Decision::FORWARD };
    }
    received.started(trace_id, flags, Some(recording))
}

impl Received<'_> {
    fn candidate(&self, trace_id: TraceId, policy: &Policy) -> Candidate {
        let source = if policy.record == RecordMode::All { None } else { self.mark.source() };
        Candidate { trace_id, source }
    }

    /// A new trace, recorded or not.
    fn started(&self, trace_id: TraceId, flags: Flags, recording: Option<Recording>) -> Decision {
        let (action, drop) = match self.context {
            Incoming::Invalid(_) => (Action::Restart, TracestateDrop::InvalidTraceparent),
            Incoming::Absent | Incoming::Valid(_) => (Action::Start, TracestateDrop::WithoutTraceparent),
        };
        Decision {
            action,
            recording,
            drops_tracestate: self.tracestate.present.then_some(drop),
            outgoing: Some(Outgoing { trace_id, flags, request: self.identity.fingerprint(), hops: 0 }),
            withheld: None,
        }
    }
}

#[cfg(test)]
mod tests;

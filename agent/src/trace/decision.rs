//! The propagation decision: what happens to the context of one request, and which spans it gets.
//!
//! One pure function. It asks the gate (admission, then the export queue) only where recording is wanted, and hands out
//! ids; reading headers, counting and writing the upstream request are left to the proxy.

use super::admission::Source;
use super::hops::{self, Fingerprint, RequestIdentity};
use super::ids::{Flags, RandomSource, SpanId, TraceId};
use super::marker::Mark;
use super::sink::NoRoom;
use super::traceparent::{self, Incoming, Traceparent};
use super::tracestate::Inspection;

/// Which requests are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordMode {
    /// Those with a mark.
    #[default]
    Marked,
    /// All.
    All,
    /// None.
    None,
}

/// Which requests may be given a new context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InjectPolicy {
    /// Those that are recorded.
    #[default]
    Recorded,
    /// All: unrecorded ones with sampled = 0.
    All,
    /// None: a context is never started.
    Off,
}

/// What becomes of the `sampled` flag when a marked request is continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SampledPolicy {
    /// Set to 1.
    #[default]
    Set,
    /// Kept.
    Keep,
}

/// What is known of the service behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpstreamKind {
    /// It exports no spans of its own: its callees' parent is the attempt span.
    #[default]
    Uninstrumented,
    /// It exports spans to another backend: our span would be a missing parent there.
    Instrumented,
    /// It exports spans to the same backend.
    InstrumentedSameBackend,
}

/// How one proxy treats context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Which requests are recorded.
    pub record: RecordMode,
    /// Which requests may be given a new context.
    pub inject: InjectPolicy,
    /// What becomes of the `sampled` flag of marked requests.
    pub sampled: SampledPolicy,
    /// What is known of the service behind.
    pub upstream: UpstreamKind,
}

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

/// What is done with the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// All header lines go on as they are; no span.
    Forward,
    /// Same trace, new parent-id.
    Continue,
    /// Spans are exported; all header lines go on as they are.
    Observe,
    /// A new trace in place of a `traceparent` that cannot be used.
    Restart,
    /// A new trace where there was none.
    Start,
    /// The request is in a loop: it is answered with 508 and goes nowhere.
    Loop,
}

crate::label!(Action {
    Forward => "forward",
    Continue => "continue",
    Observe => "observe",
    Restart => "restart",
    Start => "start",
    Loop => "loop",
});

/// Why `tracestate` is not sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TracestateDrop {
    /// It came without a `traceparent`.
    WithoutTraceparent,
    /// It came with a `traceparent` that cannot be used.
    InvalidTraceparent,
    /// It cannot be used itself; the reason is in [`Inspection::validity`].
    Invalid,
}

crate::label!(TracestateDrop {
    WithoutTraceparent => "without_traceparent",
    InvalidTraceparent => "invalid_traceparent",
    Invalid => "invalid",
});

/// What the SERVER span of a recorded request is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recording {
    /// The trace of all its spans.
    pub trace_id: TraceId,
    /// The SERVER span.
    pub server_id: SpanId,
    /// The caller's span, or `None` at a root.
    pub parent_id: Option<SpanId>,
    /// The flags that go out; where no header is written, those that came in, or those of the new trace.
    pub flags: Flags,
    /// Whether the request counts as marked.
    pub marked: bool,
}

/// What happens to one request. All its attempts share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What is done with the context.
    pub action: Action,
    /// The spans it gets, if any.
    pub recording: Option<Recording>,
    /// Why it is not recorded although that was wanted; never [`Gate::Open`].
    pub withheld: Option<Gate>,
    /// Why `tracestate` has to be left out of the upstream request; `None` sends its lines on byte for byte.
    pub drops_tracestate: Option<TracestateDrop>,
    /// What the new `traceparent` is made of; `None` leaves the header lines alone.
    outgoing: Option<Outgoing>,
}

/// One try at the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The id of its span, where the request is recorded, and the parent-id that goes out, where one does.
    pub id: SpanId,
    /// The `traceparent` in place of all received lines; `None` leaves them alone.
    pub traceparent: Option<[u8; traceparent::LENGTH]>,
}

/// What new `traceparent` values are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outgoing {
    trace_id: TraceId,
    flags: Flags,
    request: Fingerprint,
    hops: u8,
}

/// The propagation decision.
///
/// `bypass` is the emergency switch. `gate` is asked at most once, and only where recording is wanted; a request
/// whose recording is not wanted costs no random number and no hash, unless `--inject all` gives it a context.
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

impl Decision {
    /// All header lines go on as they are, and nothing is recorded.
    pub const FORWARD: Self =
        Self { action: Action::Forward, recording: None, withheld: None, drops_tracestate: None, outgoing: None };

    /// The ids of one more try at the upstream; `None` where there is neither a span nor a header to write.
    pub fn attempt(&self, random: &mut dyn RandomSource) -> Option<Attempt> {
        if self.action == Action::Loop {
            return None;
        }
        if let Some(outgoing) = self.outgoing {
            return Some(outgoing.attempt(random));
        }
        self.recording.map(|_| Attempt { id: SpanId::random(random), traceparent: None })
    }

    const fn withheld(gate: Gate) -> Self {
        Self { withheld: Some(gate), ..Self::FORWARD }
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

impl Outgoing {
    fn attempt(&self, random: &mut dyn RandomSource) -> Attempt {
        let id = hops::mint(self.trace_id, self.request, self.hops, random);
        let header = Traceparent { trace_id: self.trace_id, parent_id: id, flags: self.flags, version: 0 };
        Attempt { id, traceparent: Some(header.encode()) }
    }
}

#[cfg(test)]
mod tests;

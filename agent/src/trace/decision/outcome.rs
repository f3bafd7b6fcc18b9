//! What a decision says: the action, the spans, and what goes to the upstream in each attempt.

use super::Gate;
use crate::trace::hops::{self, Fingerprint};
use crate::trace::ids::{Flags, RandomSource, SpanId, TraceId};
use crate::trace::traceparent::{self, Traceparent};

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
    /// It cannot be used itself; the reason is in [`Inspection::validity`](crate::trace::tracestate::Inspection).
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
    pub(super) outgoing: Option<Outgoing>,
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
pub(super) struct Outgoing {
    pub(super) trace_id: TraceId,
    pub(super) flags: Flags,
    pub(super) request: Fingerprint,
    pub(super) hops: u8,
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

    pub(super) const fn withheld(gate: Gate) -> Self {
        Self { withheld: Some(gate), ..Self::FORWARD }
    }
}

impl Outgoing {
    fn attempt(&self, random: &mut dyn RandomSource) -> Attempt {
        let id = hops::mint(self.trace_id, self.request, self.hops, random);
        let header = Traceparent { trace_id: self.trace_id, parent_id: id, flags: self.flags, version: 0 };
        Attempt { id, traceparent: Some(header.encode()) }
    }
}

//! Between Pingora's headers and the pure decision: reads the context of a request, and writes the one that goes on.

use std::sync::Arc;

use http::HeaderValue;
use http::header::CONNECTION;
use pingora::http::RequestHeader;
use rand::RngCore;

use super::present::Present;
use super::shared::Shared;
use super::stream::ConnectionNote;
use crate::trace::decision::{Candidate, Decision, Gate, Received, decide as decide_context};
use crate::trace::hops::RequestIdentity;
use crate::trace::ids::RandomSource;
use crate::trace::marker::{Mark, Trust};
use crate::trace::sink::SpanSink;
use crate::trace::traceparent::Incoming;
use crate::trace::tracestate::{self, Inspection};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// The random numbers of the thread that asks.
pub(super) struct ThreadRandom;

impl RandomSource for ThreadRandom {
    fn next_u64(&mut self) -> u64 {
        rand::rng().next_u64()
    }
}

/// What a request said of its trace, and what is done about it.
pub(super) struct Judged {
    pub(super) context: Incoming,
    pub(super) tracestate: Inspection,
    pub(super) mark: Mark,
    pub(super) decision: Decision,
    /// The sink in which places were reserved, where they were.
    pub(super) reserved: Option<Arc<dyn SpanSink>>,
}

/// Reads, counts and decides.
pub(super) fn decide(shared: &Shared, request: &RequestHeader, present: Present, note: &ConnectionNote) -> Judged {
    let (context, tracestate) = received_context(shared, request, present);
    let mark = Mark::weigh(tracestate.marked, &context, || {
        if shared.config.trust.is_empty() {
            return Trust::Unrestricted;
        }
        let client = shared.client_address(request, note);
        if shared.config.trust.iter().any(|net| net.contains(&client)) { Trust::Inside } else { Trust::Outside }
    });
    let host = request.headers.get(http::header::HOST).map_or(&b""[..], HeaderValue::as_bytes);
    let identity = RequestIdentity { method: request.method.as_str().as_bytes(), host, target: request.raw_path() };
    let received = Received { context: &context, tracestate, mark, identity };
    let mut reserved = None;
    let gate = |candidate| gate(shared, candidate, &mut reserved);
    let decision = decide_context(&received, &shared.policy, shared.bypass.is_on(), gate, &mut ThreadRandom);
    Judged { context, tracestate, mark, decision, reserved }
}

/// What a call says of its trace that leaves a service: read, and left alone.
pub(super) fn read_only(shared: &Shared, request: &RequestHeader, present: Present) -> Judged {
    let (context, tracestate) = received_context(shared, request, present);
    let mark = Mark::weigh(tracestate.marked, &context, || Trust::Unrestricted);
    Judged { context, tracestate, mark, decision: Decision::FORWARD, reserved: None }
}

/// The `traceparent` of a request.
pub(super) fn incoming(request: &RequestHeader) -> Incoming {
    Incoming::extract(request.headers.get_all(TRACEPARENT).iter().map(HeaderValue::as_bytes))
}

/// Puts `traceparent` in place of all lines received, and takes `tracestate` out where it must not go on.
///
/// # Errors
/// Never in fact: 55 digits and dashes are a header value.
pub(super) fn write(request: &mut RequestHeader, traceparent: &[u8], drop_tracestate: bool) -> pingora::Result<()> {
    request.insert_header(TRACEPARENT, traceparent)?;
    if drop_tracestate {
        request.remove_header(TRACESTATE);
    }
    Ok(())
}

/// Admission first, then places in the export queue.
fn gate(shared: &Shared, candidate: Candidate, reserved: &mut Option<Arc<dyn SpanSink>>) -> Gate {
    if let (Some(source), Some(admission)) = (candidate.source, &shared.admission) {
        // A poisoned lock means that another request's task panicked while it held it; its numbers are still numbers.
        let mut admission = admission.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let outcome = admission.admit(candidate.trace_id, source, shared.begun.elapsed());
        drop(admission);
        shared.counts.admissions.add(outcome, 1);
        if !outcome.is_admitted() {
            return Gate::NotAdmitted;
        }
    }
    let sink = shared.outlet.sink();
    match sink.reserve(super::recording::PLACES) {
        Ok(()) => {
            *reserved = Some(sink);
            Gate::Open
        }
        Err(reason) => {
            shared.counts.no_room.add(reason, 1);
            Gate::NoRoom(reason)
        }
    }
}

/// What came in, with everything invalid counted. What leaves a service is counted where it arrives.
fn received_context(shared: &Shared, request: &RequestHeader, present: Present) -> (Incoming, Inspection) {
    let headers = &request.headers;
    let nominated = |name: &str| {
        headers.get_all(CONNECTION).iter().any(|line| {
            line.as_bytes()
                .split(|byte| *byte == b',')
                .any(|token| token.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
        })
    };
    let mut context = if present.traceparent { incoming(request) } else { Incoming::Absent };
    if context != Incoming::Absent && nominated(TRACEPARENT) {
        shared.counts.nominated_context.add(1);
        context = Incoming::Absent;
    }
    let counts = shared.egress.is_none();
    if let (true, Incoming::Invalid(reason)) = (counts, &context) {
        shared.counts.traceparent_rejections.add(*reason, 1);
    }
    let mut tracestate = Inspection::ABSENT;
    if present.tracestate && !nominated(TRACESTATE) {
        let lines = headers.get_all(TRACESTATE).iter().map(HeaderValue::as_bytes);
        tracestate = tracestate::inspect(lines, &shared.marker);
        if let (true, Err(reason)) = (counts, tracestate.validity) {
            shared.counts.tracestate_rejections.add(reason, 1);
        }
    }
    (context, tracestate)
}

//! One request between its phases: what is known of it, and what is done with it at each step that waits for nothing.
//! When in a request's life that happens is said in `phases`.

use std::sync::Arc;
use std::time::Instant;

use http::header::{HOST, TRANSFER_ENCODING};
use http::{StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};

use super::answer::answer;
use super::counts::{EgressOutcome, Refusal};
use super::egress::{Egress, NoWay, Wanted};
use super::failure::{Failure, classify, explain};
use super::observed::{Observed, Surrounding};
use super::phases::Phases;
use super::present::Present;
use super::recording::{Recorder, Subject};
use super::stream::{ConnectionNote, Downstream};
use super::upgrade::{Patience, Upgrade};
use super::{access_log, context, egress, failure, forwarded, framing};
use crate::gap::sink::Connection;
use crate::trace::decision::{Action, Attempt, Decision};
use crate::trace::marker::Mark;
use crate::trace::record::ErrorType;

/// What one request carries from phase to phase.
pub(crate) struct RequestContext {
    pub(super) note: Option<Arc<ConnectionNote>>,
    /// The fields of its head.
    pub(super) present: Present,
    pub(super) decision: Decision,
    pub(super) mark: Mark,
    pub(super) recorder: Option<Box<Recorder>>,
    /// Only where a report is fed.
    pub(super) observed: Option<Observed>,
    /// The try under way, where it has a span or a header to write.
    pub(super) attempt: Option<Attempt>,
    pub(super) tries: usize,
    pub(super) head_length: usize,
    pub(super) upgrade: Upgrade,
    /// Only where another protocol was asked for and not granted yet.
    pub(super) patience: Option<Patience>,
    /// The address that the first try could not reach.
    pub(super) unreachable: Option<std::net::SocketAddr>,
    /// Only where an access log is written.
    pub(super) begun: Option<Instant>,
    pub(super) failure: Option<ErrorType>,
    /// Only for calls through a forward proxy: where this one goes.
    pub(super) wanted: Option<Wanted>,
}

impl RequestContext {
    /// A request of which nothing is known yet.
    pub(super) fn new(begun: Option<Instant>) -> Self {
        Self {
            note: None,
            present: Present::default(),
            decision: Decision::FORWARD,
            mark: Mark::None,
            recorder: None,
            observed: None,
            attempt: None,
            tries: 0,
            head_length: 0,
            upgrade: Upgrade::Drop,
            patience: None,
            unreachable: None,
            begun,
            failure: None,
            wanted: None,
        }
    }
}

impl Phases {
    /// Takes a head in: why it is refused, or else what becomes of its context.
    pub(super) fn take_head(&self, session: &mut Session, ctx: &mut RequestContext) -> Result<Option<Refusal>> {
        let Some(note) = downstream(session).map(|stream| Arc::clone(stream.note())) else {
            return Error::e_explain(pingora::ErrorType::InternalError, "a connection of another listener");
        };
        note.accept_head();
        self.settle(session);
        let raw = session.as_downstream().as_http1().map(|http1| http1.get_headers_raw_bytes()).unwrap_or_default();
        ctx.head_length = raw.len();
        let present = Present::of(&session.req_header().headers);
        ctx.present = present;
        let refusal = framing::refuse(session.req_header(), present, &raw, self.0.config.max_header_bytes);
        if refusal.is_none() {
            if present.upgrade {
                ctx.upgrade = Upgrade::of(session.req_header());
                // Nobody half-closes who waits for another protocol: who closes now has given up.
                session.set_abort_on_close(ctx.upgrade == Upgrade::Preserve);
            }
            self.decide(session.req_header(), present, &note, ctx);
        }
        ctx.note = Some(note);
        let is_lost = self.0.egress.as_ref().is_some_and(|egress| egress.is_forward && ctx.wanted.is_none());
        let refusal = refusal.or(is_lost.then_some(Refusal::NoDestination));
        Ok(refusal.or((ctx.decision.action == Action::Loop).then_some(Refusal::Loop)))
    }

    /// Timeouts and persistence of the client's side.
    fn settle(&self, session: &mut Session) {
        let timeouts = &self.0.config.timeouts;
        session.set_read_timeout(Some(timeouts.read));
        session.set_write_timeout(Some(timeouts.write));
        // A client that half-closes still waits for its answer; one that is gone shows when the answer is written.
        session.set_abort_on_close(false);
        // RFC 9110, section 15.2: clients of HTTP/1.0 know no interim answers.
        let is_old = session.req_header().version == Version::HTTP_10;
        session.as_downstream_mut().set_ignore_info_resp(is_old);
        session.set_pipelining_enabled(true);
        if self.0.stopping() {
            session.set_keepalive(None);
        }
    }

    /// Decides about the context, and begins the SERVER span where there is one.
    fn decide(&self, request: &RequestHeader, present: Present, note: &ConnectionNote, ctx: &mut RequestContext) {
        let shared = &*self.0;
        if let Some(egress) = &shared.egress {
            return self.begin_call(egress, request, present, note, ctx);
        }
        let mut judged = context::decide(shared, request, present, note);
        let (decision, mark, reserved) = (judged.decision, judged.mark, judged.reserved.take());
        ctx.decision = decision;
        ctx.mark = mark;
        if let Some(sink) = &self.1 {
            let from_trusted = || {
                let client = shared.client_address(request, note);
                shared.config.trust.iter().any(|net| net.contains(&client))
            };
            let surrounding = Surrounding {
                connection: note.connection.as_ref().map_or(0, Connection::number),
                from_trusted: !shared.config.trust.is_empty() && from_trusted(),
                is_egress: false,
            };
            ctx.observed = Some(Observed::begin(sink, request, present, &judged, surrounding));
        }
        shared.counts.request(decision.action, mark);
        if let Some(reason) = decision.drops_tracestate {
            shared.counts.tracestates_dropped.add(reason, 1);
        }
        if let (Some(recording), Some(sink)) = (&decision.recording, reserved) {
            let subject = Subject {
                edge: &shared.edge,
                request,
                note,
                client: shared.client_address(request, note),
                recording,
                propagated: matches!(decision.action, Action::Continue | Action::Restart | Action::Start),
            };
            ctx.recorder = Some(Recorder::begin(&subject, sink, Arc::clone(&shared.span_counts)));
        }
    }

    /// Begins a call that leaves the service: its context is left alone.
    fn begin_call(
        &self,
        egress: &Egress,
        request: &RequestHeader,
        present: Present,
        note: &ConnectionNote,
        ctx: &mut RequestContext,
    ) {
        let shared = &*self.0;
        ctx.wanted = Wanted::of_target(request.raw_path()).filter(|_| egress.is_forward);
        let host = match &ctx.wanted {
            Some(wanted) => wanted.host.as_str(),
            None if egress.is_forward => return,
            None => shared.config.upstream.host.as_str(),
        };
        shared.counts.egress.add(EgressOutcome::Observed, 1);
        let Some(sink) = &self.1 else { return };
        let judged = context::read_only(shared, request, present);
        let connection = note.connection.as_ref().map_or(0, Connection::number);
        let surrounding = Surrounding { connection, from_trusted: false, is_egress: true };
        let mut observed = Observed::begin(sink, request, present, &judged, surrounding);
        observed.calls(host, None);
        ctx.observed = Some(observed);
    }

    /// A peer for the next attempt of a call through a forward proxy.
    pub(super) async fn checked_peer(&self, egress: &Egress, ctx: &RequestContext) -> Result<Box<HttpPeer>> {
        let Some(wanted) = &ctx.wanted else {
            return Error::e_explain(pingora::ErrorType::Custom(failure::FORBIDDEN), "a call without destination");
        };
        let addresses = egress.addresses(wanted, self.0.config.timeouts.connect).await.map_err(|no_way| {
            let cause = if no_way == NoWay::Forbidden { failure::FORBIDDEN } else { failure::RESOLVE };
            Error::explain(pingora::ErrorType::Custom(cause), wanted.host.clone())
        })?;
        let other = addresses.iter().find(|address| Some(**address) != ctx.unreachable);
        match other.or(addresses.first()) {
            Some(address) => Ok(self.0.target.peer_at(*address)),
            None => Error::e_explain(pingora::ErrorType::Custom(failure::RESOLVE), wanted.host.clone()),
        }
    }

    /// What goes on: who forwarded it, a Host, and the context.
    pub(super) fn write_upstream_head(
        &self,
        session: &Session,
        request: &mut RequestHeader,
        ctx: &mut RequestContext,
    ) -> Result<()> {
        if let Some(egress) = &self.0.egress {
            return egress::rewrite(request, (!egress.is_forward).then(|| self.0.target.authority()));
        }
        if let Some(note) = &ctx.note {
            forwarded::write(request, self.0.config.forwarded, ctx.present, &note.peer_header)?;
        }
        // What goes on is HTTP/1.1, which demands Host. An absolute target names it itself; the client named
        // none, so X-Forwarded-Host does not either.
        if session.req_header().version == Version::HTTP_10
            && !request.headers.contains_key(HOST)
            && request.raw_path().starts_with(b"/")
        {
            request.insert_header(HOST, self.0.target.authority())?;
        }
        match ctx.attempt.and_then(|attempt| attempt.traceparent) {
            Some(traceparent) => {
                if let Some(observed) = &mut ctx.observed {
                    observed.delivers(&traceparent);
                }
                context::write(request, &traceparent, ctx.decision.drops_tracestate.is_some())
            }
            None => Ok(()),
        }
    }

    /// The upstream has sent a head.
    pub(super) fn take_upstream_head(
        &self,
        session: &mut Session,
        response: &ResponseHeader,
        ctx: &mut RequestContext,
    ) {
        let upgraded = response.status == StatusCode::SWITCHING_PROTOCOLS;
        match &mut ctx.patience {
            Some(_) if upgraded => ctx.patience = None,
            Some(patience) => patience.renew(),
            None => {}
        }
        if upgraded {
            // Either side may be silent for long, or finish before the other.
            session.set_read_timeout(None);
            session.set_abort_on_close(false);
            if let Some(stream) = downstream(session) {
                stream.probe_when_silent();
            }
        }
        if let Some(recorder) = ctx.recorder.as_mut().filter(|_| !is_interim(response)) {
            recorder.first_byte(response.status.as_u16());
        }
    }

    /// The head that goes to the client.
    pub(super) fn write_downstream_head(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut RequestContext,
    ) {
        if let Some(recorder) = ctx.recorder.as_mut().filter(|_| !is_interim(response)) {
            recorder.answered(response.status.as_u16());
        }
        // RFC 9112, section 6.1: clients of HTTP/1.0 know no chunks; their answer ends with the connection.
        let unchunked =
            session.req_header().version == Version::HTTP_10 && response.remove_header(&TRANSFER_ENCODING).is_some();
        if unchunked || self.0.stopping() {
            session.set_keepalive(None);
        }
    }

    /// The request is over, well or not.
    pub(super) fn end(&self, session: &mut Session, ctx: &mut RequestContext) {
        if let (Some(log), Some(begun), Some(note)) = (&self.0.access_log, ctx.begun, &ctx.note) {
            let entry = access_log::Entry {
                decision: &ctx.decision,
                marked: ctx.mark.counts(),
                attempts: ctx.tries,
                duration: begun.elapsed(),
                client: self.0.client_address(session.req_header(), note),
                failure: ctx.failure,
            };
            log.write(&entry.line(&self.0.config.service, session), self.counts());
        }
        if let Some(note) = ctx.note.as_ref().filter(|_| !session.as_downstream_mut().is_body_done()) {
            note.close_slowly();
        }
        let status = session.response_written().map(|response| response.status.as_u16());
        if let Some(observed) = ctx.observed.take() {
            observed.end(status);
        }
        if let Some(recorder) = ctx.recorder.take() {
            recorder.finish(status);
        }
    }

    /// Answers a request that is not forwarded.
    pub(super) async fn refuse(
        &self,
        session: &mut Session,
        refusal: Refusal,
        ctx: &mut RequestContext,
    ) -> Result<bool> {
        self.counts().refusals.add(refusal, 1);
        let cause = if refusal == Refusal::Loop { ErrorType::Loop } else { ErrorType::Refused };
        ctx.failure = Some(cause);
        if let Some(recorder) = &mut ctx.recorder {
            recorder.fail(cause, framing::sentence(refusal));
        }
        if let Some(suppressed) = self.0.notices.refused_request.allow() {
            tracing::warn!(service = %self.0.config.service, cause = framing::sentence(refusal), suppressed, "request refused");
        }
        answer(session, framing::status(refusal), framing::sentence(refusal)).await?;
        Ok(true)
    }

    pub(super) fn fail_attempt(&self, ctx: &mut RequestContext, failure: &Failure, error: &Error) {
        if let Some(recorder) = &mut ctx.recorder {
            recorder.fail_attempt(failure.cause, &explain(failure, error));
        }
    }
}

/// What an error while proxying means. While the client's body has not come, an upstream that does not answer is
/// waiting for it, and both sides' time limits run out together.
pub(super) fn failure(session: &mut Session, ctx: &RequestContext, error: &Error) -> Failure {
    if ctx.patience.as_ref().is_some_and(Patience::ran_out) {
        return Failure::NO_ANSWER;
    }
    let failure = classify(error);
    if failure.cause == ErrorType::ReadTimeout && !session.as_downstream_mut().is_body_done() {
        return Failure::STALLED_BODY;
    }
    failure
}

/// Whether another head follows this one. After 101 none does.
fn is_interim(response: &ResponseHeader) -> bool {
    response.status.is_informational() && response.status != StatusCode::SWITCHING_PROTOCOLS
}

/// The session's connection.
fn downstream(session: &Session) -> Option<&Downstream> {
    let stream = session.as_downstream().stream()?;
    (**stream).as_any().downcast_ref::<Downstream>()
}

//! One request between its phases: what is known of it, and what is done with it at its beginning and when it fails.
//! Where in a request's life that happens is said in `phases`.

use std::sync::Arc;
use std::time::Instant;

use http::Version;
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use pingora::{Error, Result};

use super::answer::answer;
use super::counts::Refusal;
use super::failure::{Failure, classify, explain};
use super::phases::Phases;
use super::recording::{Recorder, Subject};
use super::stream::ConnectionNote;
use super::upgrade::{Patience, Upgrade};
use super::{context, framing};
use crate::trace::decision::{Action, Attempt, Decision};
use crate::trace::marker::Mark;
use crate::trace::record::ErrorType;

/// What one request carries from phase to phase.
pub(crate) struct RequestContext {
    pub(super) note: Option<Arc<ConnectionNote>>,
    pub(super) decision: Decision,
    pub(super) mark: Mark,
    pub(super) recorder: Option<Box<Recorder>>,
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
}

impl RequestContext {
    /// A request of which nothing is known yet.
    pub(super) fn new(begun: Option<Instant>) -> Self {
        Self {
            note: None,
            decision: Decision::FORWARD,
            mark: Mark::None,
            recorder: None,
            attempt: None,
            tries: 0,
            head_length: 0,
            upgrade: Upgrade::Drop,
            patience: None,
            unreachable: None,
            begun,
            failure: None,
        }
    }
}

impl Phases {
    /// Timeouts and persistence of the client's side.
    pub(super) fn settle(&self, session: &mut Session) {
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
        } else if session.get_keepalive().is_some() {
            session.set_keepalive(Some(self.downstream_idle_seconds()));
        }
    }

    /// Decides about the context, and begins the SERVER span where there is one.
    pub(super) fn receive(&self, request: &RequestHeader, note: &ConnectionNote, ctx: &mut RequestContext) {
        let shared = &*self.0;
        let (decision, mark) = context::decide(shared, request, note);
        ctx.decision = decision;
        ctx.mark = mark;
        shared.counts.request(decision.action, mark);
        if let Some(reason) = decision.drops_tracestate {
            shared.counts.tracestates_dropped.add(reason, 1);
        }
        if let Some(recording) = &decision.recording {
            let subject = Subject {
                edge: &shared.edge,
                request,
                note,
                client: shared.client_address(request, note),
                recording,
                propagated: matches!(decision.action, Action::Continue | Action::Restart | Action::Start),
            };
            let recorder = Recorder::begin(&subject, Arc::clone(&shared.sink), Arc::clone(&shared.span_counts));
            ctx.recorder = Some(recorder);
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

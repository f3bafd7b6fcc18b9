//! Pingora's phases of one request. They read, count and write; what happens to the context is decided in
//! `trace::decision`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::UPGRADE;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};

use super::answer::answer;
use super::at_once::{self, Phase};
use super::counts::{ProxyCounts, Refusal};
use super::failure::{Failure, classify, explain};
use super::present::Present;
use super::recording::{Recorder, Subject};
use super::shared::Shared;
use super::stream::{ConnectionNote, Downstream};
use super::upstream::{UPGRADED_READ, Upgrade};
use super::{access_log, context};
use super::{forwarded, framing};
use crate::trace::decision::{Action, Attempt, Decision};
use crate::trace::marker::Mark;
use crate::trace::record::{ErrorType, MAX_ATTEMPTS};

/// A head of this size leaves in one write, so that a failed write means that no byte of it was sent.
const ONE_WRITE: usize = 1400;

/// The phases of one proxy, on one proxy thread.
#[derive(Clone)]
pub(crate) struct Phases(pub(super) Arc<Shared>);

/// What one request carries from phase to phase.
pub(crate) struct RequestContext {
    note: Option<Arc<ConnectionNote>>,
    decision: Decision,
    mark: Mark,
    recorder: Option<Box<Recorder>>,
    /// The try under way, where it has a span or a header to write.
    attempt: Option<Attempt>,
    tries: usize,
    head_length: usize,
    upgrade: Upgrade,
    /// Only where an access log is written.
    begun: Option<Instant>,
    failure: Option<ErrorType>,
}

impl Phases {
    /// What this proxy counts.
    pub(super) fn counts(&self) -> &ProxyCounts {
        &self.0.counts
    }

    /// How long a client's connection may lie idle, and how long a request head may take.
    pub(super) fn downstream_idle(&self) -> std::time::Duration {
        self.0.config.timeouts.downstream_idle
    }

    /// Counts a connection that is not HTTP/1, and says so in the log.
    pub(super) fn refuse_protocol(&self, refusal: Refusal, note: &ConnectionNote) {
        self.counts().refusals.add(refusal, 1);
        let notices = &self.0.notices;
        let (notice, remedy) = match refusal {
            Refusal::Tls => (&notices.tls, "send clear-text HTTP/1.1 here, or terminate TLS before this proxy"),
            _ => (&notices.http2, "send HTTP/1.1 here; clear-text HTTP/2 is not served by this listener"),
        };
        if let Some(suppressed) = notice.allow() {
            tracing::warn!(
                peer = %note.peer, listener = %note.local, cause = framing::sentence(refusal), remedy, suppressed,
                "connection refused"
            );
        }
    }

    /// Timeouts and persistence of the client's side.
    fn settle(&self, session: &mut Session) {
        let timeouts = &self.0.config.timeouts;
        session.set_read_timeout(Some(timeouts.read));
        session.set_write_timeout(Some(timeouts.write));
        // A client that half-closes still waits for its answer; one that is gone shows when the answer is written.
        session.set_abort_on_close(false);
        session.set_pipelining_enabled(true);
        if self.0.stopping() {
            session.set_keepalive(None);
        }
    }

    /// Takes a head in: why it is refused, or what becomes of its context.
    fn receive(&self, session: &mut Session, ctx: &mut RequestContext) -> Result<Option<Refusal>> {
        let Some(note) = connection_note(session) else {
            return Error::e_explain(pingora::ErrorType::InternalError, "a connection of another listener");
        };
        note.accept_head();
        self.settle(session);
        let raw = session.as_downstream().as_http1().map(|http1| http1.get_headers_raw_bytes()).unwrap_or_default();
        ctx.head_length = raw.len();
        let present = Present::of(&session.req_header().headers);
        let refusal = framing::refuse(session.req_header(), present, &raw, self.0.config.max_header_bytes);
        if refusal.is_none() {
            if present.upgrade && upgrade(session.req_header()) == Upgrade::Preserve {
                ctx.upgrade = Upgrade::Preserve;
                session.set_read_timeout(Some(UPGRADED_READ));
            }
            self.decide(session.req_header(), present, &note, ctx);
        }
        ctx.note = Some(note);
        Ok(refusal.or((ctx.decision.action == Action::Loop).then_some(Refusal::Loop)))
    }

    /// Decides about the context, and begins the SERVER span where there is one.
    fn decide(&self, request: &RequestHeader, present: Present, note: &ConnectionNote, ctx: &mut RequestContext) {
        let shared = &*self.0;
        let (decision, mark) = context::decide(shared, request, present, note);
        ctx.decision = decision;
        ctx.mark = mark;
        shared.counts.request(decision.action, mark);
        if decision.drops_tracestate.is_some() {
            shared.counts.tracestates_dropped.add(1);
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

    /// What goes on: who forwarded it, and the context.
    fn write_upstream_headers(&self, request: &mut RequestHeader, ctx: &RequestContext) -> Result<()> {
        if let Some(note) = &ctx.note {
            forwarded::write(request, self.0.config.forwarded, &note.peer_header)?;
        }
        match ctx.attempt.and_then(|attempt| attempt.traceparent) {
            Some(traceparent) => context::write(request, &traceparent, ctx.decision.drops_tracestate.is_some()),
            None => Ok(()),
        }
    }

    /// Answers a request that is not forwarded.
    async fn refuse(&self, session: &mut Session, refusal: Refusal, ctx: &mut RequestContext) -> Result<bool> {
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

    fn fail_attempt(&self, ctx: &mut RequestContext, failure: &Failure, error: &Error) {
        if let Some(recorder) = &mut ctx.recorder {
            recorder.fail_attempt(failure.cause, &explain(failure, error));
        }
    }
}

#[async_trait]
impl ProxyHttp for Phases {
    type CTX = RequestContext;

    fn new_ctx(&self) -> RequestContext {
        RequestContext {
            note: None,
            decision: Decision::FORWARD,
            mark: Mark::None,
            recorder: None,
            attempt: None,
            tries: 0,
            head_length: 0,
            upgrade: Upgrade::Drop,
            begun: self.0.access_log.is_some().then(Instant::now),
            failure: None,
        }
    }

    /// No modules: nothing here compresses or rewrites a body.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    fn early_request_filter<'s, 'a, 'b, 'f>(
        &'s self,
        _session: &'a mut Session,
        _ctx: &'b mut RequestContext,
    ) -> Phase<'f, Result<()>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
    {
        at_once::done(Ok(()))
    }

    fn request_filter<'s, 'a, 'b, 'f>(
        &'s self,
        session: &'a mut Session,
        ctx: &'b mut RequestContext,
    ) -> Phase<'f, Result<bool>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
    {
        match self.receive(session, ctx) {
            Ok(None) => at_once::answer(Ok(false)),
            Ok(Some(refusal)) => Box::pin(self.refuse(session, refusal, ctx)),
            Err(error) => at_once::answer(Err(error)),
        }
    }

    fn proxy_upstream_filter<'s, 'a, 'b, 'f>(
        &'s self,
        _session: &'a mut Session,
        _ctx: &'b mut RequestContext,
    ) -> Phase<'f, Result<bool>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
    {
        at_once::answer(Ok(true))
    }

    async fn upstream_peer(&self, _session: &mut Session, ctx: &mut RequestContext) -> Result<Box<HttpPeer>> {
        ctx.tries += 1;
        if ctx.tries > 1 {
            self.counts().retries.add(1);
        }
        ctx.attempt = ctx.decision.attempt(&mut context::ThreadRandom);
        if let (Some(recorder), Some(attempt)) = (&mut ctx.recorder, &ctx.attempt) {
            recorder.begin_attempt(attempt.id);
        }
        self.0.target.next_peer(ctx.upgrade).inspect_err(|error| self.fail_attempt(ctx, &classify(error), error))
    }

    fn connected_to_upstream<'s, 'a, 'b, 'c, 'd, 'f>(
        &'s self,
        _session: &'a mut Session,
        reused: bool,
        peer: &'b HttpPeer,
        _fd: std::os::fd::RawFd,
        digest: Option<&'c Digest>,
        ctx: &'d mut RequestContext,
    ) -> Phase<'f, Result<()>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
        'c: 'f,
        'd: 'f,
    {
        if let Some(recorder) = &mut ctx.recorder {
            recorder.connected(reused, digest, peer._address.as_inet().copied());
        }
        at_once::done(Ok(()))
    }

    fn upstream_request_filter<'s, 'a, 'b, 'c, 'f>(
        &'s self,
        _session: &'a mut Session,
        request: &'b mut RequestHeader,
        ctx: &'c mut RequestContext,
    ) -> Phase<'f, Result<()>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
        'c: 'f,
    {
        at_once::done(self.write_upstream_headers(request, ctx))
    }

    fn upstream_response_filter<'s, 'a, 'b, 'c, 'f>(
        &'s self,
        _session: &'a mut Session,
        response: &'b mut ResponseHeader,
        ctx: &'c mut RequestContext,
    ) -> Phase<'f, Result<()>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
        'c: 'f,
    {
        let interim = response.status.is_informational() && response.status != http::StatusCode::SWITCHING_PROTOCOLS;
        if let Some(recorder) = ctx.recorder.as_mut().filter(|_| !interim) {
            recorder.first_byte(response.status.as_u16());
        }
        at_once::done(Ok(()))
    }

    fn upstream_response_body_filter(
        &self,
        _session: &mut Session,
        _body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut RequestContext,
    ) -> Result<Option<std::time::Duration>> {
        if let Some(recorder) = ctx.recorder.as_mut().filter(|_| end_of_stream) {
            recorder.last_byte();
        }
        Ok(None)
    }

    fn response_filter<'s, 'a, 'b, 'c, 'f>(
        &'s self,
        session: &'a mut Session,
        _response: &'b mut ResponseHeader,
        _ctx: &'c mut RequestContext,
    ) -> Phase<'f, Result<()>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
        'c: 'f,
    {
        if self.0.stopping() {
            session.set_keepalive(None);
        }
        at_once::done(Ok(()))
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut RequestContext,
        mut error: Box<Error>,
    ) -> Box<Error> {
        self.fail_attempt(ctx, &classify(&error), &error);
        // Nothing was written. A second wait for a connection that did not come in time would only double the wait.
        let timeout =
            matches!(error.etype(), pingora::ErrorType::ConnectTimedout | pingora::ErrorType::TLSHandshakeTimedout);
        error.set_retry(ctx.tries < MAX_ATTEMPTS && !timeout);
        error
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        ctx: &mut RequestContext,
        client_reused: bool,
    ) -> Box<Error> {
        let judged = failure(session, &error);
        self.fail_attempt(ctx, &judged, &error);
        let unwritten = *error.etype() == pingora::ErrorType::WriteError
            && *error.esource() == pingora::ErrorSource::Upstream
            && error.context.as_ref().is_some_and(|context| context.as_str().contains("request header"))
            && ctx.head_length <= ONE_WRITE;
        let may_retry =
            client_reused && unwritten && ctx.tries < MAX_ATTEMPTS && !session.as_ref().retry_buffer_truncated();
        let mut error = error.more_context(format!("Peer: {}", peer._address));
        error.set_retry(may_retry);
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, ctx: &mut RequestContext) -> FailToProxy {
        let failure = failure(session, error);
        ctx.failure = Some(failure.cause);
        if failure.cause == ErrorType::Refused {
            self.counts().refusals.add(Refusal::BadConnectionHeader, 1);
        } else {
            self.counts().failures.add(failure.cause, 1);
        }
        if let Some(recorder) = &mut ctx.recorder {
            recorder.fail(failure.cause, &explain(&failure, error));
        }
        if failure.cause != ErrorType::ClientAbort
            && let Some(suppressed) = self.0.notices.failed.allow()
        {
            let upstream = &self.0.config.upstream;
            tracing::warn!(
                service = %self.0.config.service, upstream = %upstream.host, port = upstream.port,
                cause = explain(&failure, error), %error, suppressed, "request failed"
            );
        }
        if let Some(status) = failure.status {
            // The client may be gone by now; its connection is closed either way.
            let _ = answer(session, status, failure.sentence).await;
        }
        FailToProxy { error_code: failure.status.unwrap_or(0), can_reuse_downstream: false }
    }

    fn logging<'s, 'a, 'b, 'c, 'f>(
        &'s self,
        session: &'a mut Session,
        _error: Option<&'b Error>,
        ctx: &'c mut RequestContext,
    ) -> Phase<'f, ()>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
        'c: 'f,
    {
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
        if let Some(recorder) = ctx.recorder.take() {
            recorder.finish(session.response_written().map(|response| response.status.as_u16()));
        }
        at_once::over()
    }

    /// Failures are logged in [`Self::fail_to_proxy`], once and with a limit.
    fn suppress_error_log(&self, _session: &Session, _ctx: &RequestContext, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _ctx: &RequestContext,
        _error: &Error,
        _context: pingora::proxy::ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

/// What is known of the session's connection.
fn connection_note(session: &Session) -> Option<Arc<ConnectionNote>> {
    let stream = session.as_downstream().stream()?;
    (**stream).as_any().downcast_ref::<Downstream>().map(|stream| Arc::clone(stream.note()))
}

/// What an error while proxying means. While the client's body has not come, an upstream that does not answer is
/// waiting for it, and both sides' time limits run out together.
fn failure(session: &mut Session, error: &Error) -> Failure {
    let failure = classify(error);
    if failure.cause == ErrorType::ReadTimeout && !session.as_downstream_mut().is_body_done() {
        return Failure::STALLED_BODY;
    }
    failure
}

/// Clear-text HTTP/2 is never asked of the upstream; every other protocol may be.
fn upgrade(request: &RequestHeader) -> Upgrade {
    let mut protocols = request.headers.get_all(UPGRADE).iter().peekable();
    if protocols.peek().is_none() {
        return Upgrade::Drop;
    }
    let names_h2c = protocols.any(|line| {
        line.as_bytes().split(|byte| *byte == b',').any(|name| name.trim_ascii().eq_ignore_ascii_case(b"h2c"))
    });
    if names_h2c { Upgrade::Drop } else { Upgrade::Preserve }
}

impl Shared {
    /// The client's address as far as it can be believed.
    pub(super) fn client_address(&self, request: &RequestHeader, note: &ConnectionNote) -> IpAddr {
        forwarded::client_address(note.peer.ip(), &request.headers, &self.config.trusted_hops)
    }
}

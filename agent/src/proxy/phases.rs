//! Pingora's phases of one request. They read, count and write; what happens to the context is decided in
//! `trace::decision`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{HOST, TRANSFER_ENCODING};
use http::{StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};

use super::answer::answer;
use super::counts::{ProxyCounts, Refusal};
use super::failure::{classify, explain};
use super::request::{RequestContext, failure};
use super::shared::Shared;
use super::stream::{ConnectionNote, Downstream};
use super::upgrade::{Patience, Upgrade};
use super::{access_log, context};
use super::{forwarded, framing};
use crate::trace::decision::Action;
use crate::trace::record::{ErrorType, MAX_ATTEMPTS};

/// A head of this size leaves in one write, so that a failed write means that no byte of it was sent.
const ONE_WRITE: usize = 1400;

/// The phases of one proxy, on one proxy thread.
#[derive(Clone)]
pub(crate) struct Phases(pub(super) Arc<Shared>);

impl Phases {
    /// What this proxy counts.
    pub(super) fn counts(&self) -> &ProxyCounts {
        &self.0.counts
    }

    /// How long a client's connection may lie idle; at least one second.
    pub(super) fn downstream_idle_seconds(&self) -> u64 {
        self.0.config.timeouts.downstream_idle.as_secs().max(1)
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
}

#[async_trait]
impl ProxyHttp for Phases {
    type CTX = RequestContext;

    fn new_ctx(&self) -> RequestContext {
        RequestContext::new(self.0.access_log.is_some().then(Instant::now))
    }

    /// No modules: nothing here compresses or rewrites a body.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn request_filter(&self, session: &mut Session, ctx: &mut RequestContext) -> Result<bool> {
        let Some(note) = downstream(session).map(|stream| Arc::clone(stream.note())) else {
            return Error::e_explain(pingora::ErrorType::InternalError, "a connection of another listener");
        };
        note.accept_head();
        ctx.note = Some(Arc::clone(&note));
        self.settle(session);
        let raw = session.as_downstream().as_http1().map(|http1| http1.get_headers_raw_bytes()).unwrap_or_default();
        ctx.head_length = raw.len();
        if let Some(refusal) = framing::refuse(session.req_header(), &raw, self.0.config.max_header_bytes) {
            return self.refuse(session, refusal, ctx).await;
        }
        ctx.upgrade = Upgrade::of(session.req_header());
        if ctx.upgrade == Upgrade::Preserve {
            // Nobody half-closes who waits for another protocol: who closes now has given up.
            session.set_abort_on_close(true);
        }
        self.receive(session.req_header(), &note, ctx);
        if ctx.decision.action == Action::Loop {
            return self.refuse(session, Refusal::Loop, ctx).await;
        }
        forwarded::write(session.req_header_mut(), self.0.config.forwarded, &note.peer_header)?;
        Ok(false)
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
        self.0
            .target
            .next_peer(ctx.upgrade, ctx.unreachable)
            .inspect_err(|error| self.fail_attempt(ctx, &classify(error), error))
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        reused: bool,
        peer: &HttpPeer,
        fd: std::os::fd::RawFd,
        digest: Option<&Digest>,
        ctx: &mut RequestContext,
    ) -> Result<()> {
        let address = peer._address.as_inet().copied();
        if ctx.upgrade == Upgrade::Preserve {
            ctx.patience = Some(Patience::begin(fd, self.0.config.timeouts.read));
        }
        if let Some(address) = address.filter(|_| !reused) {
            self.0.target.reached(address);
        }
        if let Some(recorder) = &mut ctx.recorder {
            recorder.connected(reused, digest, address);
        }
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut RequestContext,
    ) -> Result<()> {
        // What goes on is HTTP/1.1, which demands it. An absolute target names the host itself.
        if session.req_header().version == Version::HTTP_10
            && !request.headers.contains_key(HOST)
            && request.raw_path().starts_with(b"/")
        {
            request.insert_header(HOST, self.0.target.authority())?;
        }
        match ctx.attempt.and_then(|attempt| attempt.traceparent) {
            Some(traceparent) => context::write(request, &traceparent, ctx.decision.drops_tracestate.is_some()),
            None => Ok(()),
        }
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut RequestContext,
    ) -> Result<()> {
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
        Ok(())
    }

    fn upstream_response_body_filter(
        &self,
        _session: &mut Session,
        _body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut RequestContext,
    ) -> Result<Option<std::time::Duration>> {
        match &mut ctx.patience {
            Some(_) if end_of_stream => ctx.patience = None,
            Some(patience) => patience.renew(),
            None => {}
        }
        if let Some(recorder) = ctx.recorder.as_mut().filter(|_| end_of_stream) {
            recorder.last_byte();
        }
        Ok(None)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut RequestContext,
    ) -> Result<()> {
        if let Some(recorder) = ctx.recorder.as_mut().filter(|_| !is_interim(response)) {
            recorder.answered(response.status.as_u16());
        }
        // RFC 9112, section 6.1: clients of HTTP/1.0 know no chunks; their answer ends with the connection.
        if session.req_header().version == Version::HTTP_10 && response.remove_header(&TRANSFER_ENCODING).is_some() {
            session.set_keepalive(None);
        }
        if self.0.stopping() {
            session.set_keepalive(None);
        }
        Ok(())
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        peer: &HttpPeer,
        ctx: &mut RequestContext,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let failure = classify(&error);
        self.fail_attempt(ctx, &failure, &error);
        if let Some(address) = peer._address.as_inet() {
            self.0.target.unreachable(*address);
            ctx.unreachable = Some(*address);
        }
        // Nothing was written. A second wait for a connection that did not come in time would only double the wait, and
        // a certificate does not get better.
        let hopeless = matches!(failure.cause, ErrorType::ConnectTimeout | ErrorType::Tls);
        error.set_retry(ctx.tries < MAX_ATTEMPTS && !hopeless);
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
        let judged = failure(session, ctx, &error);
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
        let failure = failure(session, ctx, error);
        ctx.failure = Some(failure.cause);
        match failure.refusal {
            Some(refusal) => self.counts().refusals.add(refusal, 1),
            None => self.counts().failures.add(failure.cause, 1),
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
                cause = explain(&failure, error), kind = error.etype().as_str(), suppressed, "request failed"
            );
        }
        if let Some(status) = failure.status {
            // The client may be gone by now; its connection is closed either way.
            let _ = answer(session, status, failure.sentence).await;
        }
        FailToProxy { error_code: failure.status.unwrap_or(0), can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, _error: Option<&Error>, ctx: &mut RequestContext) {
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

/// Whether another head follows this one. After 101 none does.
fn is_interim(response: &ResponseHeader) -> bool {
    response.status.is_informational() && response.status != StatusCode::SWITCHING_PROTOCOLS
}

/// The session's connection.
fn downstream(session: &Session) -> Option<&Downstream> {
    let stream = session.as_downstream().stream()?;
    (**stream).as_any().downcast_ref::<Downstream>()
}

impl Shared {
    /// The client's address as far as it can be believed.
    pub(super) fn client_address(&self, request: &RequestHeader, note: &ConnectionNote) -> IpAddr {
        forwarded::client_address(note.peer.ip(), &request.headers, &self.config.trusted_hops)
    }
}

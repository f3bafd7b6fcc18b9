//! Pingora's phases of one request: when something is done; what is done is in `request`, and what happens to the
//! context is decided in `trace::decision`.
//!
//! Phases that wait for nothing are written without `async fn`, for the reason in `at_once`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use nix::sys::socket::{SockaddrStorage, getsockname};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};

use super::answer::answer;
use super::at_once::{self, Phase};
use super::counts::{ProxyCounts, Refusal};
use super::failure::{classify, explain};
use super::request::{RequestContext, failure};
use super::shared::Shared;
use super::stream::ConnectionNote;
use super::upgrade::{Patience, Upgrade};
use super::{context, forwarded, framing};
use crate::gap::sink::ObservationSink;
use crate::trace::record::{ErrorType, MAX_ATTEMPTS};

/// A head of this size leaves in one write, so that a failed write means that no byte of it was sent.
const ONE_WRITE: usize = 1400;

/// The phases of one proxy, on one proxy thread; and where that thread leaves what it sees, if a report is fed.
#[derive(Clone)]
pub(crate) struct Phases(pub(super) Arc<Shared>, pub(super) Option<Arc<dyn ObservationSink>>);

impl Phases {
    /// What this proxy counts.
    pub(super) fn counts(&self) -> &ProxyCounts {
        &self.0.counts
    }

    /// How long a client's connection may lie idle, and how long a request head may take.
    pub(super) fn downstream_idle(&self) -> std::time::Duration {
        self.0.config.timeouts.downstream_idle
    }

    /// The connection of a call that leaves the service: whom it reached.
    fn name_callee(&self, callee: SocketAddr, fd: std::os::fd::RawFd, reused: bool, ctx: &mut RequestContext) {
        let host = ctx.wanted.as_ref().map_or(self.0.config.upstream.host.as_str(), |wanted| wanted.host.as_str());
        if let Some(observed) = &mut ctx.observed {
            observed.calls(host, Some(callee));
        }
        if let Some(sink) = self.1.as_ref().filter(|_| !reused)
            && let Some(local) = local_address(fd)
        {
            sink.called(local, callee);
        }
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
        match self.take_head(session, ctx) {
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
        let peer = match &self.0.egress {
            // In a box of its own: the future of every other request stays small.
            Some(egress) if egress.is_forward => Box::pin(self.checked_peer(egress, ctx)).await,
            _ => self.0.target.next_peer(ctx.upgrade, ctx.unreachable),
        };
        peer.inspect_err(|error| self.fail_attempt(ctx, &classify(error), error))
    }

    fn connected_to_upstream<'s, 'a, 'b, 'c, 'd, 'f>(
        &'s self,
        _session: &'a mut Session,
        reused: bool,
        peer: &'b HttpPeer,
        fd: std::os::fd::RawFd,
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
        if let (Some(_), Some(address)) = (&self.0.egress, address) {
            self.name_callee(address, fd, reused, ctx);
        }
        at_once::done(Ok(()))
    }

    fn upstream_request_filter<'s, 'a, 'b, 'c, 'f>(
        &'s self,
        session: &'a mut Session,
        request: &'b mut RequestHeader,
        ctx: &'c mut RequestContext,
    ) -> Phase<'f, Result<()>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
        'c: 'f,
    {
        at_once::done(self.write_upstream_head(session, request, ctx))
    }

    fn upstream_response_filter<'s, 'a, 'b, 'c, 'f>(
        &'s self,
        session: &'a mut Session,
        response: &'b mut ResponseHeader,
        ctx: &'c mut RequestContext,
    ) -> Phase<'f, Result<()>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
        'c: 'f,
    {
        self.take_upstream_head(session, response, ctx);
        at_once::done(Ok(()))
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

    fn response_filter<'s, 'a, 'b, 'c, 'f>(
        &'s self,
        session: &'a mut Session,
        response: &'b mut ResponseHeader,
        ctx: &'c mut RequestContext,
    ) -> Phase<'f, Result<()>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
        'c: 'f,
    {
        self.write_downstream_head(session, response, ctx);
        at_once::done(Ok(()))
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
            if let Some(recorder) = &mut ctx.recorder {
                recorder.tried(*address);
            }
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
        self.end(session, ctx);
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

/// The address that a connection leaves from.
fn local_address(fd: std::os::fd::RawFd) -> Option<SocketAddr> {
    let address = getsockname::<SockaddrStorage>(fd).ok()?;
    let four = || Some(SocketAddr::V4((*address.as_sockaddr_in()?).into()));
    four().or_else(|| Some(SocketAddr::V6((*address.as_sockaddr_in6()?).into())))
}

impl Shared {
    /// The client's address as far as it can be believed.
    pub(super) fn client_address(&self, request: &RequestHeader, note: &ConnectionNote) -> IpAddr {
        forwarded::client_address(note.peer.ip(), &request.headers, &self.config.trusted_hops)
    }
}

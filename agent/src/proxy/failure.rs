//! What a failure of Pingora means: the status a client gets, the cause on the span, and a sentence.

use pingora::{Error, ErrorSource, ErrorType as Kind};

use super::counts::Refusal;
use super::framing;
use crate::trace::record::ErrorType;

/// A failure in our terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    /// The status for the client; `None` when the client is gone.
    pub(super) status: Option<u16>,
    /// The cause, for span and metric.
    pub(super) cause: ErrorType,
    /// A sentence without addresses, for the client.
    pub(super) sentence: &'static str,
    /// Which refusal it is, where the request itself is at fault.
    pub(super) refusal: Option<Refusal>,
}

impl Failure {
    /// The client stopped sending in the middle of its request.
    pub(super) const STALLED_BODY: Self = Self {
        status: Some(408),
        cause: ErrorType::ClientAbort,
        sentence: "the request body did not come in time",
        refusal: None,
    };
    /// The upstream did not answer in time.
    pub(super) const NO_ANSWER: Self = Self {
        status: Some(504),
        cause: ErrorType::ReadTimeout,
        sentence: "the upstream did not answer in time",
        refusal: None,
    };
}

fn refused(refusal: Refusal) -> Failure {
    Failure {
        status: Some(framing::status(refusal)),
        cause: ErrorType::Refused,
        sentence: framing::sentence(refusal),
        refusal: Some(refusal),
    }
}

/// What `error` means.
pub(super) fn classify(error: &Error) -> Failure {
    let failure = |status, cause, sentence| Failure { status: Some(status), cause, sentence, refusal: None };
    if *error.esource() == ErrorSource::Downstream {
        return match error.etype() {
            Kind::WriteError | Kind::ReadError | Kind::ConnectionClosed | Kind::WriteTimedout | Kind::ConnectError => {
                Failure { status: None, ..failure(0, ErrorType::ClientAbort, "the client went away") }
            }
            Kind::ReadTimedout => Failure::STALLED_BODY,
            Kind::InvalidHTTPHeader => refused(Refusal::BadConnectionHeader),
            _ => refused(Refusal::MalformedBody),
        };
    }
    // Pingora wraps what hinders it from opening a socket at all in an internal error.
    let kind = match error.etype() {
        Kind::InternalError => error.root_etype(),
        kind => kind,
    };
    match kind {
        Kind::HTTPStatus(status) => failure(*status, ErrorType::Refused, "the request was refused"),
        Kind::Custom(RESOLVE) => failure(502, ErrorType::Resolve, "the upstream's name has no address"),
        Kind::Custom(FORBIDDEN) => refused(Refusal::Destination),
        Kind::Custom(SELF) => failure(508, ErrorType::Loop, "the upstream's address is this proxy itself"),
        Kind::ConnectRefused => failure(502, ErrorType::ConnectRefused, "the upstream refused the connection"),
        Kind::ConnectTimedout => failure(504, ErrorType::ConnectTimeout, "the upstream did not accept in time"),
        Kind::TLSHandshakeTimedout => failure(504, ErrorType::Tls, "the upstream's TLS handshake took too long"),
        Kind::TLSHandshakeFailure | Kind::TLSWantX509Lookup | Kind::InvalidCert | Kind::HandshakeError => {
            failure(502, ErrorType::Tls, "the TLS handshake with the upstream failed")
        }
        Kind::SocketError | Kind::BindError => {
            failure(503, ErrorType::ConnectFailed, "no connection to the upstream could be opened")
        }
        Kind::ConnectNoRoute | Kind::ConnectError | Kind::ConnectProxyFailure => {
            failure(502, ErrorType::ConnectFailed, "the upstream cannot be reached")
        }
        Kind::ReadTimedout => Failure::NO_ANSWER,
        Kind::WriteTimedout => failure(504, ErrorType::WriteTimeout, "the upstream did not take the request in time"),
        Kind::InvalidHTTPHeader | Kind::H1Error | Kind::H2Error | Kind::InvalidH2 => {
            failure(502, ErrorType::InvalidResponse, "the upstream's answer is not HTTP")
        }
        Kind::ReadError | Kind::WriteError | Kind::ConnectionClosed => {
            failure(502, ErrorType::UpstreamClosed, "the upstream closed the connection")
        }
        _ if *error.esource() == ErrorSource::Upstream => {
            failure(502, ErrorType::UpstreamClosed, "the upstream failed")
        }
        _ => failure(500, ErrorType::Internal, "the proxy failed"),
    }
}

/// The sentence of a failure with what lies at the bottom of it, for span and log: the operating system's or the TLS
/// library's own words. Pingora's contexts stay out: they quote heads that may hold credentials.
pub(super) fn explain(failure: &Failure, error: &Error) -> String {
    let sentence = failure.sentence;
    let certificate = if failure.cause == ErrorType::Tls { certificate_fault(error) } else { None };
    match certificate.or_else(|| bottom(error)) {
        Some(cause) => format!("{sentence}: {cause}"),
        None => sentence.to_owned(),
    }
}

/// Pingora keeps the TLS library's words about a certificate only in its contexts.
fn certificate_fault(error: &Error) -> Option<String> {
    let words = "invalid peer certificate: ";
    let text = error.to_string();
    let fault = text.split_once(words)?.1.split([',', '\n']).next()?;
    // What is left over belongs to the texts around it.
    let balanced = fault.char_indices().scan(0_i32, |depth, (at, c)| {
        *depth += i32::from(c == '(') - i32::from(c == ')');
        (*depth >= 0 && c != '"').then_some(at + c.len_utf8())
    });
    let fault = balanced.last().and_then(|end| fault.get(..end)).unwrap_or_default();
    Some(format!("{words}{}", fault.trim_end()))
}

/// The deepest cause below Pingora's own errors.
fn bottom(error: &Error) -> Option<String> {
    let mut cause = error.cause.as_deref();
    while let Some(wrapped) = cause.and_then(|cause| cause.downcast_ref::<Box<Error>>()) {
        cause = wrapped.cause.as_deref();
    }
    let mut bottom: &dyn std::error::Error = cause?;
    while let Some(deeper) = bottom.source() {
        bottom = deeper;
    }
    Some(bottom.to_string())
}

/// The upstream's name has no address.
pub(super) const RESOLVE: &str = "upstream name unresolved";
/// The upstream's name resolves to this proxy.
pub(super) const SELF: &str = "upstream is this proxy";
/// The kind of a call to where it may not go.
pub(super) const FORBIDDEN: &str = "destination not allowed";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_never_quotes_bytes_of_a_message() {
        let cause = || Error::explain(Kind::InvalidHTTPHeader, "buf: HTTP/1.1 200 OK\\r\\nSet-Cookie: s3cret");
        let io = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let rows: &[(Box<Error>, &str, &str)] = &[
            (cause(), "the upstream's answer is not HTTP", "the context stays out"),
            (cause().more_context("Peer: 127.0.0.1:1"), "the upstream's answer is not HTTP", "wrapped as well"),
            (
                Error::because(Kind::ReadError, "buf: s3cret", io()).more_context("Peer: 127.0.0.1:1"),
                "the upstream closed the connection: connection reset",
                "what the system says is what helps",
            ),
        ];
        for (error, expected, reason) in rows {
            assert_eq!(explain(&classify(error), error), *expected, "{reason}");
        }
    }

    #[test]
    fn every_failure_has_a_status_and_a_cause() {
        let rows: &[(Kind, ErrorSource, Option<u16>, ErrorType)] = &[
            (Kind::ConnectRefused, ErrorSource::Upstream, Some(502), ErrorType::ConnectRefused),
            (Kind::ConnectTimedout, ErrorSource::Upstream, Some(504), ErrorType::ConnectTimeout),
            (Kind::SocketError, ErrorSource::Upstream, Some(503), ErrorType::ConnectFailed),
            (Kind::ReadTimedout, ErrorSource::Upstream, Some(504), ErrorType::ReadTimeout),
            (Kind::ConnectionClosed, ErrorSource::Upstream, Some(502), ErrorType::UpstreamClosed),
            (Kind::InvalidHTTPHeader, ErrorSource::Upstream, Some(502), ErrorType::InvalidResponse),
            (Kind::InvalidHTTPHeader, ErrorSource::Downstream, Some(400), ErrorType::Refused),
            (Kind::WriteError, ErrorSource::Downstream, None, ErrorType::ClientAbort),
            (Kind::ReadTimedout, ErrorSource::Downstream, Some(408), ErrorType::ClientAbort),
            (Kind::Custom(RESOLVE), ErrorSource::Unset, Some(502), ErrorType::Resolve),
            (Kind::Custom(SELF), ErrorSource::Unset, Some(508), ErrorType::Loop),
            (Kind::InternalError, ErrorSource::Internal, Some(500), ErrorType::Internal),
        ];
        for (kind, source, status, cause) in rows {
            let mut error = Error::new(kind.clone());
            error.esource = source.clone();
            let failure = classify(&error);
            assert_eq!((failure.status, failure.cause), (*status, *cause), "{kind:?} from {source:?}");
        }
    }
}

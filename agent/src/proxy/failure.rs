//! What a failure of Pingora means: the status a client gets, the cause on the span, and a sentence.

use pingora::{Error, ErrorSource, ErrorType as Kind};

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
}

impl Failure {
    /// The client stopped sending in the middle of its request.
    pub(super) const STALLED_BODY: Self =
        Self { status: Some(408), cause: ErrorType::ClientAbort, sentence: "the request body did not come in time" };
}

/// What `error` means.
pub(super) fn classify(error: &Error) -> Failure {
    let failure = |status, cause, sentence| Failure { status: Some(status), cause, sentence };
    if *error.esource() == ErrorSource::Downstream {
        return match error.etype() {
            Kind::WriteError | Kind::ReadError | Kind::ConnectionClosed | Kind::WriteTimedout | Kind::ConnectError => {
                Failure { status: None, cause: ErrorType::ClientAbort, sentence: "the client went away" }
            }
            Kind::ReadTimedout => Failure::STALLED_BODY,
            _ => failure(400, ErrorType::Refused, "the request cannot be forwarded"),
        };
    }
    match error.etype() {
        Kind::HTTPStatus(status) => failure(*status, ErrorType::Refused, "the request was refused"),
        Kind::Custom(RESOLVE) => failure(502, ErrorType::Resolve, "the upstream's name has no address"),
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
        Kind::ReadTimedout => failure(504, ErrorType::ReadTimeout, "the upstream did not answer in time"),
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

/// The sentence of a failure with what lies at the bottom of it, for span and log: the operating system's or the
/// TLS library's own words.
pub(super) fn explain(failure: &Failure, error: &Error) -> String {
    let sentence = failure.sentence;
    let mut cause: Option<&dyn std::error::Error> = error.cause.as_deref().map(|cause| cause as _);
    while let Some(deeper) = cause.and_then(|cause| cause.source()) {
        cause = Some(deeper);
    }
    match cause {
        Some(cause) => format!("{sentence}: {cause}"),
        None => sentence.to_owned(),
    }
}

/// The upstream's name has no address.
pub(super) const RESOLVE: &str = "upstream name unresolved";
/// The upstream's name resolves to this proxy.
pub(super) const SELF: &str = "upstream is this proxy";

#[cfg(test)]
mod tests {
    use super::*;

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

//! One request without spans: whether an endpoint can be reached, and takes what this configuration sends it.
//!
//! A valid request of OTLP, of no bytes at all; nothing is stored because of it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, DATE};
use tokio::time::timeout;
use tonic::Code;

use super::grpc::GrpcTransport;
use super::http::{PROTOBUF, chain, client};
use super::outcome::{self, Outcome};
use super::tls;
use crate::config::export::{OtlpConfig, OtlpProtocol};

/// What an endpoint says to a request without spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It takes it.
    Taken,
    /// The key is missing or wrong, in its words.
    Denied(String),
    /// It is there, and does not take it; why, and what to look at.
    Refused(String),
    /// It is there, and cannot take it now.
    Busy(String),
    /// Nobody was reached; why.
    Unreachable(String),
    /// The client cannot be built from this configuration.
    Unusable(String),
}

/// The same, and the endpoint's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub said: Said,
    /// Its `Date`, where it is told.
    pub date: Option<SystemTime>,
}

/// Sends one request without spans, and waits `patience` at most. Must be called within a tokio runtime.
pub async fn send_nothing(config: &OtlpConfig, patience: Duration) -> Answer {
    let asked = async {
        match config.protocol {
            OtlpProtocol::HttpProtobuf => over_http(config).await,
            OtlpProtocol::Grpc => Answer { said: over_grpc(config).await, date: None },
        }
    };
    let late = || Answer { said: Said::Unreachable(format!("no answer within {} s", patience.as_secs())), date: None };
    timeout(patience, asked).await.unwrap_or_else(|_| late())
}

/// Whether an endpoint is Checkly's.
#[must_use]
pub fn is_checkly(config: &OtlpConfig) -> bool {
    tls::is_checkly(&config.endpoint)
}

async fn over_http(config: &OtlpConfig) -> Answer {
    let client = match client(config) {
        Ok(client) => client,
        Err(error) => return Answer { said: Said::Unusable(error.to_string()), date: None },
    };
    let request = client.post(config.endpoint.clone()).header(CONTENT_TYPE, PROTOBUF).body(Bytes::new());
    match request.send().await {
        Ok(answer) => {
            let date = answer.headers().get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
            Answer { said: by_status(answer.status().as_u16()), date }
        }
        Err(reason) => Answer { said: Said::Unreachable(chain(&reason.without_url())), date: None },
    }
}

fn by_status(status: u16) -> Said {
    if (200..300).contains(&status) {
        return Said::Taken;
    }
    match outcome::from_http(status, None, SystemTime::UNIX_EPOCH) {
        Outcome::Refused { cause } if matches!(status, 401 | 403) => Said::Denied(cause),
        Outcome::Refused { cause } => Said::Refused(cause),
        Outcome::Retry { cause, .. } => Said::Busy(cause),
        Outcome::Accepted { .. } => Said::Taken,
    }
}

async fn over_grpc(config: &OtlpConfig) -> Said {
    let transport = match GrpcTransport::new(config) {
        Ok(transport) => transport,
        Err(error) => return Said::Unusable(error.to_string()),
    };
    let status = match transport.call(Bytes::new()).await {
        Ok(_) => return Said::Taken,
        Err(super::grpc::CallError::Unready(cause)) => return Said::Unreachable(cause),
        Err(super::grpc::CallError::Answered(status)) => status,
    };
    match (status.code(), outcome::from_grpc(&status)) {
        (Code::Unauthenticated | Code::PermissionDenied, Outcome::Refused { cause }) => Said::Denied(cause),
        (_, Outcome::Refused { cause }) => Said::Refused(cause),
        (_, Outcome::Retry { cause, .. }) => Said::Busy(cause),
        (_, Outcome::Accepted { .. }) => Said::Taken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_apart() {
        let word = |said: &Said| match said {
            Said::Taken => "taken",
            Said::Denied(_) => "denied",
            Said::Refused(_) => "refused",
            Said::Busy(_) => "busy",
            Said::Unreachable(_) => "unreachable",
            Said::Unusable(_) => "unusable",
        };
        for (status, expected, reason) in [
            (200, "taken", "a collector"),
            (202, "taken", "some backends answer so"),
            (401, "denied", "no key"),
            (403, "denied", "the wrong key"),
            (400, "refused", "it wants spans, or something else"),
            (404, "refused", "the wrong path"),
            (302, "refused", "redirects are not followed"),
            (429, "busy", "later"),
            (503, "busy", "later"),
        ] {
            assert_eq!(word(&by_status(status)), expected, "{status}: {reason}");
        }
    }
}

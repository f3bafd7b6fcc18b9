//! What a destination did with a batch, and what its answers mean.
//!
//! Pure: the time is an argument. Source: OTLP specification 1.x, "OTLP/HTTP response" and "Failures" of OTLP/gRPC.

use std::time::{Duration, SystemTime};

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// What became of one try to send a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, but for `rejected` spans.
    Accepted {
        /// Spans the backend refused; more than were sent means all.
        rejected: u64,
        /// Why, in the backend's words; empty when it says nothing.
        message: String,
    },
    /// Not taken; worth another try.
    Retry {
        /// How long the backend asks to wait.
        after: Option<Duration>,
        /// What happened.
        cause: String,
    },
    /// Not taken; another try would end the same way.
    Refused {
        /// What happened, and what to look at.
        cause: String,
    },
}

/// What an HTTP status other than 2xx means. `retry_after` is the header of that name, in seconds or as a date.
#[must_use]
pub fn from_http(status: u16, retry_after: Option<&str>, now: SystemTime) -> Outcome {
    match status {
        429 | 502 | 503 | 504 => Outcome::Retry {
            after: retry_after.and_then(|value| wait(value, now)),
            cause: format!("the endpoint answered {status}"),
        },
        _ => Outcome::Refused { cause: format!("the endpoint answered {status}{}", hint(status)) },
    }
}

/// What a gRPC status other than OK means.
#[must_use]
pub fn from_grpc(status: &Status) -> Outcome {
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let cause = format!("the endpoint answered {:?}: {}", status.code(), status.message());
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Outcome::Retry { after, cause },
        Code::ResourceExhausted if after.is_some() => Outcome::Retry { after, cause },
        Code::Unauthenticated | Code::PermissionDenied => Outcome::Refused { cause: cause + hint(401) },
        Code::Unimplemented => Outcome::Refused { cause: cause + "; is this an OTLP/gRPC endpoint for traces?" },
        _ => Outcome::Refused { cause },
    }
}

/// The time to wait that a `Retry-After` asks for (RFC 9110, section 10.2.3); `None` when it cannot be read.
fn wait(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default())
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => "; check the key in OTEL_EXPORTER_OTLP_HEADERS",
        404 | 405 => {
            "; check the path: OTEL_EXPORTER_OTLP_ENDPOINT gets /v1/traces appended, the TRACES variable does not"
        }
        413 => "; lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        415 => "; check OTEL_EXPORTER_OTLP_PROTOCOL",
        300..=399 => "; redirects are not followed, name the final URL",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    #[test]
    fn http_statuses() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (status, retry_after, retried, after, reason) in [
            (429, Some("3"), true, Some(3), "seconds"),
            (429, date, true, Some(7), "a date"),
            (503, Some("soon"), true, None, "unreadable: our own backoff"),
            (503, Some("-1"), true, None, "a negative number is no number of seconds"),
            (502, None, true, None, "a gateway in between"),
            (504, None, true, None, "a gateway in between"),
            (500, Some("3"), false, None, "not in the specification's list"),
            (400, None, false, None, "our request is bad"),
            (401, None, false, None, "the key"),
            (302, None, false, None, "redirects are not followed"),
        ] {
            match from_http(status, retry_after, now) {
                Outcome::Retry { after: got, .. } => {
                    assert!(retried, "{status}: {reason}");
                    assert_eq!(got, after.map(Duration::from_secs), "{status}: {reason}");
                }
                other => assert!(!retried, "{status} gave {other:?}: {reason}"),
            }
        }
    }

    #[test]
    fn causes_name_what_to_look_at() {
        for (status, word) in [(401, "key"), (403, "key"), (404, "/v1/traces"), (413, "BATCH_SIZE")] {
            assert!(
                matches!(from_http(status, None, SystemTime::now()), Outcome::Refused { cause } if cause.contains(word))
            );
        }
    }

    #[test]
    fn grpc_codes() {
        let waiting = ErrorDetails::with_retry_info(Some(Duration::from_secs(2)));
        let exhausted = Status::with_error_details(Code::ResourceExhausted, "full", waiting);
        for (status, retried, after, reason) in [
            (Status::unavailable("down"), true, None, "retryable"),
            (exhausted, true, Some(Duration::from_secs(2)), "exhausted for a stated time"),
            (Status::resource_exhausted("full"), false, None, "exhausted for good"),
            (Status::unauthenticated("who?"), false, None, "the key"),
            (Status::invalid_argument("bad"), false, None, "our request is bad"),
            (Status::internal("oops"), false, None, "not in the specification's list"),
        ] {
            match from_grpc(&status) {
                Outcome::Retry { after: got, .. } => assert_eq!((true, got), (retried, after), "{reason}"),
                other => assert!(!retried, "{other:?}: {reason}"),
            }
        }
    }
}

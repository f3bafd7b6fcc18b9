//! Sends one batch, again where that is worth it, within a time limit.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use super::outcome::Outcome;
use crate::trace::counts::Counter;

/// Takes one export request to where it belongs.
pub(super) trait Transport: Send + Sync + 'static {
    /// One try. Neither retries nor logs.
    fn send(&self, body: Bytes) -> impl Future<Output = Outcome> + Send;
}

/// How often and how long to try.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// For one try.
    pub(super) request: Duration,
    /// For all tries and the waits between them.
    pub(super) total: Duration,
    /// Tries after the first.
    pub(super) retries: u32,
}

/// How a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted { rejected: u64, message: String },
    Refused { cause: String },
    Exhausted { cause: String },
}

/// Tries that follow a failed one at most; with the waits below they take about eight seconds.
pub(super) const RETRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Sends `body` until it is taken or refused, or `policy` ends the tries.
pub(super) async fn send<T: Transport>(transport: &T, body: Bytes, policy: Policy, retries: &Counter) -> Verdict {
    let deadline = Instant::now() + policy.total;
    let mut tried = 0;
    loop {
        let limit = policy.request.min(deadline.saturating_duration_since(Instant::now()));
        let outcome = timeout(limit, transport.send(body.clone())).await;
        let (after, cause) = match outcome {
            Ok(Outcome::Accepted { rejected, message }) => return Verdict::Accepted { rejected, message },
            Ok(Outcome::Refused { cause }) => return Verdict::Refused { cause },
            Ok(Outcome::Retry { after, cause }) => (after, cause),
            Err(_) => (None, format!("no answer within {} ms", limit.as_millis())),
        };
        let pause = after.unwrap_or_else(|| backoff(tried, RandomState::new().hash_one(tried)));
        // A pause past what the clock can count is past the deadline too.
        let next = Instant::now().checked_add(pause).filter(|next| *next < deadline);
        if tried >= policy.retries || next.is_none() {
            return Verdict::Exhausted { cause };
        }
        tokio::time::sleep(pause).await;
        tried += 1;
        retries.add(1);
    }
}

/// Doubles with each try; `random` spreads it over the upper half, so that agents do not return all at once.
fn backoff(tried: u32, random: u64) -> Duration {
    let full = FIRST_WAIT.saturating_mul(1 << tried.min(16)).min(LONGEST_WAIT);
    let half = full / 2;
    half + half.mul_f64(random as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for a pause that no clock can count.
    struct Never;

    impl Transport for Never {
        async fn send(&self, _body: Bytes) -> Outcome {
            Outcome::Retry { after: Some(Duration::MAX), cause: "later".to_owned() }
        }
    }

    #[tokio::test]
    async fn an_endless_retry_after_is_no_retry() {
        let second = Duration::from_secs(1);
        let policy = Policy { request: second, total: second, retries: RETRIES };
        let verdict = send(&Never, Bytes::new(), policy, &Counter::default()).await;
        assert_eq!(verdict, Verdict::Exhausted { cause: "later".to_owned() });
    }

    #[test]
    fn waits_double_up_to_a_limit_and_are_spread() {
        for (tried, low, high) in [(0, 125, 250), (1, 250, 500), (4, 2000, 4000), (5, 2500, 5000), (40, 2500, 5000)] {
            assert_eq!(backoff(tried, 0), Duration::from_millis(low));
            assert_eq!(backoff(tried, u64::MAX), Duration::from_millis(high));
        }
    }
}

//! Waiting for something that must become true: by looking again until a deadline, never by a fixed sleep.

use std::time::{Duration, Instant};

/// How long anything may take before a test is called failed. Wide, because machines are loaded.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Looks every few milliseconds until `check` gives a value.
///
/// # Panics
/// When there is none within [`DEADLINE`]; `what` says what was waited for.
pub async fn eventually<T>(what: &str, check: impl FnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, check).await
}

/// The same with a limit of its own, for what takes long by design.
///
/// # Panics
/// When there is no value within `limit`; `what` says what was waited for.
pub async fn eventually_within<T>(limit: Duration, what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < end, "waited {limit:?} for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs `work` with a limit of [`DEADLINE`].
///
/// # Panics
/// When it takes longer; `what` says what was waited for.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(value) => value,
        Err(_) => panic!("waited {DEADLINE:?} for {what}"),
    }
}

//! How long a client may take for its next request head: one timer for each connection, moved from head to head.
//!
//! Pingora has one as well, but makes it anew for every request: two allocations and a place in a shared table. It
//! closes nothing itself.

use std::future::Future as _;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of one connection.
pub(super) struct HeadTimer {
    limit: Duration,
    /// The head that `sleep` is set for.
    head: u32,
    /// Made when a head is waited for the first time.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl HeadTimer {
    /// A timer that gives each head `limit`.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, head: 0, sleep: None }
    }

    /// Whether the time for the head of this number is up; if not, the task is woken when it is. The time begins with
    /// the first call for a number.
    pub(super) fn is_over(&mut self, head: u32, cx: &mut Context<'_>) -> bool {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + self.limit)));
        if self.head != head {
            self.head = head;
            sleep.as_mut().reset(Instant::now() + self.limit);
        }
        sleep.as_mut().poll(cx).is_ready()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[tokio::test]
    async fn the_time_begins_anew_with_each_head_and_not_with_each_read() {
        let limit = Duration::from_millis(200);
        let mut timer = HeadTimer::new(limit);
        let mut cx = Context::from_waker(Waker::noop());
        let begun = Instant::now();
        assert!(!timer.is_over(1, &mut cx), "nothing has passed");
        tokio::time::sleep(limit / 2).await;
        let early = timer.is_over(1, &mut cx);
        assert!(!early || begun.elapsed() >= limit, "half of it has passed");
        tokio::time::sleep(limit).await;
        assert!(timer.is_over(1, &mut cx), "all of it has passed, reads or not");
        assert!(!timer.is_over(2, &mut cx), "the next head has its own time");
    }
}

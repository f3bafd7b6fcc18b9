//! What the log says about batches: one line at a time, then a count of what was not said.

use std::time::Duration;

use tokio::time::Instant;

/// Between two lines of one sort.
const QUIET: Duration = Duration::from_secs(30);

/// Holds back lines that would repeat.
#[derive(Debug, Default)]
pub(super) struct Journal {
    lost: Sort,
    rejected: Sort,
}

#[derive(Debug, Default)]
struct Sort {
    last: Option<Instant>,
    held_back: u64,
}

impl Journal {
    /// A batch was given up.
    pub(super) fn lost(&mut self, spans: u64, cause: &str) {
        if let Some(held_back) = self.lost.speak() {
            tracing::warn!(spans, cause, held_back, "spans are lost: a batch could not be delivered");
        }
    }

    /// A batch was taken; `rejected` spans of it were not, or the backend has something to say.
    pub(super) fn accepted(&mut self, rejected: u64, message: &str) {
        if rejected == 0 && message.is_empty() {
            return;
        }
        if let Some(held_back) = self.rejected.speak() {
            tracing::warn!(rejected, remark = message, held_back, "the backend took a batch with a remark");
        }
    }
}

impl Sort {
    /// How many lines were held back since the last, if it is time for one.
    fn speak(&mut self) -> Option<u64> {
        if self.last.is_some_and(|last| last.elapsed() < QUIET) {
            self.held_back += 1;
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test panics")]
    use super::*;

    #[derive(Clone, Default)]
    struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_remark_of_the_backend_cannot_make_a_line_of_its_own() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(log, || Journal::default().accepted(1, "full\nERROR all is lost \u{1b}[31m"));
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        assert!(text.contains("took a batch with a remark") && text.contains("full"), "{text:?}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn lines_of_one_sort_are_half_a_minute_apart() {
        let mut sort = Sort::default();
        assert_eq!((sort.speak(), sort.speak(), sort.speak()), (Some(0), None, None));
        tokio::time::advance(QUIET).await;
        assert_eq!((sort.speak(), sort.speak()), (Some(2), None));
    }
}

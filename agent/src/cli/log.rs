//! Messages: to standard error, by a thread of their own, so that a slow reader never holds up a request.

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use super::Environment;

/// What is shown when `THROUGHLINE_LOG` says nothing. Pingora's own messages repeat what is counted and said better.
const DEFAULT: &str = "info,pingora_core=off,pingora_proxy=off,pingora_pool=off";

/// Messages that may wait to be written; more of them are lost. There is room for each from the start.
const MOST: usize = 8192;

/// Starts the log. What is said after the guard is dropped is lost.
///
/// # Errors
/// A filter that cannot be read, as a sentence.
pub(super) fn start(env: Environment<'_>) -> Result<WorkerGuard, String> {
    let filter = env("THROUGHLINE_LOG").filter(|filter| !filter.is_empty()).unwrap_or_else(|| DEFAULT.to_owned());
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        format!("THROUGHLINE_LOG: {filter:?} is no filter ({error}); try info or throughline=debug")
    })?;
    let (writer, guard) = writer();
    let coloured =
        std::io::IsTerminal::is_terminal(&std::io::stderr()) && env("NO_COLOR").is_none_or(|value| value.is_empty());
    // A second log in one process, in a test for example, keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(coloured)
        .with_target(false)
        .with_span_events(FmtSpan::NONE)
        .try_init();
    Ok(guard)
}

/// The writing thread, which outlives what the others may do: it is born without any right.
fn writer() -> (NonBlocking, WorkerGuard) {
    let start = || NonBlockingBuilder::default().buffered_lines_limit(MOST).finish(std::io::stderr());
    #[cfg(all(feature = "ebpf", target_os = "linux"))]
    return crate::privilege::without_capabilities(start).unwrap_or_else(start);
    #[cfg(not(all(feature = "ebpf", target_os = "linux")))]
    start()
}

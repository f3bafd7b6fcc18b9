//! What all threads and requests of one proxy share.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::access_log::AccessLog;
use super::counts::ProxyCounts;
use super::egress::Egress;
use super::upstream::Target;
use crate::config::ProxyConfig;
use crate::trace::admission::Admission;
use crate::trace::bypass::Bypass;
use crate::trace::counts::SpanCounts;
use crate::trace::decision::Policy;
use crate::trace::marker::Marker;
use crate::trace::record::Edge;
use crate::trace::sink::SpanSink;

/// What all threads and requests of one proxy share.
pub(super) struct Shared {
    pub(super) config: ProxyConfig,
    pub(super) policy: Policy,
    pub(super) marker: Marker,
    pub(super) edge: Arc<Edge>,
    pub(super) target: Target,
    /// The rules of an egress listener; `None` for a proxy before a service.
    pub(super) egress: Option<Egress>,
    pub(super) admission: Option<Mutex<Admission>>,
    pub(super) bypass: Arc<Bypass>,
    pub(super) outlet: Arc<Outlet>,
    pub(super) span_counts: Arc<SpanCounts>,
    pub(super) counts: Arc<ProxyCounts>,
    pub(super) access_log: Option<AccessLog>,
    pub(super) notices: Notices,
    /// The clock of admission starts here.
    pub(super) begun: Instant,
    pub(super) stopping: watch::Receiver<bool>,
}

/// Where records go at present. A request keeps the sink its places were reserved in.
pub struct Outlet(ArcSwap<Arc<dyn SpanSink>>);

/// One limit for each kind of log line that traffic can cause.
#[derive(Debug)]
pub(super) struct Notices {
    pub(super) failed: Notice,
    pub(super) refused_request: Notice,
    pub(super) tls: Notice,
    pub(super) http2: Notice,
    pub(super) accept: Notice,
}

/// Lets one log line pass each interval, and counts the others.
#[derive(Debug)]
pub(super) struct Notice {
    begun: Instant,
    interval: Duration,
    /// When the next may pass, in milliseconds since `begun`.
    next: AtomicU64,
    suppressed: AtomicU64,
}

impl Shared {
    /// Whether calls say themselves where they go: a forward proxy for one service.
    pub(super) fn is_forward(&self) -> bool {
        self.egress.as_ref().is_some_and(|egress| egress.is_forward)
    }

    /// Whether the agent is stopping: answers ask their clients to close.
    pub(super) fn stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

impl Outlet {
    /// Records go to `sink` for now.
    #[must_use]
    pub fn new(sink: Arc<dyn SpanSink>) -> Self {
        Self(ArcSwap::from_pointee(sink))
    }

    /// Records of requests that begin from now on go to `sink`.
    pub fn set(&self, sink: Arc<dyn SpanSink>) {
        self.0.store(Arc::new(sink));
    }

    pub(super) fn sink(&self) -> Arc<dyn SpanSink> {
        Arc::clone(&self.0.load())
    }
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            failed: Notice::every(Duration::from_secs(1)),
            refused_request: Notice::every(Duration::from_secs(1)),
            tls: Notice::every(Duration::from_secs(60)),
            http2: Notice::every(Duration::from_secs(60)),
            accept: Notice::every(Duration::from_secs(1)),
        }
    }
}

impl Notice {
    fn every(interval: Duration) -> Self {
        Self { begun: Instant::now(), interval, next: AtomicU64::new(0), suppressed: AtomicU64::new(0) }
    }

    /// How many lines were held back since the last one, or `None` when this one is to be held back too.
    pub(super) fn allow(&self) -> Option<u64> {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let next = self.next.load(Relaxed);
        let later = now.saturating_add(u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX));
        if now >= next && self.next.compare_exchange(next, later, Relaxed, Relaxed).is_ok() {
            return Some(self.suppressed.swap(0, Relaxed));
        }
        self.suppressed.fetch_add(1, Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_passes_and_the_rest_are_counted() {
        let notice = Notice::every(Duration::from_secs(3600));
        assert_eq!(notice.allow(), Some(0));
        assert_eq!(notice.allow(), None);
        assert_eq!(notice.allow(), None);
        assert_eq!(notice.suppressed.load(Relaxed), 2);
    }
}

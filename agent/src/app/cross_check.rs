//! Proxy and probe check each other: marked requests of a service that stands behind a proxy and is watched too, seen by
//! both or by one alone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::gap::observation::{Direction, Observation, SourceKind};
use crate::gap::sink::ObservationConsumer;
use crate::report::ledger::CrossCheck;
use crate::trace::marker::Mark;

/// How long the other one may take: nanoseconds. The probe tells of an exchange when it is over, or after a while.
const PATIENCE: u64 = 60 * 1_000_000_000;
/// Requests that wait for the other one; those past it are not compared.
const ROOM: usize = 16_384;

/// Names the services that the probe watches now.
pub(super) type Watched = Arc<dyn Fn() -> HashSet<Arc<str>> + Send + Sync>;

/// The result so far; its copies share one.
pub(super) type Result = Arc<Mutex<CrossCheck>>;

/// Compares.
pub(super) struct Comparing {
    /// Services behind proxies.
    proxied: Vec<Arc<str>>,
    watched: Watched,
    waiting: HashMap<Request, Sightings>,
    result: Result,
}

/// A request as service and `traceparent` name it: as the service was given it.
type Request = (Arc<str>, Arc<str>);

#[derive(Default)]
struct Sightings {
    first: u64,
    by_proxy: u64,
    by_probe: u64,
}

impl Comparing {
    pub(super) fn new(proxied: Vec<Arc<str>>, watched: Watched, result: Result) -> Self {
        Self { proxied, watched, waiting: HashMap::new(), result }
    }

    fn settle(&mut self, before: u64) {
        let over: Vec<(Request, Sightings)> = self.waiting.extract_if(|_, seen| seen.first < before).collect();
        if over.is_empty() {
            return;
        }
        let watched = (self.watched)();
        let mut result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        // A service that nobody watches any more was not overlooked.
        for (_, seen) in over.into_iter().filter(|((service, _), _)| watched.contains(service)) {
            let both = seen.by_proxy.min(seen.by_probe);
            result.both += both;
            result.proxy_only += seen.by_proxy - both;
            result.probe_only += seen.by_probe - both;
        }
    }
}

impl ObservationConsumer for Comparing {
    fn observe(&mut self, observation: &Observation) {
        let Observation { direction, service, context, .. } = observation;
        let traceparent = context.delivered.as_ref().or(context.traceparent.first());
        let Some(traceparent) = traceparent.filter(|_| *direction == Direction::In && context.mark.0 != Mark::None)
        else {
            return;
        };
        let by_proxy = match observation.origin.kind {
            SourceKind::Proxy => true,
            SourceKind::Probe if self.proxied.contains(service) => false,
            SourceKind::Probe | SourceKind::File => return,
        };
        let request = (Arc::clone(service), Arc::clone(traceparent));
        if self.waiting.len() >= ROOM && !self.waiting.contains_key(&request) {
            return;
        }
        let seen = self
            .waiting
            .entry(request)
            .or_insert_with(|| Sightings { first: observation.start, ..Sightings::default() });
        if by_proxy { seen.by_proxy += 1 } else { seen.by_probe += 1 }
    }

    fn lost(&mut self, _marker: &Observation, _count: u64) {}

    fn advance(&mut self, now: u64) {
        self.settle(now.saturating_sub(PATIENCE));
    }

    fn finish(&mut self) {
        self.settle(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::observation::{Completeness, MarkSeen, Origin};

    fn sighting(kind: SourceKind, service: &str, traceparent: &str, delivered: Option<&str>) -> Observation {
        let origin = Origin { kind, name: "x".into(), sequence: 0, clock: "c".into() };
        let mut observation = Observation::loss(origin, Direction::In, service.into(), 1, Completeness::Whole);
        observation.context.traceparent = vec![traceparent.into()];
        observation.context.delivered = delivered.map(Into::into);
        observation.context.mark = MarkSeen(Mark::Trusted);
        observation
    }

    #[test]
    fn requests_are_matched_by_what_the_service_was_given() {
        use SourceKind::{Probe, Proxy};
        let unmarked = |mut observation: Observation| {
            observation.context.mark = MarkSeen::default();
            observation
        };
        let rows = [
            (vec![sighting(Proxy, "shop", "a", None), sighting(Probe, "shop", "a", None)], (1, 0, 0), "forwarded"),
            (vec![sighting(Proxy, "shop", "a", Some("b")), sighting(Probe, "shop", "b", None)], (1, 0, 0), "continued"),
            (vec![sighting(Proxy, "shop", "a", None); 2], (0, 2, 0), "overlooked"),
            (vec![sighting(Probe, "shop", "a", None)], (0, 0, 1), "around the proxy"),
            (vec![sighting(Probe, "cart", "a", None)], (0, 0, 0), "no proxy before it"),
            (vec![sighting(Proxy, "idle", "a", None)], (0, 0, 0), "not watched"),
            (vec![unmarked(sighting(Proxy, "shop", "a", None))], (0, 0, 0), "unmarked"),
        ];
        for (seen, expected, reason) in rows {
            let result = Result::default();
            let watched: Watched = Arc::new(|| HashSet::from(["shop".into(), "cart".into()]));
            let mut comparing = Comparing::new(vec!["shop".into(), "idle".into()], watched, Arc::clone(&result));
            seen.iter().for_each(|observation| comparing.observe(observation));
            comparing.advance(PATIENCE);
            assert_eq!(
                *result.lock().unwrap_or_else(PoisonError::into_inner),
                CrossCheck::default(),
                "{reason}: early"
            );
            comparing.finish();
            let CrossCheck { both, proxy_only, probe_only } = *result.lock().unwrap_or_else(PoisonError::into_inner);
            assert_eq!((both, proxy_only, probe_only), expected, "{reason}");
        }
    }
}

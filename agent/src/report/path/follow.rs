//! Which traces of a test arrived where.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::gap::observation::{Direction, Observation};
use crate::trace::ids::TraceId;
use crate::trace::marker::Mark;
use crate::trace::traceparent::Traceparent;

/// Services that are followed at most: a test that reaches more is no path.
const MAX_SERVICES: usize = 1000;

/// Follows traces through the observations of all agents.
#[derive(Debug, Clone, Default)]
pub struct Follow {
    numbers: HashMap<TraceId, u32>,
    places: BTreeMap<String, Place>,
}

#[derive(Debug, Clone, Default)]
struct Place {
    traces: BTreeSet<u32>,
    /// Those whose mark did not count, because of where it came from.
    untrusted: BTreeSet<u32>,
    /// Whether a trace came from no service on the way.
    is_entry: bool,
    first: u64,
}

impl Follow {
    /// Follows these traces.
    pub fn new(traces: impl IntoIterator<Item = TraceId>) -> Self {
        Self { numbers: traces.into_iter().zip(0..).collect(), places: BTreeMap::new() }
    }

    /// Looks at one observation.
    pub fn observe(&mut self, observation: &Observation) {
        if observation.direction != Direction::In {
            return;
        }
        let parsed = observation.context.traceparent.iter().filter_map(|line| Traceparent::parse(line.as_bytes()).ok());
        for number in parsed.filter_map(|context| self.numbers.get(&context.trace_id).copied()) {
            if !self.places.contains_key(&*observation.service) && self.places.len() >= MAX_SERVICES {
                return;
            }
            let place = self.places.entry(observation.service.to_string()).or_default();
            place.traces.insert(number);
            if observation.context.mark.0 == Mark::Untrusted {
                place.untrusted.insert(number);
            }
            place.is_entry |= observation.peer.service.is_none();
            place.first = if place.first == 0 { observation.start } else { place.first.min(observation.start) };
        }
    }

    /// How many of the traces arrived at a service.
    #[must_use]
    pub fn arrived(&self, service: &str) -> u64 {
        self.places.get(service).map_or(0, |place| place.traces.len() as u64)
    }

    /// How many of the traces arrived there with a mark that is not trusted.
    pub(super) fn untrusted(&self, service: &str) -> u64 {
        self.places.get(service).map_or(0, |place| place.untrusted.len() as u64)
    }

    /// How many of the traces arrived anywhere.
    #[must_use]
    pub fn arrived_anywhere(&self) -> u64 {
        self.places.values().flat_map(|place| &place.traces).collect::<BTreeSet<_>>().len() as u64
    }

    /// Arrivals in all: grows as long as observations still come in.
    #[must_use]
    pub fn arrivals(&self) -> u64 {
        self.places.values().map(|place| place.traces.len() as u64).sum()
    }

    /// The services where traces came in from outside, first ones first; the first service of all where that is not
    /// known of any.
    pub(super) fn entries(&self) -> Vec<String> {
        let services = self.services();
        let entry = |service: &String| self.places.get(service).is_some_and(|place| place.is_entry);
        let entries: Vec<String> = services.iter().filter(|service| entry(service)).cloned().collect();
        // A caller that could not be resolved looks like an entry. The earliest one is.
        if entries.is_empty() { services.into_iter().take(1).collect() } else { entries.into_iter().take(1).collect() }
    }

    /// Every service that a trace arrived at, in the order of time.
    pub(super) fn services(&self) -> Vec<String> {
        let mut services: Vec<(&u64, &String)> =
            self.places.iter().map(|(service, place)| (&place.first, service)).collect();
        services.sort();
        services.into_iter().map(|(_, service)| service.clone()).collect()
    }
}

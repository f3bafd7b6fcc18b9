//! When sources lost events: what was not seen then says nothing.

use super::hash::{IdMap, Seeded};
use super::texts::Text;
use super::times::Times;

/// Services whose losses are remembered apart.
const MOST: usize = 4096;

/// Times of losses.
#[derive(Debug)]
pub(super) struct Losses {
    /// Of services that were not named.
    everywhere: Times,
    by_service: IdMap<Text, Times>,
}

impl Losses {
    /// None.
    pub(super) fn new(seed: u64) -> Self {
        Self { everywhere: Times::default(), by_service: IdMap::with_hasher(Seeded(seed)) }
    }

    /// One more. Where too many services are told apart, it counts for all.
    pub(super) fn add(&mut self, at: u64, service: Option<Text>) {
        let is_full = self.by_service.len() >= MOST;
        let known = service.filter(|service| !is_full || self.by_service.contains_key(service));
        let times = known.map_or(&mut self.everywhere, |service| self.by_service.entry(service).or_default());
        times.add(at);
    }

    /// Whether any concerns the service from `from` to `to`, both included.
    pub(super) fn any(&self, service: Text, from: u64, to: u64) -> bool {
        let of_service = self.by_service.get(&service).map_or(0, |times| times.count(from, to));
        of_service + self.everywhere.count(from, to) > 0
    }

    /// Forgets those before `before`.
    pub(super) fn forget(&mut self, before: u64) {
        self.everywhere.forget(before);
        self.by_service.retain(|_, times| {
            times.forget(before);
            times.count(0, u64::MAX) > 0
        });
    }
}

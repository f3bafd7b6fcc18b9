//! When sources lost events, or passed them over: what was not seen then says nothing.

use super::SECOND;
use super::hash::{IdMap, Seeded};
use super::texts::Text;
use super::times::Times;
use crate::gap::observation::Completeness;

/// Services whose losses are remembered apart.
const MOST: usize = 4096;
/// A loss is told within this time, in nanoseconds. A request may also have begun so long before it was lost.
const NEAR: u64 = SECOND;

/// Times of losses.
#[derive(Debug)]
pub(super) struct Losses {
    /// Of services that were not named.
    everywhere: [Times; 2],
    by_service: IdMap<Text, [Times; 2]>,
}

impl Losses {
    /// None.
    pub(super) fn new(seed: u64) -> Self {
        Self { everywhere: Default::default(), by_service: IdMap::with_hasher(Seeded(seed)) }
    }

    /// One more. Where too many services are told apart, it counts for all.
    pub(super) fn add(&mut self, at: u64, service: Option<Text>, why: Completeness) {
        let is_full = self.by_service.len() >= MOST;
        let known = service.filter(|service| !is_full || self.by_service.contains_key(service));
        let of = known.map_or(&mut self.everywhere, |service| self.by_service.entry(service).or_default());
        let [lost, passed_over] = of;
        let times = if why == Completeness::Gated { passed_over } else { lost };
        times.add(at);
    }

    /// Whether anything of the service was lost or passed over about the time from `from` to `to`.
    pub(super) fn any(&self, service: Text, from: u64, to: u64) -> bool {
        self.lists(service).flatten().any(|times| is_near(times, from, to))
    }

    /// Whether anything was lost then. What is passed over because there is too much bears no mark.
    pub(super) fn any_unforeseen(&self, service: Text, from: u64, to: u64) -> bool {
        self.lists(service).any(|[lost, _]| is_near(lost, from, to))
    }

    /// Forgets those before `before`.
    pub(super) fn forget(&mut self, before: u64) {
        let forget = |of: &mut [Times; 2]| {
            of.iter_mut().for_each(|times| {
                times.forget(before);
            })
        };
        forget(&mut self.everywhere);
        self.by_service.retain(|_, of| {
            forget(of);
            of.iter().any(|times| times.count(0, u64::MAX) > 0)
        });
    }

    fn lists(&self, service: Text) -> impl Iterator<Item = &[Times; 2]> {
        std::iter::once(&self.everywhere).chain(self.by_service.get(&service))
    }
}

fn is_near(times: &Times, from: u64, to: u64) -> bool {
    times.count(from.saturating_sub(NEAR), to.saturating_add(NEAR)) > 0
}

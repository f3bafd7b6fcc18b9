//! Which templates a thread has named already: a bounded set of numbers that is asked once a request.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Templates that a proxy names at most; further ones are [`OTHER`](crate::gap::route::OTHER).
pub const MAX_ROUTES: usize = 1000;

/// Twice as many places as numbers, so that a search is short.
const PLACES: u64 = 2048;

const _: () = assert!(MAX_ROUTES * 2 <= PLACES as usize && PLACES.is_power_of_two());

/// The set. One thread adds to it.
#[derive(Debug)]
pub struct KnownRoutes {
    places: Box<[AtomicU64]>,
    count: AtomicU64,
}

/// What the set says of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is in the set.
    Yes,
    /// It is not, and may be added.
    New,
    /// It is not, and there is no room for it.
    Full,
}

impl Default for KnownRoutes {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(), count: AtomicU64::new(0) }
    }
}

impl KnownRoutes {
    /// Whether this template was named already.
    pub(super) fn look(&self, route: u64) -> Known {
        match self.find(route) {
            Some(place) if place.load(Relaxed) == route => Known::Yes,
            Some(_) if self.count.load(Relaxed) < MAX_ROUTES as u64 => Known::New,
            _ => Known::Full,
        }
    }

    /// Whether this template was not named yet and may be.
    #[must_use]
    pub fn may_add(&self, route: u64) -> bool {
        self.look(route) == Known::New
    }

    /// Remembers that it was named.
    pub fn add(&self, route: u64) {
        if self.look(route) == Known::New
            && let Some(place) = self.find(route)
        {
            place.store(route, Relaxed);
            self.count.fetch_add(1, Relaxed);
        }
    }

    /// The place of this number, or the free one where it would be. The number 0 stands for a free place.
    fn find(&self, route: u64) -> Option<&AtomicU64> {
        (0..PLACES)
            .filter_map(|step| self.places.get((route.wrapping_add(step) % PLACES) as usize))
            .find(|place| matches!(place.load(Relaxed), found if found == route || found == 0))
    }
}

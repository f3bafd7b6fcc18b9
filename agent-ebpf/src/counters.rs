//! Counting what happened and what was lost.

use throughline_common::counter::Counter;

use crate::maps::COUNTERS;

/// Adds one. A program runs to its end on its processor, so nothing else adds to the same place meanwhile, but for the
/// rare interrupt; a count may be a few short, and never stops.
#[inline(always)]
pub(crate) fn count(counter: Counter) {
    if let Some(place) = COUNTERS.get_ptr_mut(counter as u32) {
        // SAFETY: the map's value is there for as long as the program runs.
        unsafe { *place = (*place).wrapping_add(1) };
    }
}

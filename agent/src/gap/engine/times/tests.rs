//! Against plain lists.

#![expect(clippy::indexing_slicing, reason = "a failed test should stop")]

use super::*;
use proptest::prelude::*;

proptest! {
    /// Against plain lists.
    #[test]
    fn times_are_counted(added in prop::collection::vec(0_u64..100, 0..60), from in 0_u64..110, to in 0_u64..110) {
        let mut times = Times::default();
        added.iter().for_each(|time| { times.add(*time); });
        let mut expected: Vec<u64> = added.iter().copied().filter(|time| (from..=to).contains(time)).collect();
        expected.sort_unstable();
        prop_assert_eq!(times.count(from, to) as usize, expected.len());
        prop_assert_eq!(times.between(from, to).collect::<Vec<_>>(), expected);
        let old = added.iter().filter(|time| **time < from).count();
        prop_assert_eq!(times.forget(from), old);
    }

    #[test]
    fn lives_overlap(
        added in prop::collection::vec((0_u64..100, 0_u64..30), 1..40),
        own in any::<prop::sample::Index>(),
        from in 0_u64..130,
        length in 0_u64..20,
    ) {
        let lives: Vec<(u64, u64)> = added.iter().map(|(start, length)| (*start, start + length)).collect();
        let mut known = Lives::default();
        lives.iter().for_each(|(start, end)| { known.add(*start, *end); });
        let to = from + length;
        let meets = |life: &&(u64, u64)| life.0 <= to && life.1 >= from;
        prop_assert_eq!(known.any(from, to), lives.iter().any(|life| meets(&life)));
        let own = lives[own.index(lives.len())];
        let others = lives.iter().filter(meets).count() - usize::from(meets(&&own));
        prop_assert_eq!(known.any_but(own, from, to), others > 0);
    }
}

#[test]
fn the_oldest_goes_when_there_are_too_many() {
    let mut times = Times::default();
    let over: Vec<u64> = (0..MOST as u64 + 2).filter_map(|time| times.add(time)).collect();
    assert_eq!(over, [0, 1], "and it is said");
    assert_eq!((times.count(0, 1), times.count(2, 2)), (0, 1));
}

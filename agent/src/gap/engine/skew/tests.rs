//! Clocks that differ, with calls that do and do not outlive their requests.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use super::super::hash::Random;
use super::*;

const MILLI: u64 = 1_000_000;
const HERE: Text = Text(1);
const THERE: Text = Text(2);

/// Requests of 20 ms, whose calls take from 2 ms to 15 ms after them; the other clock is ahead by `ahead`.
fn learnt(ahead: i64, requests: u64, outliving: u64) -> Option<Difference> {
    let (mut skew, mut random) = (Skew::new(1), Random(5));
    for request in 0..requests {
        let start = 1_000_000_000_000 + request * 1_000 * MILLI;
        let from = start + MILLI + random.below(MILLI);
        let to = if request < outliving { start + 500 * MILLI } else { start + 15 * MILLI + random.below(4 * MILLI) };
        let shown = |time: u64| time.saturating_add_signed(ahead);
        skew.learn(THERE, HERE, (shown(from), shown(to)), (start, start + 20 * MILLI));
    }
    skew.between(THERE, HERE)
}

#[test]
fn the_difference_is_limited_from_both_sides() {
    for ahead in [0, 400_000_000, -400_000_000, 3_600_000_000_000] {
        let known = learnt(ahead, 10, 0).unwrap();
        let truth = 5_000_000_000_000_u64;
        let told = known.apply(truth.saturating_add_signed(ahead));
        assert!(told >= truth && told <= truth + known.slack, "{ahead}: {known:?}");
        assert!(known.slack < 10 * MILLI, "{ahead}: {known:?}");
    }
}

#[test]
fn what_is_not_known() {
    let skew = Skew::new(1);
    assert_eq!(skew.between(HERE, HERE), Some(Difference::NONE), "one clock is one clock");
    assert_eq!(skew.between(HERE, THERE), None, "two are not, before they were compared");
    assert_eq!(learnt(0, 3, 0), None, "too few samples");
}

#[test]
fn calls_that_outlive_their_request_do_not_mislead() {
    let known = learnt(0, 10, 3).unwrap();
    assert!(known.slack < 20 * MILLI && known.apply(5_000 * MILLI) + 10 * MILLI >= 5_000 * MILLI, "{known:?}");
}

//! What is learnt from requests that are made up.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test should stop")]

use super::super::hash::Random;
use super::*;
use proptest::prelude::*;

const MILLI: u64 = 1_000_000;

/// Requests of 100 ms that call after `lag` (none: not at all), with so many calls of others a second.
fn learnt(lag: Option<u64>, others: u64, requests: u32) -> Lags {
    let (mut lags, mut random) = (Lags::default(), Random(3));
    let noise = |random: &mut Random| -> Vec<u64> { (0..others / 10).map(|_| random.below(100 * MILLI)).collect() };
    for _ in 0..requests {
        let own = lag.map(|lag| lag + random.below(lag / 10));
        let real: Vec<u64> = noise(&mut random).into_iter().chain(own).collect();
        lags.learn(100 * MILLI, real.into_iter(), noise(&mut random).into_iter());
    }
    lags
}

#[test]
fn a_window_is_learnt() {
    let rows = [
        (Some(2 * MILLI), 0, 40, "a quiet service"),
        (Some(2 * MILLI), 200, 100, "a busy one"),
        (Some(50 * MILLI), 50, 100, "a late call"),
    ];
    for (lag, others, requests, reason) in rows {
        let Fit::Window(window) = learnt(lag, others, requests).fit() else { panic!("{reason}: nothing learnt") };
        let lag = lag.unwrap();
        assert!(window.from <= lag + lag / 50 && lag + lag / 11 <= window.to, "{reason}: {window:?}");
        assert!(window.to - window.from < lag, "{reason}: narrow, not {window:?}");
        assert!(window.calls > 0.7, "{reason}: {window:?}");
    }
}

#[test]
fn what_is_not_made_is_known_too() {
    assert_eq!(learnt(None, 10, 10_000).fit(), Fit::Unrelated);
    assert_eq!(learnt(None, 20, 50).fit(), Fit::Unknown, "too early");
    assert_eq!(learnt(Some(2 * MILLI), 0, 10).fit(), Fit::Unknown, "too early");
}

proptest! {
    #[test]
    fn bins_hold_what_falls_into_them(lag in any::<u64>()) {
        let bin = bin(lag);
        prop_assert!(edge(bin) <= lag);
        prop_assert!(bin == BINS - 1 || lag < edge(bin + 1));
    }
}

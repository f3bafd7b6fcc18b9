//! Order, duplicates, lateness and leaps.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test should stop")]

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::gap::observation::{Completeness, Context, Observation, Origin, Peer, SourceKind};
use crate::trace::marker::Marker;

const SECOND: u64 = 1_000_000_000;

fn observation(source: &str, sequence: u64, start: u64) -> Observation {
    Observation {
        origin: Origin { kind: SourceKind::File, name: source.into(), sequence, clock: "host".into() },
        direction: Direction::In,
        service: "cart".into(),
        process: None,
        epoch: None,
        peer: Peer::default(),
        local: None,
        method: "GET".into(),
        route: "/".into(),
        start,
        end: None,
        context: Context::default(),
        status: None,
        connection: None,
        threads: None,
        completeness: Completeness::Whole,
        synthetic: false,
    }
}

struct Case {
    intake: Intake,
    texts: Texts,
}

impl Case {
    fn new() -> Self {
        Self { intake: Intake::new(1 << 20, 1), texts: Texts::new(1000) }
    }

    fn take(&mut self, source: &str, sequence: u64, start: u64) -> Taken {
        let sighting = Sighting::read(observation(source, sequence, start), &mut self.texts, &Marker::default());
        self.intake.take(sighting.unwrap(), &self.texts)
    }

    fn released(&mut self, everything: bool) -> Vec<(u64, Arc<str>, u64)> {
        let mut released = Vec::new();
        while let Some(next) = self.intake.next(everything) {
            released.push((next.start, self.texts.text(next.source), next.sequence));
        }
        released
    }
}

#[test]
fn what_comes_twice_or_too_late() {
    let mut case = Case::new();
    let rows = [
        ("a", 0, 100, Taken::In, "the first"),
        ("a", 0, 100, Taken::Duplicate, "the same number of the same source"),
        ("b", 0, 100, Taken::In, "of another source"),
        ("a", 2, 140, Taken::In, "a gap"),
        ("a", 1, 111, Taken::In, "which is filled, in time"),
        ("a", 1, 111, Taken::Duplicate, "once"),
        ("a", 3, 99, Taken::Late, "older than what was already passed on"),
        ("a", 0, 141, Taken::In, "a source that was started again counts from 0"),
        ("a", 0, 141, Taken::Duplicate, "and its numbers count once, too"),
    ];
    for (source, sequence, seconds, expected, reason) in rows {
        assert_eq!(case.take(source, sequence, seconds * SECOND), expected, "{source} {sequence} {seconds}: {reason}");
        case.released(false);
    }
}

#[test]
fn a_clock_that_leaps_once_is_not_believed() {
    let mut case = Case::new();
    case.take("a", 0, 1000 * SECOND);
    case.take("b", 0, 1_000_000 * SECOND);
    assert_eq!(case.take("a", 1, 1001 * SECOND), Taken::In);
    case.released(false);
    assert_eq!(case.take("a", 2, 1002 * SECOND), Taken::In, "not made late by the other one's clock");
    (1..50).for_each(|sequence| assert_eq!(case.take("b", sequence, (1_000_000 + sequence) * SECOND), Taken::In));
    case.released(false);
    assert_eq!(case.take("a", 3, 1003 * SECOND), Taken::Late, "when it goes on, that is the time");
}

#[test]
fn numbers_are_remembered_within_a_bound() {
    let mut numbers = Numbers::default();
    (0..MAX_RANGES as u64 + 100).for_each(|number| assert!(numbers.take(2 * number, number), "{number}"));
    assert_eq!(numbers.ranges.len(), MAX_RANGES);
    assert!(!numbers.take(1, 1), "old gaps are taken for seen");
    assert!(numbers.take(u64::MAX, 1) && !numbers.take(u64::MAX, 1));
}

proptest! {
    /// Sources are mixed as they like, within the window: the order is the same.
    #[test]
    fn the_order_does_not_depend_on_how_they_came(
        times in prop::collection::vec(0_u64..25, 1..50),
        order in any::<prop::sample::Index>(),
    ) {
        let mut first = Case::new();
        let all: Vec<(&str, u64, u64)> = times
            .iter()
            .enumerate()
            .map(|(place, time)| (["a", "b", "c"][place % 3], place as u64 / 3, time * SECOND))
            .collect();
        all.iter().for_each(|(source, sequence, time)| { first.take(source, *sequence, *time); });
        let mut second = Case::new();
        let (left, right) = all.split_at(order.index(all.len()));
        right.iter().chain(left).rev().for_each(|(source, sequence, time)| { second.take(source, *sequence, *time); });
        let expected = first.released(true);
        prop_assert!(expected.is_sorted_by_key(|(time, ..)| *time));
        prop_assert_eq!(second.released(true), expected);
    }
}

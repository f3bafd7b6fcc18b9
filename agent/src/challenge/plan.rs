//! When what is sent: pairs of windows, one marked and one without, in random order and at random distances.

use std::time::Duration;

use crate::trace::ids::RandomSource;

/// A window is never shorter: what a service does for a request should fit in.
const SHORTEST: Duration = Duration::from_millis(250);
/// Nor longer: the two windows of a pair belong to the same minute.
const LONGEST: Duration = Duration::from_secs(10);

/// How many windows without a request come before the first pair, at least so long and at most: what a marked window is
/// compared with is taken from the time before it.
const LEAD: u32 = 12;
const SHORTEST_LEAD: Duration = Duration::from_secs(10);
const LONGEST_LEAD: Duration = Duration::from_secs(30);

/// The windows of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How long each window is, marked or not.
    pub window: Duration,
    /// How long nothing is sent before the first of them.
    pub lead: Duration,
    /// How many pairs there are.
    pub pairs: u32,
}

/// What happens in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// A marked request is sent at its beginning.
    Marked,
    /// None is.
    Control,
}

impl Plan {
    /// Windows for a page that was answered in `took`: twice as long, for calls that come after the answer.
    #[must_use]
    pub fn new(pairs: u32, took: Duration) -> Self {
        let window = (took * 2 + SHORTEST).min(LONGEST);
        Self { window, lead: (took * LEAD).clamp(SHORTEST_LEAD, LONGEST_LEAD), pairs }
    }

    /// The two windows of a pair, each with the pause before it: up to one window, so that nothing that runs by the clock
    /// can keep in step.
    pub fn pair(&self, random: &mut dyn RandomSource) -> [(Duration, Slot); 2] {
        let slots = match random.next_u64() & 1 {
            0 => [Slot::Marked, Slot::Control],
            _ => [Slot::Control, Slot::Marked],
        };
        slots.map(|slot| {
            // 53 bits make a fraction from 0 to 1.
            let fraction = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            (self.window.mul_f64(fraction), slot)
        })
    }

    /// How long what is left takes, about.
    #[must_use]
    pub fn remaining(&self, done: u32) -> Duration {
        self.window * 3 * self.pairs.saturating_sub(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u64);

    impl RandomSource for Counting {
        fn next_u64(&mut self) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.0 ^ (self.0 >> 29)
        }
    }

    #[test]
    fn windows_follow_the_page_and_have_bounds() {
        let rows = [
            (Duration::ZERO, 250, "an answer at once"),
            (Duration::from_millis(100), 450, "a usual one"),
            (Duration::from_secs(60), 10_000, "a very slow one"),
        ];
        for (took, window, reason) in rows {
            assert_eq!(Plan::new(20, took).window, Duration::from_millis(window), "{reason}");
        }
    }

    #[test]
    fn both_orders_come_and_no_pause_is_longer_than_a_window() {
        let plan = Plan::new(20, Duration::from_millis(100));
        let mut random = Counting(7);
        let pairs: Vec<_> = (0..200).map(|_| plan.pair(&mut random)).collect();
        let marked_first = pairs.iter().filter(|[(_, first), _]| *first == Slot::Marked).count();
        assert!((60..140).contains(&marked_first), "{marked_first} of 200 begin with the marked window");
        assert!(pairs.iter().flatten().all(|(pause, _)| *pause <= plan.window));
        let mut pauses: Vec<Duration> = pairs.iter().flatten().map(|(pause, _)| *pause).collect();
        pauses.sort();
        assert!(pauses.first() < Some(&(plan.window / 20)) && pauses.last() > Some(&(plan.window / 20 * 19)));
        for [(_, first), (_, second)] in pairs {
            assert_ne!(first, second, "one of each");
        }
    }
}

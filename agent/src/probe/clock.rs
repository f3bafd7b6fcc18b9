//! The kernel programs' clock, and the wall clock beside it.

use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};

/// The wall clock may go this much apart before it is followed: nanoseconds. Times on both sides of a correction cannot
/// be compared, so there should be few.
const APART: u64 = 5_000_000;

/// From one clock to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// When the monotonic clock began, in nanoseconds since the Unix epoch.
    began: u64,
}

impl Clock {
    pub(super) fn now() -> Self {
        Self { began: began() }
    }

    /// Looks whether the wall clock was set, or has gone too far apart.
    pub(super) fn correct(&mut self) {
        let began = began();
        if self.began.abs_diff(began) > APART {
            self.began = began;
        }
    }

    /// Nanoseconds since the Unix epoch.
    pub(super) const fn unix(self, monotonic: u64) -> u64 {
        self.began.saturating_add(monotonic)
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`, as the kernel programs see it; 0 where there is none.
pub(super) fn monotonic() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| nanoseconds(time.into()))
}

fn began() -> u64 {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    nanoseconds(wall).saturating_sub(monotonic())
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_agree_and_small_differences_are_left_alone() {
        let mut clock = Clock::now();
        let wall = nanoseconds(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        assert!(clock.unix(monotonic()).abs_diff(wall) < 1_000_000_000, "a second is long on a busy machine");
        let before = Clock { began: clock.began + APART / 2 };
        clock = before;
        clock.correct();
        assert_eq!(clock, before);
        clock.began += 3600 * 1_000_000_000;
        clock.correct();
        assert!(clock.began.abs_diff(before.began) < 1_000_000_000, "it was set back");
    }
}

//! A process that is watched. The key is its process id (`tgid`).

/// Places in the array that counts watched processes.
pub const PLACES: u32 = 1 << 16;

/// The place in which a process is counted.
#[must_use]
pub const fn place(tgid: u32) -> u32 {
    tgid & (PLACES - 1)
}

/// A second, as budgets count it: 2^30 ns.
pub const SECOND: u32 = 30;

/// What of a budget for each second flowed in while so many nanoseconds passed: messages, and the nanoseconds that they
/// took. The rest of the time counts for those that come next. In more than a second no more flow in than in one.
#[inline(always)]
#[must_use]
pub const fn flowed_in(budget: u32, passed: u64) -> (u32, u64) {
    if passed >> SECOND != 0 {
        return (budget, passed);
    }
    let messages = (passed * budget as u64) >> SECOND;
    match (messages << SECOND).checked_div(budget as u64) {
        Some(took) => (messages as u32, took),
        None => (0, 0),
    }
}

/// Flags of a target.
pub mod flags {
    /// Its 32-bit system calls were seen, and are not observable.
    pub const COMPAT: u32 = 1;
    /// It was put here by the kernel programs because its parent is watched; the user side has not looked at it yet.
    pub const INHERITED: u32 = 1 << 1;
}

/// What the kernel programs know of a process they watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Target {
    /// Until then everything is captured: nanoseconds of `CLOCK_MONOTONIC`.
    pub gate_until: u64,
    /// When the budget last allowed more messages: nanoseconds of `CLOCK_MONOTONIC`.
    pub allowed: u64,
    /// Messages captured of those that the budget allows at a time.
    pub messages: u32,
    /// See [`flags`].
    pub flags: u32,
    /// Messages that were not captured because the gate was closed and the budget used up.
    pub gated: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_flows_in_evenly_and_wholly() {
        const WHOLE: u64 = 1 << SECOND;
        for (budget, step, reason) in [
            (500, 1_000, "many times for each message"),
            (500, 3_000_000, "more than one at a time"),
            (7, 12_345_678, "few"),
            (u32::MAX, 999, "as many as can be"),
            (0, 1_000_000, "none"),
        ] {
            let (mut messages, mut since, mut now, mut times) = (0u64, 0u64, 0u64, 0u64);
            while now < 3 * WHOLE {
                now += step;
                times += 1;
                let (more, took) = flowed_in(budget, now - since);
                messages += u64::from(more);
                since += took;
            }
            // What each took is less than a nanosecond short.
            let expected = |time: u64| (u128::from(time) * u128::from(budget)) >> SECOND;
            let (least, most) = (expected(now).saturating_sub(1), expected(now + times));
            assert!((least..=most).contains(&messages.into()), "{reason}: {messages}, {least} to {most}");
        }
        for passed in [WHOLE, 10 * WHOLE, u64::MAX] {
            assert_eq!(flowed_in(500, passed), (500, passed), "what is for a second");
        }
    }
}

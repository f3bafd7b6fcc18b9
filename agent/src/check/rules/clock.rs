//! The clock: spans bear its times, and backends drop what lies far in the past or in the future.

use crate::check::{Answer, Facts};

/// Before this program was written: 2026-01-01.
const EARLIEST: u64 = 1_767_225_600;
/// Seconds that are shown as a difference; the other side tells whole seconds, after its answer's way.
const NOTICEABLE: u64 = 5;
/// Seconds past which traces of several machines make no sense together.
const WRONG: u64 = 60;

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    let hint = "set it, and keep it by NTP: timedatectl set-ntp true";
    let clock = facts.clock;
    if clock.now < EARLIEST {
        return vec![Answer::error("the clock stands in the past", hint)];
    }
    vec![match clock.ahead {
        None => Answer::ok("plausible; nothing to compare it with"),
        Some(ahead) => {
            let by = ahead.unsigned_abs();
            let direction = if ahead > 0 { "ahead of" } else { "behind" };
            if by <= NOTICEABLE {
                Answer::ok("the same as the exporter's, to a few seconds")
            } else if by <= WRONG {
                Answer::warning(format!("{by} s {direction} the exporter's"), hint)
            } else {
                Answer::error(format!("{by} s {direction} the exporter's: spans may be dropped there"), hint)
            }
        }
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::facts::Clock;
    use crate::check::rules::expect;

    #[test]
    fn clocks_are_compared() {
        let now = EARLIEST + 1000;
        for (now, ahead, state, word, reason) in [
            (now, None, State::Ok, "plausible", "nobody to compare with"),
            (now, Some(-2), State::Ok, "same", "rounding"),
            (now, Some(30), State::Warning, "30 s ahead", "drifting"),
            (now, Some(-3600), State::Error, "3600 s behind", "another time zone"),
            (0, None, State::Error, "past", "no battery"),
        ] {
            let mut facts = Facts::example();
            facts.clock = Clock { now, ahead };
            expect(&judge(&facts), &[(state, word)], reason);
        }
    }
}

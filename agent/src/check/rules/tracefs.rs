//! tracefs, where tracepoints have their numbers. Without it the probe goes another way.

use crate::check::facts::Tracefs;
use crate::check::{Answer, Facts};

/// What happens without.
const OTHERWISE: &str =
    "the probe then uses the raw tracepoint of all system calls, which costs each of them some 30 ns";

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    vec![match &facts.mounts.tracefs {
        Tracefs::Readable(place) => Answer::ok(format!("{place} is mounted and readable")),
        Tracefs::Unreadable { place, cause } => Answer::warning(
            format!("{place} is mounted and cannot be read: {cause}"),
            format!("it belongs to root: start throughline as root with few capabilities; {OTHERWISE}"),
        ),
        Tracefs::Absent => Answer::warning(
            "tracefs is not mounted",
            format!("mount -t tracefs tracefs /sys/kernel/tracing, and let a container see it; {OTHERWISE}"),
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn there_is_another_way() {
        let place = || "/sys/kernel/tracing".to_owned();
        for (tracefs, state, word, reason) in [
            (Tracefs::Readable(place()), State::Ok, "readable", "there"),
            (Tracefs::Unreadable { place: place(), cause: "denied".into() }, State::Warning, "as root", "a user"),
            (Tracefs::Absent, State::Warning, "mount -t tracefs", "a container"),
        ] {
            let mut facts = Facts::example();
            facts.mounts.tracefs = tracefs;
            expect(&judge(&facts), &[(state, word)], reason);
        }
    }
}

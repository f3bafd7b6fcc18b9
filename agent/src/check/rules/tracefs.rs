//! tracefs, where tracepoints have their numbers. Without it the probe goes another way, and where sockets have
//! tracepoints it does not ask for it.

use crate::check::facts::{Release, Tracefs};
use crate::check::{Answer, Facts};

/// The first kernel in which sockets tell what moves over them.
const SOCKETS_TELL: Release = Release(6, 3);

/// What happens without.
const OTHERWISE: &str =
    "the probe then uses the raw tracepoint of all system calls, which costs each of them some 30 ns";

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    let is_asked_for = facts.kernel.release.is_none_or(|release| release < SOCKETS_TELL);
    vec![match &facts.mounts.tracefs {
        Tracefs::Readable(place) => Answer::ok(format!("{place} is mounted and readable")),
        _ if !is_asked_for => Answer::ok("cannot be read, and need not be: this kernel has tracepoints of sockets"),
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
        let unreadable = || Tracefs::Unreadable { place: place(), cause: "denied".into() };
        for (release, tracefs, state, word, reason) in [
            (Release(6, 2), Tracefs::Readable(place()), State::Ok, "readable", "there"),
            (Release(6, 2), unreadable(), State::Warning, "as root", "a user"),
            (Release(6, 2), Tracefs::Absent, State::Warning, "mount -t tracefs", "a container"),
            (Release(6, 3), Tracefs::Absent, State::Ok, "need not", "sockets tell"),
            (Release(6, 3), unreadable(), State::Ok, "need not", "sockets tell"),
        ] {
            let mut facts = Facts::example();
            (facts.kernel.release, facts.mounts.tracefs) = (Some(release), tracefs);
            expect(&judge(&facts), &[(state, word)], reason);
        }
    }
}

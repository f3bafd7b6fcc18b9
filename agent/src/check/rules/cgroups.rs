//! How control groups are set up: they tell containers and units apart.

use crate::check::facts::CgroupMode;
use crate::check::{Answer, Facts};

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    vec![match facts.mounts.cgroups {
        CgroupMode::V2 => Answer::ok("version 2"),
        CgroupMode::Hybrid => Answer::ok("hybrid: groups are read from /proc/PID/cgroup, all trees of it"),
        CgroupMode::V1 => Answer::ok("version 1: groups are read from /proc/PID/cgroup"),
        CgroupMode::None => Answer::warning(
            "no control groups are mounted here: containers and units may not be told apart",
            "mount them; a container sees its own at /sys/fs/cgroup",
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn every_setup_will_do_but_none() {
        for (cgroups, state, word, reason) in [
            (CgroupMode::V2, State::Ok, "version 2", "today"),
            (CgroupMode::Hybrid, State::Ok, "hybrid", "systemd's way between"),
            (CgroupMode::V1, State::Ok, "version 1", "old"),
            (CgroupMode::None, State::Warning, "mount", "an empty container"),
        ] {
            let mut facts = Facts::example();
            facts.mounts.cgroups = cgroups;
            expect(&judge(&facts), &[(state, word)], reason);
        }
    }
}

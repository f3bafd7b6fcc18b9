//! The limit of locked memory, which maps counted against before Linux 5.11.

use super::kernel::COUNTS_BY_CGROUP;
use crate::check::facts::Capability;
use crate::check::{Answer, Facts};

/// The ring buffer and the other maps with their defaults, with room to spare.
const ENOUGH: u64 = 32 << 20;

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    let limit = facts.rights.memlock;
    let said = limit.map_or_else(|| "unlimited".to_owned(), |bytes| format!("{} kB", bytes / 1024));
    vec![if facts.kernel.release.is_some_and(|release| release >= COUNTS_BY_CGROUP) {
        Answer::ok(format!("{said}, which does not count since Linux 5.11"))
    } else if limit.is_none_or(|bytes| bytes >= ENOUGH) {
        Answer::ok(said)
    } else if facts.rights.has(Capability::SYS_RESOURCE) {
        Answer::ok(format!("{said}, and CAP_SYS_RESOURCE lets the agent raise it"))
    } else {
        Answer::not_permitted(
            format!("{said} is too little for the probe's maps, which count before Linux 5.11"),
            "raise it to 32 MB: ulimit -l 32768, LimitMEMLOCK=32M in a unit; or add CAP_SYS_RESOURCE",
        )
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::facts::Release;
    use crate::check::rules::expect;

    #[test]
    fn the_limit_counts_on_old_kernels() {
        for (release, limit, resource, state, word, reason) in [
            (Release(6, 1), Some(65536), false, State::Ok, "5.11", "counted elsewhere"),
            (Release(5, 10), None, false, State::Ok, "unlimited", "no limit"),
            (Release(5, 10), Some(64 << 20), false, State::Ok, "65536 kB", "enough"),
            (Release(5, 10), Some(65536), true, State::Ok, "CAP_SYS_RESOURCE", "it can be raised"),
            (Release(5, 10), Some(65536), false, State::NotPermitted, "LimitMEMLOCK", "the default of old systems"),
        ] {
            let mut facts = Facts::example();
            facts.kernel.release = Some(release);
            facts.rights.memlock = limit;
            facts.rights.effective = if resource { 1 << Capability::SYS_RESOURCE.number } else { 0 };
            expect(&judge(&facts), &[(state, word)], reason);
        }
    }
}

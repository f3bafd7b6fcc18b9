//! Whether the processes of the whole machine can be seen.

use crate::check::facts::Capability;
use crate::check::{Answer, Facts};

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    let rights = &facts.rights;
    vec![if !rights.sees_all_processes {
        Answer::error(
            "this is a process namespace of a container: the kernel's process ids are not the ones seen here",
            "let it see the machine's processes: hostPID: true in Kubernetes, --pid=host elsewhere",
        )
    } else if facts.mounts.hides_processes && !rights.has(Capability::SYS_PTRACE) {
        Answer::warning(
            "/proc is mounted with hidepid: other users' processes are not seen",
            "add CAP_SYS_PTRACE, or mount /proc without it for this process (ProtectProc=default in a unit)",
        )
    } else {
        Answer::ok("the processes of the whole machine are seen")
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn processes_have_to_be_seen() {
        for (sees, hides, ptrace, state, word, reason) in [
            (true, false, true, State::Ok, "whole machine", "on the machine itself"),
            (false, false, true, State::Error, "hostPID", "in a container"),
            (true, true, false, State::Warning, "hidepid", "hidden from a user"),
            (true, true, true, State::Ok, "whole machine", "who may look at processes sees hidden ones"),
        ] {
            let mut facts = Facts::example();
            facts.rights.sees_all_processes = sees;
            facts.mounts.hides_processes = hides;
            if !ptrace {
                facts.rights.effective = 0;
            }
            expect(&judge(&facts), &[(state, word)], reason);
        }
    }
}

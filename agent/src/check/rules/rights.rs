//! Capabilities: which are missing, and what each is for.

use crate::check::facts::{Capability, Rights, Seccomp};
use crate::check::{Answer, Facts};

/// What the probe cannot do without, and what for.
const NEEDED: [(Capability, &str); 2] =
    [(Capability::BPF, "loads programs"), (Capability::PERFMON, "attaches them and reads kernel memory")];

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    let rights = &facts.rights;
    let mut answers = vec![needed(rights)];
    answers.extend(names(rights));
    answers.extend(elsewhere(rights));
    answers.extend(filtered(rights));
    answers
}

fn needed(rights: &Rights) -> Answer {
    if rights.may_load() {
        let held = if rights.has(Capability::BPF) && rights.has(Capability::PERFMON) {
            "CAP_BPF and CAP_PERFMON are in force"
        } else {
            "CAP_SYS_ADMIN is in force, which stands for CAP_BPF and CAP_PERFMON"
        };
        return Answer::ok(held);
    }
    let missing: Vec<_> = NEEDED.iter().filter(|(capability, _)| !rights.has(*capability)).collect();
    let list = |of: &dyn Fn(&(Capability, &str)) -> String| missing.iter().map(|one| of(one)).collect::<Vec<_>>();
    let named = list(&|(capability, purpose)| format!("{} ({purpose})", capability.name)).join(" and ");
    let names = list(&|(capability, _)| capability.name.to_owned());
    let verb = if missing.len() == 1 { "is" } else { "are" };
    let all = |set: u64| missing.iter().all(|(capability, _)| capability.is_in(set));
    let hint = if all(rights.permitted) {
        "they are permitted and not in force: something lowered them; start throughline anew".to_owned()
    } else if !all(rights.bounding) {
        format!(
            "the bounding set leaves them out, as containers do: add {} to the container's capabilities",
            kubernetes_names(&names)
        )
    } else if rights.no_new_privileges {
        "no_new_privs is set, so file capabilities cannot help: start it as root, or with ambient capabilities"
            .to_owned()
    } else {
        format!(
            "run it as root, as deploy/systemd/throughline-agent.service does it, or: setcap {}+ep FILE",
            names.join(",").to_lowercase()
        )
    };
    Answer::not_permitted(format!("{named} {verb} missing"), hint)
}

/// As Kubernetes and container engines write them.
fn kubernetes_names(names: &[String]) -> String {
    names.iter().map(|name| name.trim_start_matches("CAP_")).collect::<Vec<_>>().join(" and ")
}

/// Without these two, processes of other users are known in part.
fn names(rights: &Rights) -> Option<Answer> {
    if !rights.may_load() {
        return None;
    }
    let (sees, reads) = (rights.has(Capability::SYS_PTRACE), rights.has(Capability::DAC_READ_SEARCH));
    Some(match (sees, reads) {
        (true, true) => {
            Answer::ok("CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are in force: processes of all users are known")
        }
        (true, false) => Answer::warning(
            "CAP_DAC_READ_SEARCH is missing: which ports other users' processes listen on stays unknown, and their \
             OTEL_SERVICE_NAME",
            "add DAC_READ_SEARCH, or choose and name services by executable, control group or unit",
        ),
        (false, _) => Answer::warning(
            "CAP_SYS_PTRACE is missing: other users' processes are known by their command and control group alone",
            "add SYS_PTRACE and DAC_READ_SEARCH, or choose and name services by command, control group or unit",
        ),
    })
}

fn elsewhere(rights: &Rights) -> Option<Answer> {
    (!rights.is_in_first_user_namespace).then(|| {
        Answer::not_permitted(
            "this is a user namespace of its own, in which capabilities do not count for the kernel",
            "run it outside of it: no rootless container, no hostUsers: false",
        )
    })
}

fn filtered(rights: &Rights) -> Option<Answer> {
    (rights.seccomp == Seccomp::Filtered && rights.may_load()).then(|| {
        Answer::ok("system calls are filtered (seccomp); whether that lets bpf and perf_event_open pass shows below")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    const BOTH: u64 = 1 << 39 | 1 << 38;
    const PTRACE: u64 = 1 << 19 | 1 << 2;
    const ADMIN: u64 = 1 << 21;
    const ALL: u64 = (1 << 41) - 1;

    #[test]
    fn missing_capabilities_are_named_with_a_way_to_get_them() {
        type Row = (&'static str, u64, u64, u64, bool, &'static [(State, &'static str)]);
        let rows: &[Row] = &[
            (
                "all that is needed",
                BOTH | PTRACE,
                BOTH | PTRACE,
                BOTH | PTRACE,
                true,
                &[(State::Ok, "CAP_BPF and CAP_PERFMON"), (State::Ok, "CAP_SYS_PTRACE")],
            ),
            (
                "names will be missing",
                BOTH,
                BOTH,
                BOTH,
                true,
                &[(State::Ok, "CAP_BPF"), (State::Warning, "CAP_SYS_PTRACE")],
            ),
            (
                "ports will be missing",
                BOTH | 1 << 19,
                BOTH,
                BOTH,
                true,
                &[(State::Ok, "CAP_BPF"), (State::Warning, "CAP_DAC_READ_SEARCH")],
            ),
            (
                "the old way",
                ADMIN | PTRACE,
                ADMIN,
                ADMIN,
                false,
                &[(State::Ok, "stands for"), (State::Ok, "SYS_PTRACE")],
            ),
            ("a user", 0, 0, ALL, false, &[(State::NotPermitted, "setcap cap_bpf,cap_perfmon+ep")]),
            ("a user who can gain nothing", 0, 0, ALL, true, &[(State::NotPermitted, "no_new_privs")]),
            ("a container", 0, 0, PTRACE, true, &[(State::NotPermitted, "add BPF and PERFMON")]),
            (
                "one of two",
                1 << 38,
                1 << 38,
                1 << 38,
                true,
                &[(State::NotPermitted, "CAP_BPF (loads programs) is missing")],
            ),
            ("lowered", 0, BOTH, BOTH, true, &[(State::NotPermitted, "permitted and not in force")]),
        ];
        for (reason, effective, permitted, bounding, no_new_privileges, expected) in rows {
            let mut facts = Facts::example();
            let rights = &mut facts.rights;
            (rights.effective, rights.permitted, rights.bounding) = (*effective, *permitted, *bounding);
            rights.no_new_privileges = *no_new_privileges;
            expect(&judge(&facts), expected, reason);
        }
    }

    #[test]
    fn a_user_namespace_is_named() {
        let mut facts = Facts::example();
        facts.rights.is_in_first_user_namespace = false;
        facts.rights.seccomp = Seccomp::Filtered;
        let expected =
            &[(State::Ok, ""), (State::Ok, ""), (State::NotPermitted, "user namespace"), (State::Ok, "seccomp")];
        expect(&judge(&facts), expected, "root in a rootless container");
    }
}

//! The kernel's release.

use crate::check::facts::Release;
use crate::check::{Answer, Facts};

/// The oldest kernel the probe is tried on. The ring buffer and the two capabilities came with 5.8.
pub(in crate::check) const OLDEST: Release = Release(5, 10);
/// Locked memory is no longer counted against a limit of its own.
pub(in crate::check) const COUNTS_BY_CGROUP: Release = Release(5, 11);
/// A program can ask for a task's registers (`bpf_task_pt_regs`).
const REGISTERS: Release = Release(5, 15);
/// Where the registers of a system call are known.
const ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    let kernel = &facts.kernel;
    let Some(release) = kernel.release else {
        let hint = "the probe needs Linux 5.10 or later; proxies run without it";
        return vec![Answer::not_permitted(format!("{:?} is no release of Linux that is known", kernel.name), hint)];
    };
    let name = format!("Linux {} on {}", kernel.name, kernel.architecture);
    if !ARCHITECTURES.contains(&kernel.architecture) {
        let hint = "the probe knows x86-64 and arm64; proxies run without it";
        return vec![Answer::not_permitted(name, hint)];
    }
    let answer = if release < OLDEST {
        Answer::not_permitted(
            format!("{name} is too old"),
            "the probe needs Linux 5.10 or later; proxies run without it",
        )
    } else if release < REGISTERS {
        Answer::warning(
            format!("{name} has no bpf_task_pt_regs"),
            "the probe works, and watches each call at its entry too, which costs more; 5.15 or later does not need that",
        )
    } else {
        Answer::ok(name)
    };
    vec![answer]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn releases() {
        for (name, architecture, state, word, reason) in [
            ("6.18.44", "x86_64", State::Ok, "6.18", "new"),
            ("5.15.0-119-generic", "aarch64", State::Ok, "5.15", "the first with the helper"),
            ("5.10.0-33-amd64", "x86_64", State::Warning, "bpf_task_pt_regs", "without it"),
            ("5.4.0-190-generic", "x86_64", State::NotPermitted, "5.10", "too old"),
            ("4.18.0-553.el8", "x86_64", State::NotPermitted, "too old", "too old by far"),
            ("6.1.0", "riscv64", State::NotPermitted, "arm64", "registers that nobody looked up"),
            ("", "x86_64", State::NotPermitted, "known", "no /proc"),
        ] {
            let mut facts = Facts::example();
            (facts.kernel.name, facts.kernel.release) = (name.to_owned(), Release::parse(name));
            facts.kernel.architecture = architecture;
            expect(&judge(&facts), &[(state, word)], reason);
        }
    }
}

//! The ring buffer through which the probe's programs hand over what they saw.

use super::programs::{NOT_ASKED, NOT_BUILT};
use crate::check::facts::Trial;
use crate::check::{Answer, Facts};

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    vec![match &facts.bpf.trial {
        Trial::NotBuilt => Answer::skipped(NOT_BUILT),
        Trial::NotAsked => Answer::skipped(NOT_ASKED),
        Trial::Made { ring: Ok(()), .. } => Answer::ok("can be made"),
        Trial::Made { ring: Err(cause), .. } if !facts.rights.may_load() => {
            Answer::skipped(format!("cannot be made without the capabilities: {cause}"))
        }
        Trial::Made { ring: Err(cause), .. } => Answer::not_permitted(
            format!("cannot be made: {cause}"),
            "a filter of system calls (seccomp) may refuse bpf, or the memory may not be had; see capabilities and \
             memlock above",
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn the_first_cause_is_named() {
        let made =
            |ring: Result<(), &str>| Trial::Made { ring: ring.map_err(str::to_owned), programs: Err("no".into()) };
        for (trial, effective, state, word, reason) in [
            (made(Ok(())), u64::MAX, State::Ok, "can be made", "it works"),
            (made(Err("EPERM")), u64::MAX, State::NotPermitted, "seccomp", "something forbids it to root"),
            (made(Err("EPERM")), 0, State::Skipped, "capabilities", "the line above says it"),
            (Trial::NotBuilt, 0, State::Skipped, "ebpf", "not built"),
            (Trial::NotAsked, 0, State::Skipped, "not asked", "not asked"),
        ] {
            let mut facts = Facts::example();
            facts.bpf.trial = trial;
            facts.rights.effective = effective;
            expect(&judge(&facts), &[(state, word)], reason);
        }
    }
}

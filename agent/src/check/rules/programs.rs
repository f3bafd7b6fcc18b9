//! The probe's own programs, each loaded and attached as a trial and let go at once.

use crate::check::facts::{Loaded, Trial};
use crate::check::{Answer, Facts};

pub(super) const NOT_BUILT: &str = "this build has no probe: the feature ebpf is off";
pub(super) const NOT_ASKED: &str = "was not asked for";

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    match &facts.bpf.trial {
        Trial::NotBuilt if facts.plan_wants_probe() => {
            vec![Answer::not_permitted(NOT_BUILT, "build it with cargo build --features ebpf, on Linux")]
        }
        Trial::NotBuilt => vec![Answer::skipped(NOT_BUILT)],
        Trial::NotAsked => vec![Answer::skipped(NOT_ASKED)],
        Trial::Made { .. } if !facts.rights.may_load() => {
            vec![Answer::skipped("cannot be loaded without the capabilities")]
        }
        Trial::Made { programs: Err(cause), .. } => {
            vec![Answer::not_permitted(
                cause,
                "the lines above say what is missing; the agent goes on without the probe",
            )]
        }
        Trial::Made { programs: Ok(loaded), .. } => each(loaded),
    }
}

fn each(loaded: &Loaded) -> Vec<Answer> {
    let Loaded { way, passed_over, working, refused } = loaded;
    let all = working + refused.len();
    let count = if refused.is_empty() { format!("all {all}") } else { format!("{working} of {all}") };
    let mut answers = vec![Answer::ok(format!("{count} were loaded, attached and let go again, by {way}"))];
    answers.extend(refused.iter().map(|[name, cause, without]| {
        Answer::warning(format!("{name} cannot be had: {cause}"), format!("without it {without}; the others go on"))
    }));
    if !passed_over.is_empty() {
        answers.push(Answer::warning(
            format!("better ways were refused: {}", passed_over.join("; ")),
            "sockets have tracepoints since Linux 6.3; for others see the lines on the kernel and tracefs; this way costs \
             a little more and sees the same",
        ));
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn each_program_stands_for_itself() {
        let text = |text: &str| text.to_owned();
        let loaded = |refused: &[[&str; 3]], passed_over: &[&str]| {
            Ok(Loaded {
                way: text("tracepoints"),
                passed_over: passed_over.iter().map(|why| text(why)).collect(),
                working: 10,
                refused: refused.iter().map(|part| part.map(text)).collect(),
            })
        };
        let fork = ["process_fork", "no such tracepoint", "first requests are missed"];
        for (programs, effective, expected, reason) in [
            (loaded(&[], &[]), u64::MAX, &[(State::Ok, "all 10")][..], "all of them"),
            (
                loaded(&[fork], &[]),
                u64::MAX,
                &[(State::Ok, "10 of 11"), (State::Warning, "first requests are missed")],
                "one is missing",
            ),
            (
                loaded(&[], &["perf events refused"]),
                u64::MAX,
                &[(State::Ok, "all 10"), (State::Warning, "perf events refused")],
                "another way",
            ),
            (Err(text("no BTF")), u64::MAX, &[(State::NotPermitted, "no BTF")], "none"),
            (Err(text("EPERM")), 0, &[(State::Skipped, "capabilities")], "the line above says why"),
        ] {
            let mut facts = Facts::example();
            facts.bpf.trial = Trial::Made { ring: Ok(()), programs };
            facts.rights.effective = effective;
            expect(&judge(&facts), expected, reason);
        }
    }

    #[test]
    fn a_build_without_the_probe_says_so() {
        let mut facts = Facts::example();
        facts.bpf.trial = Trial::NotBuilt;
        expect(&judge(&facts), &[(State::Skipped, "ebpf")], "nobody wants it");
        facts.set_targets();
        expect(&judge(&facts), &[(State::NotPermitted, "--features ebpf")], "the configuration has targets");
    }
}

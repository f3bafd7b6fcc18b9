//! The probe's own programs, each loaded and attached as a trial and let go at once.

use crate::check::facts::Trial;
use crate::check::{Answer, Facts};

pub(super) const NOT_BUILT: &str = "this build has no probe: the feature ebpf is off";
pub(super) const NOT_ASKED: &str = "was not asked for";

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    let programs = match &facts.bpf.trial {
        Trial::NotBuilt if facts.plan_wants_probe() => {
            return vec![Answer::not_permitted(NOT_BUILT, "build it with cargo build --features ebpf, on Linux")];
        }
        Trial::NotBuilt => return vec![Answer::skipped(NOT_BUILT)],
        Trial::NotAsked => return vec![Answer::skipped(NOT_ASKED)],
        Trial::Made { programs, .. } => programs,
    };
    let refused: Vec<_> = programs.iter().filter_map(|(name, result)| Some((name, result.as_ref().err()?))).collect();
    let (all, bad) = (programs.len(), refused.len());
    if !facts.rights.may_load() {
        return vec![Answer::skipped("cannot be loaded without the capabilities")];
    }
    if refused.is_empty() {
        return vec![Answer::ok(format!("all {all} were loaded, attached and let go again"))];
    }
    if bad == all {
        let (name, cause) = refused.first().copied().map_or(("", ""), |(name, cause)| (name.as_str(), cause.as_str()));
        return vec![Answer::not_permitted(
            format!("none of {all} can be loaded; {name}: {cause}"),
            "see the lines above; the agent goes on without the probe",
        )];
    }
    let mut answers = vec![Answer::ok(format!("{} of {all} were loaded, attached and let go again", all - bad))];
    answers.extend(refused.into_iter().map(|(name, cause)| {
        Answer::warning(
            format!("{name} cannot be had: {cause}"),
            "what it would have seen stays unseen and counts as unknown; the other programs go on",
        )
    }));
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    fn trial(results: &[(&str, Result<(), &str>)]) -> Trial {
        let own = |(name, result): &(&str, Result<(), &str>)| ((*name).to_owned(), result.map_err(str::to_owned));
        Trial::Made { ring: Ok(()), programs: results.iter().map(own).collect() }
    }

    #[test]
    fn each_program_stands_for_itself() {
        let (good, bad) = (("read", Ok(())), ("sendfile", Err("no such tracepoint")));
        for (results, effective, expected, reason) in [
            (&[good, good][..], u64::MAX, &[(State::Ok, "all 2")][..], "all of them"),
            (&[good, bad], u64::MAX, &[(State::Ok, "1 of 2"), (State::Warning, "sendfile")], "one is missing"),
            (&[bad, bad], u64::MAX, &[(State::NotPermitted, "no such tracepoint")], "none"),
            (&[bad], 0, &[(State::Skipped, "capabilities")], "the line above says why"),
        ] {
            let mut facts = Facts::example();
            facts.bpf.trial = trial(results);
            facts.rights.effective = effective;
            expect(&judge(&facts), expected, reason);
        }
        let mut facts = Facts::example();
        facts.bpf.trial = Trial::NotBuilt;
        expect(&judge(&facts), &[(State::Skipped, "ebpf")], "a build without it");
    }
}

//! Whom the probe would watch. A description that fits nobody is a warning, because who fits it may come up later.

use crate::check::facts::{Capability, TargetFact};
use crate::check::{Answer, Facts};
use crate::config::workload::Selector;

/// Services that are named, and processes that are.
const NAMED: usize = 5;
const NUMBERED: usize = 3;

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    match &facts.targets {
        Ok(targets) => {
            // What is hidden from root is about to end.
            let sees_all = [Capability::SYS_PTRACE, Capability::DAC_READ_SEARCH].iter().all(|of| facts.rights.has(*of));
            let hidden = if sees_all { 0 } else { targets.hidden };
            targets.each.iter().map(|fact| answer(fact, hidden)).collect()
        }
        Err(cause) => vec![Answer::error(
            format!("processes cannot be looked at: {cause}"),
            "mount /proc; the probe needs it to know whom it watches",
        )],
    }
}

fn answer(fact: &TargetFact, hidden: u64) -> Answer {
    let TargetFact { selector, processes, services } = fact;
    if !processes.is_empty() {
        let numbers: Vec<_> = processes.iter().take(NUMBERED).map(ToString::to_string).collect();
        let who = match processes.len() {
            1 => format!("process {}", numbers.concat()),
            few if few <= NUMBERED => format!("processes {}", numbers.join(", ")),
            many => format!("{many} processes"),
        };
        let mut names = services.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        if services.len() > NAMED {
            names += &format!(" and {} more", services.len() - NAMED);
        }
        return Answer::ok(format!("{selector} fits {who}, reported as {names}"));
    }
    match selector {
        Selector::Pid(pid) => Answer::warning(
            format!("{selector} fits nobody: no process has the id {pid}, or it is one that is never watched"),
            "a service that is started again gets another id: better name its port, executable or unit",
        ),
        Selector::Port(_) if hidden > 0 => Answer::warning(
            format!("{selector} fits nobody, as far as is seen: the ports of {hidden} processes are hidden"),
            "add CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, or run this as root",
        ),
        _ => Answer::warning(
            format!("{selector} fits no process now"),
            "start the service: it is watched from then on; if it runs, check how it is described",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::check::State;
    use crate::check::facts::TargetFacts;
    use crate::check::rules::expect;

    #[test]
    fn targets_fit_somebody_or_may_do_so_later() {
        let (one, two) = (["cart"].as_slice(), ["cart", "shop"].as_slice());
        let six = ["a", "b", "c", "d", "e", "f"].as_slice();
        for (selector, processes, services, hidden, state, word, reason) in [
            (Selector::Pid(7), vec![7], one, 0, State::Ok, "process 7, reported as cart", "one process"),
            (Selector::Port(80), vec![7, 9], two, 3, State::Ok, "processes 7, 9, reported as cart, shop", "a few"),
            (Selector::All, vec![1, 2, 3, 4, 5, 6], six, 0, State::Ok, "6 processes", "many are counted"),
            (Selector::All, vec![1, 2, 3, 4, 5, 6], six, 0, State::Ok, "d, e and 1 more", "and their names cut"),
            (Selector::Pid(7), vec![], &[], 0, State::Warning, "another id", "one that has ended"),
            (Selector::Port(80), vec![], &[], 0, State::Warning, "start the service", "not there yet"),
            (Selector::Port(80), vec![], &[], 12, State::Warning, "ports of 12 processes", "perhaps only not seen"),
            (Selector::All, vec![], &[], 12, State::Warning, "fits no process", "ports do not matter to it"),
        ] {
            let mut facts = Facts::example();
            facts.rights.effective = 0;
            let services = services.iter().map(|name| (*name).to_owned()).collect();
            facts.targets = Ok(TargetFacts { each: vec![TargetFact { selector, processes, services }], hidden });
            expect(&judge(&facts), &[(state, word)], reason);
        }
        let mut facts = Facts::example();
        let port = TargetFact { selector: Selector::Port(80), processes: vec![], services: BTreeSet::new() };
        facts.targets = Ok(TargetFacts { each: vec![port], hidden: 2 });
        expect(&judge(&facts), &[(State::Warning, "fits no process")], "who may see all, sees what there is");
        facts.targets = Err("no such file".to_owned());
        expect(&judge(&facts), &[(State::Error, "mount /proc")], "nobody is seen");
    }
}

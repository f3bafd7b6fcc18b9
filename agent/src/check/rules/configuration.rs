//! The configuration file: whether it can be used, and what is odd about it.

use crate::check::{Answer, Facts, Plan};

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    match &facts.plan {
        Plan::None => {
            vec![Answer::skipped("none was named; --config FILE has its addresses and upstreams looked at too")]
        }
        Plan::Broken { mistakes, .. } => mistakes
            .iter()
            .map(|mistake| Answer::error(mistake, "throughline config validate FILE says the same, and nothing else"))
            .collect(),
        Plan::Usable { file, config, warnings } => {
            let count = config.proxies.len();
            let noun = if count == 1 { "proxy" } else { "proxies" };
            let probe = if config.probe.is_wanted() { "and the probe" } else { "no probe" };
            let mut answers = vec![Answer::ok(format!("{file} is in order: {count} {noun}, {probe}"))];
            answers.extend(warnings.iter().map(|odd| Answer::warning(odd, "change it, or leave it if it is meant so")));
            answers
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn every_mistake_is_a_line() {
        let mut facts = Facts::example();
        expect(&judge(&facts), &[(State::Ok, "1 proxy")], "in order");
        facts.plan = Plan::None;
        expect(&judge(&facts), &[(State::Skipped, "--config")], "none named");
        facts.plan =
            Plan::Broken { file: "a.yaml".to_owned(), mistakes: vec!["a.yaml:1: one".to_owned(), "two".to_owned()] };
        expect(&judge(&facts), &[(State::Error, "a.yaml:1"), (State::Error, "two")], "two mistakes");
    }
}

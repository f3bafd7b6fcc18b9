//! The upstreams: whether somebody answers there. One that does not is a warning, because it may come up later.

use crate::check::facts::{Reached, UpstreamFact};
use crate::check::{Answer, Facts, Plan};

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    match &facts.upstreams {
        None if matches!(facts.plan, Plan::Usable { .. }) => vec![Answer::skipped("were not asked")],
        None => Vec::new(),
        Some(upstreams) => upstreams.iter().map(answer).collect(),
    }
}

fn answer(fact: &UpstreamFact) -> Answer {
    let UpstreamFact { service, upstream, reached } = fact;
    match reached {
        Reached::Connected { failed: 0, .. } => Answer::ok(format!("{upstream} answers ({service})")),
        Reached::Connected { address, failed } => Answer::warning(
            format!("{upstream} answers at {address}, and not at {failed} of its addresses ({service})"),
            "take the others out of the name, or start what should listen there",
        ),
        Reached::NoAddress(cause) => Answer::warning(
            format!("{upstream} has no address: {cause} ({service})"),
            "check the name; until it leads somewhere, requests get 502",
        ),
        Reached::Nobody { addresses, cause } => {
            let where_ = if *addresses == 1 { String::new() } else { format!(" at {addresses} addresses") };
            Answer::warning(
                format!("{upstream} does not answer{where_}: {cause} ({service})"),
                "start the service; until it answers, requests get 502",
            )
        }
        Reached::NoTls { address, cause } => Answer::error(
            format!("{upstream} answers at {address}, and TLS fails: {cause} ({service})"),
            "name its authority with upstream_ca, or http:// if it speaks no TLS",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn upstreams_answer_or_may_do_so_later() {
        let address = "10.0.0.1:443".parse().unwrap();
        for (reached, state, word, reason) in [
            (Reached::Connected { address, failed: 0 }, State::Ok, "answers", "there"),
            (Reached::Connected { address, failed: 2 }, State::Warning, "not at 2", "some of them"),
            (Reached::NoAddress("no such name".to_owned()), State::Warning, "502", "a name that leads nowhere"),
            (Reached::Nobody { addresses: 2, cause: "refused".into() }, State::Warning, "2 addresses", "down"),
            (
                Reached::NoTls { address, cause: "UnknownIssuer".into() },
                State::Error,
                "upstream_ca",
                "a private authority",
            ),
        ] {
            let mut facts = Facts::example();
            let (service, upstream) = ("shop".to_owned(), "https://shop.internal:443".to_owned());
            facts.upstreams = Some(vec![UpstreamFact { service, upstream, reached }]);
            expect(&judge(&facts), &[(state, word)], reason);
        }
        let mut facts = Facts::example();
        facts.upstreams = None;
        expect(&judge(&facts), &[(State::Skipped, "not asked")], "without network");
    }
}

//! Where spans go: whether somebody answers there, and whether the key is right.

use crate::check::facts::ExporterFact;
use crate::check::{Answer, Facts};
use crate::export::trial::Said;

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    let (endpoint, said) = match &facts.exporter {
        ExporterFact::Unknown => return Vec::new(),
        ExporterFact::None => return vec![Answer::ok("spans go nowhere, as configured")],
        ExporterFact::Print => return vec![Answer::ok("spans go to standard output")],
        ExporterFact::Unasked(endpoint) => return vec![Answer::skipped(format!("{} was not asked", endpoint.url))],
        ExporterFact::Asked { endpoint, said, .. } => (endpoint, said),
    };
    let url = &endpoint.url;
    let key = if endpoint.is_checkly {
        "copy the key from the Traces page of the Checkly account into OTEL_EXPORTER_OTLP_HEADERS=authorization=KEY, \
         or into headers of export; importing traces has to be switched on there"
    } else if endpoint.has_headers {
        "check the headers: OTEL_EXPORTER_OTLP_HEADERS, or headers of export in the configuration"
    } else {
        "it wants credentials and no header is configured: set OTEL_EXPORTER_OTLP_HEADERS, or headers of export"
    };
    vec![match said {
        Said::Taken if endpoint.is_checkly && !endpoint.has_headers => {
            Answer::warning(format!("{url} answers, and no key is configured"), key)
        }
        Said::Taken => Answer::ok(format!("{url} takes a request without spans")),
        Said::Denied(cause) => Answer::error(format!("{url} refuses the key: {cause}"), key),
        Said::Refused(cause) => Answer::error(
            format!("{url} is there and refuses: {cause}"),
            "check the path and OTEL_EXPORTER_OTLP_PROTOCOL: is this an endpoint for traces over OTLP?",
        ),
        Said::Busy(cause) => Answer::warning(
            format!("{url} is there and takes nothing now: {cause}"),
            "try again later; spans are tried again for half a minute, then dropped and counted",
        ),
        Said::Unreachable(cause) => Answer::error(
            format!("{url} cannot be reached: {cause}"),
            "check name, port and firewall; until then marked requests pass as they came",
        ),
        Said::Unusable(cause) => Answer::error(cause, "check headers and certificates of the exporter"),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::facts::Endpoint;
    use crate::check::rules::expect;

    #[test]
    fn the_key_is_told_plainly() {
        let text = || "the endpoint answered 401".to_owned();
        for (checkly, headers, said, state, word, reason) in [
            (false, false, Said::Taken, State::Ok, "takes", "a collector"),
            (true, true, Said::Taken, State::Ok, "takes", "Checkly with a key"),
            (true, false, Said::Taken, State::Warning, "no key", "Checkly without, however it answers"),
            (true, true, Said::Denied(text()), State::Error, "Traces page", "Checkly, a wrong key"),
            (false, true, Said::Denied(text()), State::Error, "check the headers", "another backend, a wrong key"),
            (false, false, Said::Denied(text()), State::Error, "no header is configured", "none at all"),
            (false, false, Said::Refused(text()), State::Error, "check the path", "something else listens there"),
            (false, false, Said::Busy(text()), State::Warning, "later", "overloaded"),
            (false, false, Said::Unreachable(text()), State::Error, "firewall", "nobody"),
            (false, false, Said::Unusable(text()), State::Error, "certificates", "no client"),
        ] {
            let mut facts = Facts::example();
            let url = "https://otel.example/v1/traces".to_owned();
            let endpoint = Endpoint { url, is_checkly: checkly, has_headers: headers };
            facts.exporter = ExporterFact::Asked { endpoint, said, clocks: None };
            expect(&judge(&facts), &[(state, word)], reason);
        }
        let mut facts = Facts::example();
        for (exporter, state, reason) in
            [(ExporterFact::None, State::Ok, "none"), (ExporterFact::Print, State::Ok, "standard output")]
        {
            facts.exporter = exporter;
            expect(&judge(&facts), &[(state, "spans go")], reason);
        }
    }
}

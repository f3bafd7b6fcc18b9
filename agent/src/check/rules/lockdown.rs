//! Lockdown: how far the kernel protects itself from its administrator.

use crate::check::facts::Lockdown;
use crate::check::{Answer, Facts};

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    vec![match facts.kernel.lockdown {
        Lockdown::None => Answer::ok("off"),
        Lockdown::Integrity => Answer::ok("integrity: the kernel cannot be written to, and the probe only reads"),
        Lockdown::Confidentiality => Answer::not_permitted(
            "confidentiality: programs may not read kernel memory",
            "start the machine with lockdown=integrity, or run proxies without the probe",
        ),
        Lockdown::Unknown => {
            Answer::skipped("/sys/kernel/security/lockdown is not there: not built in, or securityfs is not mounted")
        }
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;

    #[test]
    fn only_reading_may_be_forbidden() {
        for (lockdown, state, word, reason) in [
            (Lockdown::None, State::Ok, "off", "off"),
            (Lockdown::Integrity, State::Ok, "integrity", "writing is what it forbids"),
            (Lockdown::Confidentiality, State::NotPermitted, "lockdown=integrity", "reading too"),
            (Lockdown::Unknown, State::Skipped, "securityfs", "a container seldom sees it"),
        ] {
            let mut facts = Facts::example();
            facts.kernel.lockdown = lockdown;
            expect(&judge(&facts), &[(state, word)], reason);
        }
    }
}

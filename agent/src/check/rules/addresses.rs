//! The addresses that the configuration listens on.

use std::io::ErrorKind;

use crate::check::facts::{PortFact, PortState};
use crate::check::{Answer, Facts};

/// The name of this program's processes.
const OURS: &str = "throughline";

pub(in crate::check) fn judge(facts: &Facts) -> Vec<Answer> {
    facts.ports.iter().map(answer).collect()
}

fn answer(port: &PortFact) -> Answer {
    let PortFact { purpose, address, state } = port;
    match state {
        PortState::Free => Answer::ok(format!("{address} is free ({purpose})")),
        PortState::Taken(Some(by)) if by.name == OURS => {
            Answer::ok(format!("{address} is served by throughline, process {} ({purpose})", by.pid))
        }
        PortState::Taken(Some(by)) => Answer::error(
            format!("{address} is in use by {}, process {} ({purpose})", by.name, by.pid),
            "stop that process, or choose another port",
        ),
        PortState::Taken(None) => Answer::error(
            format!("{address} is in use ({purpose})"),
            "stop who listens there, or choose another port; root sees who it is: ss -ltnp",
        ),
        PortState::Refused { kind: ErrorKind::PermissionDenied, .. } => Answer::not_permitted(
            format!("{address} may not be had ({purpose})"),
            "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one",
        ),
        PortState::Refused { kind: ErrorKind::AddrNotAvailable, .. } => Answer::error(
            format!("{address} is no address of this machine ({purpose})"),
            "choose one it has; 0.0.0.0 means all of them",
        ),
        PortState::Refused { cause, .. } => {
            Answer::error(format!("{address} cannot be had: {cause} ({purpose})"), "choose another address")
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use super::*;
    use crate::check::State;
    use crate::check::rules::expect;
    use crate::workload::Listener;

    #[test]
    fn addresses_are_free_or_somebodys() {
        let address = "127.0.0.1:8080".parse().unwrap();
        let by = |name: &str| PortState::Taken(Some(Listener { address, pid: 77, name: name.to_owned() }));
        let refused = |kind| PortState::Refused { kind, cause: "no".to_owned() };
        for (state, expected, word, reason) in [
            (PortState::Free, State::Ok, "free", "nobody is there"),
            (by("throughline"), State::Ok, "process 77", "the agent runs already"),
            (by("nginx"), State::Error, "nginx, process 77", "somebody else"),
            (PortState::Taken(None), State::Error, "ss -ltnp", "somebody who is not seen"),
            (refused(ErrorKind::PermissionDenied), State::NotPermitted, "CAP_NET_BIND_SERVICE", "a low port"),
            (refused(ErrorKind::AddrNotAvailable), State::Error, "0.0.0.0", "another machine's"),
            (refused(ErrorKind::Other), State::Error, "no", "anything else"),
        ] {
            let mut facts = Facts::example();
            facts.ports = vec![PortFact { purpose: "proxy before shop".to_owned(), address, state }];
            expect(&judge(&facts), &[(expected, word)], reason);
        }
    }
}

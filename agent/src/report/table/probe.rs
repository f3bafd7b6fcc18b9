//! What the probes of the agents asked say of themselves.

use std::collections::BTreeMap;

use super::coverage::{listed, say};
use super::findings::counted;
use super::page::Page;
use crate::report::ledger::{ProbeLedger, ProbeState};
use crate::report::model::Report;

/// Refused programs that are named before the rest is counted.
const REFUSED_SHOWN: usize = 4;

pub(super) fn write(page: &mut Page, report: &Report) {
    let several = report.sources.len() > 1;
    for source in &report.sources {
        let Some(ledger) = &source.probe else { continue };
        let whose = if several { format!("{}: ", source.name) } else { String::new() };
        for (number, line) in lines(ledger).into_iter().enumerate() {
            let (label, whose) = if number == 0 { ("probe", whose.as_str()) } else { ("", "") };
            say(page, label, &format!("{whose}{line}"));
        }
    }
}

fn lines(ledger: &ProbeLedger) -> Vec<String> {
    if ledger.state == ProbeState::Refused {
        return vec![format!("does not run: {}", ledger.reason.as_deref().unwrap_or("no reason is known"))];
    }
    let mut lines = vec![watches(ledger)];
    lines.extend(without(ledger));
    lines.extend(by_reason("cannot look into", &ledger.not_observable));
    lines.extend(by_reason("lost", &ledger.lost));
    if ledger.gated > 0 {
        let requests = counted(ledger.gated, "request");
        lines.push(format!("passed over {requests} of processes with more of them than it may take"));
    }
    if let Some(check) = ledger.cross_check {
        lines.push(format!(
            "marked requests seen by proxy and probe {}, by the proxy alone {}, by the probe alone {}",
            check.both, check.proxy_only, check.probe_only
        ));
    }
    lines.extend(ledger.problems.iter().cloned());
    lines
}

fn watches(ledger: &ProbeLedger) -> String {
    if ledger.targets == 0 {
        return "watches no process: none fits its targets".to_owned();
    }
    let processes = match ledger.targets {
        1 => "1 process".to_owned(),
        n => format!("{n} processes"),
    };
    format!("watches {processes} of {}", listed(&ledger.services))
}

fn without(ledger: &ProbeLedger) -> Option<String> {
    let said = |program: &crate::report::ledger::RefusedProgram| format!("{} ({})", program.without, program.reason);
    let mut parts: Vec<String> = ledger.refused.iter().take(REFUSED_SHOWN).map(said).collect();
    parts.extend(ledger.refused.len().checked_sub(REFUSED_SHOWN).filter(|more| *more > 0).map(|n| format!("{n} more")));
    (!parts.is_empty()).then(|| format!("goes without: {}", parts.join("; ")))
}

fn by_reason(what: &str, counts: &BTreeMap<String, u64>) -> Option<String> {
    let said: Vec<String> =
        counts.iter().filter(|(_, n)| **n > 0).map(|(reason, n)| format!("{n} {}", reason.replace('_', " "))).collect();
    (!said.is_empty()).then(|| format!("{what}: {}", said.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ledger::{CrossCheck, RefusedProgram};

    #[test]
    fn what_is_said_of_a_probe() {
        let attached = ProbeLedger {
            state: ProbeState::Attached,
            targets: 3,
            services: vec!["cart".to_owned(), "shop".to_owned()],
            ..ProbeLedger::default()
        };
        let refused = |n: usize| {
            let program =
                |n| RefusedProgram { program: "p".to_owned(), without: format!("w{n}"), reason: "EPERM".to_owned() };
            (0..n).map(program).collect::<Vec<_>>()
        };
        let some = |reason: &str| BTreeMap::from([(reason.to_owned(), 2), ("nothing".to_owned(), 0)]);
        let rows = [
            (
                ProbeLedger { reason: Some("no BTF; update".to_owned()), ..ProbeLedger::default() },
                vec!["does not run: no BTF; update"],
                "refused",
            ),
            (attached.clone(), vec!["watches 3 processes of cart, shop"], "all is well"),
            (
                ProbeLedger { targets: 0, services: Vec::new(), ..attached.clone() },
                vec!["watches no process: none fits its targets"],
                "nobody there",
            ),
            (
                ProbeLedger {
                    refused: refused(6),
                    not_observable: some("tls_connections"),
                    lost: some("ring_full"),
                    gated: 5,
                    cross_check: Some(CrossCheck { both: 4, proxy_only: 1, probe_only: 0 }),
                    problems: vec!["odd".to_owned()],
                    ..attached
                },
                vec![
                    "watches 3 processes of cart, shop",
                    "goes without: w0 (EPERM); w1 (EPERM); w2 (EPERM); w3 (EPERM); 2 more",
                    "cannot look into: 2 tls connections",
                    "lost: 2 ring full",
                    "passed over 5 requests of processes with more of them than it may take",
                    "marked requests seen by proxy and probe 4, by the proxy alone 1, by the probe alone 0",
                    "odd",
                ],
                "everything at once",
            ),
        ];
        for (ledger, expected, reason) in rows {
            assert_eq!(lines(&ledger), expected, "{reason}");
        }
    }
}

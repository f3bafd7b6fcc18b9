//! The probe's account as numbers for `/metrics` and OTLP.

use std::collections::BTreeMap;

use crate::report::ledger::{ProbeLedger, ProbeState};
use crate::trace::counts::{Sample, SampleKind};

pub(super) fn of(ledger: &ProbeLedger, out: &mut Vec<Sample>) {
    let attached = u64::from(ledger.state == ProbeState::Attached);
    out.push(Sample::gauge("throughline_probe_attached", "Whether the kernel probe is attached: 1 or 0.", attached));
    if ledger.state == ProbeState::Refused {
        return;
    }
    let help = "Kernel programs of the probe.";
    let refused = u64::try_from(ledger.refused.len()).unwrap_or(u64::MAX);
    for (state, value) in [("attached", ledger.programs), ("refused", refused)] {
        out.push(labelled("throughline_probe_programs", help, SampleKind::Gauge, ("state", state), value));
    }
    out.push(Sample::gauge("throughline_probe_targets", "Processes watched now.", ledger.targets));
    out.push(Sample::gauge("throughline_probe_connections", "Connections followed now.", ledger.connections));
    let plain = |name, help, value| Sample { name, help, kind: SampleKind::Counter, labels: Vec::new(), value };
    out.push(plain("throughline_probe_records", "Pieces of what processes read and wrote.", ledger.records));
    out.push(plain("throughline_probe_marks", "Marks recognised in the kernel.", ledger.marks));
    let help = "Requests passed over, because their process had more of them than the probe may take.";
    out.push(plain("throughline_probe_gated", help, ledger.gated));
    let help = "Requests seen by the probe, by how much of them.";
    by("throughline_probe_requests", help, "completeness", &ledger.requests, out);
    let help = "Connections and processes that the probe cannot look into, by reason.";
    by("throughline_probe_not_observable", help, "reason", &ledger.not_observable, out);
    by("throughline_probe_lost", "What the probe lost, by reason.", "reason", &ledger.lost, out);
    if let Some(check) = ledger.cross_check {
        let help = "Marked requests that proxy and probe should both have seen, by who did.";
        for (who, value) in [("both", check.both), ("proxy", check.proxy_only), ("probe", check.probe_only)] {
            let label = ("seen_by", who);
            out.push(labelled("throughline_probe_cross_checked", help, SampleKind::Counter, label, value));
        }
    }
}

fn by(
    name: &'static str,
    help: &'static str,
    key: &'static str,
    counts: &BTreeMap<String, u64>,
    out: &mut Vec<Sample>,
) {
    let each = counts.iter().map(|(label, value)| labelled(name, help, SampleKind::Counter, (key, label), *value));
    out.extend(each);
}

fn labelled(
    name: &'static str,
    help: &'static str,
    kind: SampleKind,
    (key, label): (&'static str, &str),
    value: u64,
) -> Sample {
    Sample { name, help, kind, labels: vec![(key, label.to_owned())], value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_probe_is_one_number() {
        let mut out = Vec::new();
        of(&ProbeLedger::default(), &mut out);
        assert_eq!(
            out.iter().map(|sample| (sample.name, sample.value)).collect::<Vec<_>>(),
            [("throughline_probe_attached", 0)]
        );
    }

    #[test]
    fn samples_of_one_name_differ_in_their_labels() {
        let counts = |names: [&str; 2]| names.into_iter().map(|name| (name.to_owned(), 1)).collect();
        let ledger = ProbeLedger {
            state: ProbeState::Attached,
            requests: counts(["whole", "lost"]),
            lost: counts(["ring_full", "unreadable"]),
            not_observable: counts(["tls", "uring"]),
            cross_check: Some(crate::report::ledger::CrossCheck::default()),
            ..ProbeLedger::default()
        };
        let mut out = Vec::new();
        of(&ledger, &mut out);
        let mut names: Vec<_> = out.iter().map(|sample| (sample.name, sample.labels.clone())).collect();
        names.dedup();
        assert_eq!(names.len(), out.len());
        assert_eq!(out.iter().filter(|sample| sample.name == "throughline_probe_lost").count(), 2);
    }
}

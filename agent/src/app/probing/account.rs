//! The probe's account, as reports and metrics have it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use throughline_common::counter::Counter;

use crate::gap::observation::Completeness;
pub(super) use crate::probe::Probe;
use crate::probe::Status;
use crate::report::ledger::{ProbeLedger, ProbeState, RefusedProgram};
use crate::trace::counts::Label as _;

/// Services that are named; a machine that is watched whole has many.
const SERVICES: usize = 200;

pub(super) fn ledger(probe: &Probe) -> ProbeLedger {
    let status = probe.status();
    let services: BTreeSet<&str> = status.targets.iter().map(|who| &*who.service).collect();
    let refused = status.kernel.refused().map(|part| RefusedProgram {
        program: part.program.to_owned(),
        without: part.without.to_owned(),
        reason: part.refused.clone().unwrap_or_default(),
    });
    ProbeLedger {
        state: ProbeState::Attached,
        reason: None,
        way: Some(status.kernel.way.to_string()),
        programs: count(status.kernel.attached()),
        refused: refused.collect(),
        targets: count(status.targets.len()),
        services: services.into_iter().take(SERVICES).map(str::to_owned).collect(),
        connections: status.connections,
        records: counter(&status, Counter::Records),
        marks: counter(&status, Counter::Marks),
        requests: requests(&status),
        not_observable: not_observable(&status),
        lost: lost(&status),
        gated: counter(&status, Counter::Gated),
        cross_check: None,
        problems: status.problems,
    }
}

/// The services of the processes that are watched now.
pub(super) fn watched(probe: &Probe) -> HashSet<Arc<str>> {
    probe.status().targets.iter().map(|who| Arc::clone(&who.service)).collect()
}

/// Requests that were read, whole or in part; what could not be looked into stands elsewhere.
fn requests(status: &Status) -> BTreeMap<String, u64> {
    let read = [Completeness::Whole, Completeness::Truncated, Completeness::Lost, Completeness::LongLived];
    let all = status.observations.iter().filter(|(completeness, _)| read.contains(completeness));
    all.map(|(completeness, count)| (completeness.name().to_owned(), *count)).collect()
}

fn not_observable(status: &Status) -> BTreeMap<String, u64> {
    let streams = &status.streams;
    named([
        ("tls_connections", streams.encrypted),
        ("fastcgi_connections", streams.fast_cgi),
        ("connections_of_other_protocols", streams.other),
        ("http2_connections_joined_late", streams.joined_late),
        ("tunnels_and_websockets", streams.switched),
        ("answers_without_their_requests", streams.unseen),
        ("processes_with_io_uring", status.uring),
        ("processes_of_32_bit", status.compat),
    ])
}

fn lost(status: &Status) -> BTreeMap<String, u64> {
    let streams = &status.streams;
    named([
        ("ring_full", counter(status, Counter::RingFull)),
        ("unreadable_memory", counter(status, Counter::Unreadable)),
        ("no_room_for_connections", counter(status, Counter::ConnectionsFull).saturating_add(streams.no_room)),
        ("no_room_for_threads", counter(status, Counter::ThreadsFull)),
        ("descriptors_not_followed", counter(status, Counter::Walk)),
        ("vectors_cut", counter(status, Counter::Vectors)),
        ("records_odd", streams.unreadable),
        ("malformed", streams.malformed),
        ("over_bound", streams.over_bound),
        ("reader_queue_full", status.dropped),
        ("processes_gone", status.strangers),
    ])
}

fn named<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

fn counter(status: &Status, wanted: Counter) -> u64 {
    status.counters.iter().find(|(counter, _)| *counter == wanted).map_or(0, |(_, count)| *count)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

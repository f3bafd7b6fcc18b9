//! What really happened, noted where it happens. Only the scoring reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use throughline::gap::code::Code;

use super::graph::Graph;
use super::sim::Call;

/// Codes in fewer of a hop's calls than this share are no property of the hop: neither due nor wrong.
pub const LEAST_SHARE: f64 = 0.05;
/// Distinct traces below which nobody could judge a hop.
pub const LEAST_TRACES: usize = 10;

/// Caller, callee, method, route, epoch.
pub type HopName = (Arc<str>, Arc<str>, Arc<str>, Arc<str>, Arc<str>);

/// Code, service, method, route.
pub type ArrivalName = (Code, Arc<str>, Arc<str>, Arc<str>);

/// All hops of a run, and what arrived unmarked or forged.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    hops: BTreeMap<HopName, Hop>,
    /// Requests that a monitor sent without its mark, or a forger with it.
    pub arrivals: BTreeMap<ArrivalName, usize>,
    /// The newest epoch.
    pub epoch: Arc<str>,
}

/// One hop.
#[derive(Debug, Clone, Default)]
pub struct Hop {
    /// Whether the callee is one nobody observes.
    pub is_leaf: bool,
    /// Whether nobody could know the caller.
    pub is_hidden: bool,
    /// Calls that marked requests made before their answer.
    pub calls: u64,
    /// Distinct traces among them.
    pub traces: BTreeSet<u128>,
    codes: BTreeMap<Code, u64>,
    afterwards: BTreeSet<Code>,
}

/// What a code found on a hop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// True of at least [`LEAST_SHARE`] of the calls.
    Right,
    /// It happened, in fewer of them.
    Rare,
    /// It happened, but in calls that left after the answer or by the queue's worker.
    Afterwards,
    /// It never happened.
    Wrong,
}

impl Truth {
    /// Notes a call that a marked request made. `is_afterwards`: after its answer, or by another process.
    pub fn note(&mut self, name: HopName, trace: u128, codes: &[Code], is_afterwards: bool) {
        let hop = self.hops.entry(name).or_default();
        if is_afterwards {
            hop.afterwards.extend(codes);
            return;
        }
        hop.calls += 1;
        hop.traces.insert(trace);
        for code in codes {
            *hop.codes.entry(*code).or_default() += 1;
        }
    }

    /// Notes a request as it arrives, where its sender got the mark wrong.
    pub(super) fn note_arrival(&mut self, graph: &Graph, call: &Call) {
        let code = match (call.is_forged, call.headers.is_marked()) {
            (true, _) => Code::MarkUntrusted,
            (false, false) => Code::MonitorUnmarked,
            (false, true) => return,
        };
        let service = &graph.services[call.target];
        let route = &service.routes[call.route];
        let name = (code, service.name.clone(), route.method.clone(), route.template.clone());
        *self.arrivals.entry(name).or_default() += 1;
    }

    /// Says what the hop is.
    pub fn describe(&mut self, name: HopName, is_leaf: bool, is_hidden: bool) {
        let hop = self.hops.entry(name).or_default();
        (hop.is_leaf, hop.is_hidden) = (is_leaf, is_hidden);
    }

    /// The hop of that name.
    #[must_use]
    pub fn hop(&self, name: &HopName) -> Option<&Hop> {
        self.hops.get(name)
    }

    /// All hops.
    pub fn hops(&self) -> impl Iterator<Item = (&HopName, &Hop)> {
        self.hops.iter()
    }
}

impl Hop {
    /// What `code` is on this hop.
    #[must_use]
    pub fn standing(&self, code: Code) -> Standing {
        match self.codes.get(&code) {
            _ if self.is_leaf != (code == Code::LeftScope) => Standing::Wrong,
            Some(count) if *count as f64 >= LEAST_SHARE * self.calls as f64 => Standing::Right,
            Some(_) => Standing::Rare,
            None if self.afterwards.contains(&code) => Standing::Afterwards,
            None => Standing::Wrong,
        }
    }

    /// Calls that `code` is true of, before the answer.
    #[must_use]
    pub fn count(&self, code: Code) -> u64 {
        self.codes.get(&code).copied().unwrap_or_default()
    }

    /// The codes that are due, where there was enough to judge.
    pub fn due(&self) -> impl Iterator<Item = Code> {
        let enough = self.traces.len() >= LEAST_TRACES;
        self.codes.keys().copied().filter(move |code| enough && self.standing(*code) == Standing::Right)
    }
}

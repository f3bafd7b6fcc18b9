//! What the kernel probe of an agent could see, and what it could not: a value that agents give away and reports show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The probe's account of itself. Counts are from its start on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbeLedger {
    /// Whether it runs.
    pub state: ProbeState,
    /// Why it does not run, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How it gets at the arguments of system calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
    /// Kernel programs that are attached.
    pub programs: u64,
    /// Kernel programs that were refused, and what is lost without each.
    pub refused: Vec<RefusedProgram>,
    /// Processes that are watched now.
    pub targets: u64,
    /// What their services are called; sorted.
    pub services: Vec<String>,
    /// Connections that are followed now.
    pub connections: u64,
    /// Pieces of what they read and wrote, as the kernel side handed them over.
    pub records: u64,
    /// Marks that the kernel side recognised.
    pub marks: u64,
    /// Requests that were seen, by how much of them.
    pub requests: BTreeMap<String, u64>,
    /// Connections and processes that cannot be looked into, by reason.
    pub not_observable: BTreeMap<String, u64>,
    /// What was lost, by reason.
    pub lost: BTreeMap<String, u64>,
    /// Requests that were passed over, because their process had more of them than the probe may take.
    pub gated: u64,
    /// Marked requests of services that stand behind a proxy and are watched too; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_check: Option<CrossCheck>,
    /// What else is not as it should be.
    pub problems: Vec<String>,
}

/// Whether the probe runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbeState {
    /// It watches.
    Attached,
    /// The machine does not let it, or cannot.
    #[default]
    Refused,
}

/// A kernel program that is not attached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RefusedProgram {
    /// Its name.
    pub program: String,
    /// What is lost without it.
    pub without: String,
    /// What the kernel said.
    pub reason: String,
}

/// Marked requests that proxy and probe should both have seen. Those of the last minute are not counted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CrossCheck {
    /// Seen by both.
    pub both: u64,
    /// Seen by the proxy before the service, and not by the probe.
    pub proxy_only: u64,
    /// Seen by the probe, and not by the proxy: the request went around it, or the proxy lost its note.
    pub probe_only: u64,
}

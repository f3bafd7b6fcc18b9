//! The processes that the configuration has the probe watch, by what describes them.

use std::collections::BTreeSet;

use crate::config::workload::Selector;
use crate::config::{Config, WorkloadConfig};
use crate::workload::Workloads;

/// Who is watched now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetFacts {
    /// Each description, and who fits it.
    pub each: Vec<TargetFact>,
    /// Processes whose ports may not be looked at.
    pub hidden: u64,
}

/// Who fits one description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFact {
    /// The description.
    pub selector: Selector,
    /// Their process ids, in ascending order.
    pub processes: Vec<u32>,
    /// What their services are called.
    pub services: BTreeSet<String>,
}

/// Looks at all processes, where there is somebody to watch. `Err`: `/proc` cannot be read, in the system's words.
pub(super) fn look(config: &Config) -> Result<TargetFacts, String> {
    if !config.probe.is_wanted() {
        return Ok(TargetFacts::default());
    }
    let workloads = Workloads::new(WorkloadConfig::of(config)).map_err(|error| error.to_string())?;
    let targets = workloads.targets();
    let fact = |selector: &Selector| {
        let fitting = targets.iter().filter(|identity| identity.subject().is_described_by(selector));
        let (processes, services) =
            fitting.map(|identity| (identity.process.pid, identity.service.to_string())).unzip();
        TargetFact { selector: selector.clone(), processes, services }
    };
    Ok(TargetFacts { each: config.probe.targets.iter().map(fact).collect(), hidden: workloads.counts().hidden })
}

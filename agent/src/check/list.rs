//! The checks, in the order they are shown.

use super::rules::{
    addresses, btf, cgroups, clock, configuration, exporter, foreign, kernel, limits, lockdown, namespaces, programs,
    rights, ring, settings, targets, tracefs, upstreams,
};
use super::{Answer, Facts};
use schemars::JsonSchema;
use serde::Serialize;

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// What the probe needs of the kernel and of this process.
    Probe,
    /// The machine in general.
    Machine,
    /// The configuration, and what it speaks of.
    Configuration,
}

/// One check.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check {
    /// Its name: stable.
    pub(super) name: &'static str,
    /// What it is about.
    pub(super) area: Area,
    /// Judges; one answer for each thing there is.
    pub(super) judge: fn(&Facts) -> Vec<Answer>,
}

/// All of them.
pub(super) const ALL: &[Check] = &[
    Check { name: "kernel", area: Area::Probe, judge: kernel::judge },
    Check { name: "btf", area: Area::Probe, judge: btf::judge },
    Check { name: "lockdown", area: Area::Probe, judge: lockdown::judge },
    Check { name: "capabilities", area: Area::Probe, judge: rights::judge },
    Check { name: "namespaces", area: Area::Probe, judge: namespaces::judge },
    Check { name: "memlock", area: Area::Probe, judge: limits::judge },
    Check { name: "tracefs", area: Area::Probe, judge: tracefs::judge },
    Check { name: "settings", area: Area::Probe, judge: settings::judge },
    Check { name: "cgroups", area: Area::Probe, judge: cgroups::judge },
    Check { name: "ring_buffer", area: Area::Probe, judge: ring::judge },
    Check { name: "programs", area: Area::Probe, judge: programs::judge },
    Check { name: "other_programs", area: Area::Machine, judge: foreign::judge },
    Check { name: "clock", area: Area::Machine, judge: clock::judge },
    Check { name: "configuration", area: Area::Configuration, judge: configuration::judge },
    Check { name: "addresses", area: Area::Configuration, judge: addresses::judge },
    Check { name: "upstreams", area: Area::Configuration, judge: upstreams::judge },
    Check { name: "targets", area: Area::Configuration, judge: targets::judge },
    Check { name: "exporter", area: Area::Configuration, judge: exporter::judge },
];

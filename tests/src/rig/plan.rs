//! What one run simulates: a scene, a load and a seed, and what follows from them.

use std::fmt;

use super::chance::{Nanos, SECOND};
use super::deliver::Damage;
use super::sight::View;

/// One run, repeatable from these three.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// What is looked at.
    pub scene: Scene,
    /// Unmarked requests a second at each service, on the average.
    pub load: u32,
    /// Everything else is drawn from it.
    pub seed: u64,
}

/// Kinds of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scene {
    /// Proxies, and checks on schedule.
    Scheduled,
    /// Proxies, and checks at random times.
    AtRandom,
    /// Proxies, and a challenge.
    Challenge,
    /// Proxies and egress listeners.
    Egress,
    /// A probe on every machine.
    Probe,
    /// Some services with a probe, some with proxies, some with egress listeners.
    Mixed,
    /// Proxies; checks load pages of 60 requests with one trace id.
    Pages,
    /// Proxies; services have background work in phase with the checks.
    Cron,
    /// Proxies; checks come with requests of the same client that bear no context, as preflights do.
    Companions,
    /// Proxies; half of the callers share an address.
    Nat,
    /// Proxies on several machines whose clocks differ.
    Clocks,
    /// Proxies; a new version of everything is deployed halfway.
    Deployed,
    /// Faithful services only, seen by proxies.
    Healthy,
    /// Faithful services only, seen by a probe.
    HealthyProbe,
    /// Faithful services only, and a challenge.
    HealthyChallenge,
    /// Faithful services only; many observations are truncated, lost or encrypted, at proxies and egress listeners.
    Damaged,
    /// The same with a probe.
    DamagedProbe,
    /// The same with a challenge.
    DamagedChallenge,
    /// A probe on every machine and proxies before most services, which continue some traces; the ends of connections
    /// are told.
    Both,
    /// The same, but where there is more than a probe may take, it passes over what comes without a mark before it.
    Gated,
    /// The same, faithful services only.
    HealthyGated,
    /// The same, and many observations are damaged.
    DamagedBoth,
}

impl Scene {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Scheduled,
        Self::AtRandom,
        Self::Challenge,
        Self::Egress,
        Self::Probe,
        Self::Mixed,
        Self::Pages,
        Self::Cron,
        Self::Companions,
        Self::Nat,
        Self::Clocks,
        Self::Deployed,
        Self::Healthy,
        Self::HealthyProbe,
        Self::HealthyChallenge,
        Self::Damaged,
        Self::DamagedProbe,
        Self::DamagedChallenge,
        Self::Both,
        Self::Gated,
        Self::HealthyGated,
        Self::DamagedBoth,
    ];

    /// The name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::AtRandom => "at-random",
            Self::Challenge => "challenge",
            Self::Egress => "egress",
            Self::Probe => "probe",
            Self::Mixed => "mixed",
            Self::Pages => "pages",
            Self::Cron => "cron",
            Self::Companions => "companions",
            Self::Nat => "nat",
            Self::Clocks => "clocks",
            Self::Deployed => "deployed",
            Self::Healthy => "healthy",
            Self::HealthyProbe => "healthy-probe",
            Self::HealthyChallenge => "healthy-challenge",
            Self::Damaged => "damaged",
            Self::DamagedProbe => "damaged-probe",
            Self::DamagedChallenge => "damaged-challenge",
            Self::Both => "both",
            Self::Gated => "gated",
            Self::HealthyGated => "healthy-gated",
            Self::DamagedBoth => "damaged-both",
        }
    }

    /// The scene of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scene| scene.name() == name)
    }

    /// Whether every service forwards.
    #[must_use]
    pub const fn is_healthy(self) -> bool {
        matches!(self, Self::Healthy | Self::HealthyProbe | Self::HealthyChallenge | Self::HealthyGated)
            || self.is_damaged()
    }

    /// Whether observations are damaged.
    #[must_use]
    pub const fn is_damaged(self) -> bool {
        matches!(self, Self::Damaged | Self::DamagedProbe | Self::DamagedChallenge | Self::DamagedBoth)
    }

    /// Whether marked requests come from a challenge.
    #[must_use]
    pub const fn is_challenge(self) -> bool {
        matches!(self, Self::Challenge | Self::HealthyChallenge | Self::DamagedChallenge)
    }

    /// Whether the ends of connections are told, and proxies continue traces.
    #[must_use]
    pub const fn tells_ends(self) -> bool {
        matches!(self, Self::Both | Self::DamagedBoth) || self.is_gated()
    }

    /// Whether probes pass over what comes without a mark before it.
    #[must_use]
    pub const fn is_gated(self) -> bool {
        matches!(self, Self::Gated | Self::HealthyGated)
    }

    /// The views to draw from, for each service.
    #[must_use]
    pub const fn views(self) -> &'static [View] {
        match self {
            Self::Egress => &[View::Egress],
            Self::Probe | Self::HealthyProbe | Self::DamagedProbe => &[View::Probe],
            Self::Mixed => &[View::Proxy, View::Egress, View::Probe],
            Self::Both | Self::Gated | Self::HealthyGated => &[View::Both, View::Both, View::Probe, View::Proxy],
            Self::DamagedBoth => &[View::Both],
            Self::Damaged => &[View::Proxy, View::Egress],
            _ => &[View::Proxy],
        }
    }

    /// What goes wrong with observations.
    #[must_use]
    pub const fn damage(self) -> Damage {
        let twice = 0.002;
        if self.is_damaged() {
            return Damage { truncated: 0.15, lost: 0.1, holes: 0.1, encrypted: 0.1, twice };
        }
        Damage { truncated: 0.0, lost: 0.0, holes: 0.0, encrypted: 0.0, twice }
    }
}

impl Plan {
    /// Services under test; more of them would only take longer.
    #[must_use]
    pub const fn services(&self) -> usize {
        if self.load >= 100 { 3 } else { 5 }
    }

    /// Whether a scope is declared: then contexts that go to hosts outside are findings where they are seen to leave.
    #[must_use]
    pub const fn has_scope(&self) -> bool {
        !self.scene.is_healthy()
    }

    /// How long clients send.
    #[must_use]
    pub const fn length(&self) -> Nanos {
        let usual = match self.scene {
            scene if scene.is_challenge() => return 150 * SECOND,
            Scene::Deployed => 900 * SECOND,
            Scene::Probe | Scene::Egress | Scene::HealthyProbe => 240 * SECOND,
            scene if scene.tells_ends() => 240 * SECOND,
            _ => 480 * SECOND,
        };
        usual / if self.load >= 50 { 2 } else { 1 }
    }

    /// Seconds between two checks of one service, the least and the most: as many in a run at every load.
    #[must_use]
    pub const fn period(&self) -> (f64, f64) {
        if self.load >= 50 { (2.0, 3.0) } else { (4.0, 6.0) }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.scene.name(), self.load, self.seed)
    }
}

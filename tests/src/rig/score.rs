//! Judgements beside the truth: what was found and is right, what was due and is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use throughline::gap::code::{Code, Severity};
use throughline::gap::judgement::{Arrival, Confidence, Finding, Hop, Verdict};
use throughline::trace::counts::Label as _;

use super::judge::Outcome;
use super::plan::Scene;
use super::truth::{HopName, LEAST_TRACES, Standing};

/// Wrong findings that are named; the others are counted.
const NAMED: usize = 2000;

/// Counts over many runs. Sums, so the order of runs does not matter.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Findings on hops.
    pub found: BTreeMap<(Code, Confidence), Found>,
    /// Findings on arrivals.
    pub arrivals: BTreeMap<Code, Found>,
    /// What was due, by scene and load.
    pub due: BTreeMap<(Scene, u32, Code), Due>,
    /// Hops with the verdict `forwards`, and those of them that break.
    pub forwards: Found,
    /// Hops with the verdict `breaks`, and those of them that do not.
    pub breaks: Found,
    /// By scene and load.
    pub runs: BTreeMap<(Scene, u32), Runs>,
    /// What was wrong, with the plan that repeats it; sorted.
    pub wrong: Vec<String>,
    /// What was found and is true only of calls that left afterwards; sorted.
    pub afterwards: Vec<String>,
    /// What was due and not found; sorted.
    pub missed: Vec<String>,
}

/// Findings by their standing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found {
    /// Due.
    pub right: u64,
    /// True of too few calls to be due.
    pub rare: u64,
    /// True of calls that left afterwards.
    pub afterwards: u64,
    /// Never happened.
    pub wrong: u64,
}

/// Findings that were due, by what became of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Due {
    /// Found and confirmed.
    pub confirmed: u64,
    /// Found likely.
    pub likely: u64,
    /// Found possible: a miss.
    pub possible: u64,
    /// Not found.
    pub missed: u64,
}

/// How many runs, and what they held.
#[derive(Debug, Clone, Copy, Default)]
pub struct Runs {
    /// Runs.
    pub count: u64,
    /// Observations.
    pub observations: u64,
    /// Marked requests that arrived.
    pub marked: u64,
    /// Hops with calls of marked requests.
    pub hops: u64,
    /// Hops judged.
    pub judged: u64,
    /// Findings of any kind that concern a hop.
    pub findings: u64,
    /// Hops said to break.
    pub breaks: u64,
}

impl Tally {
    /// Counts one run.
    pub fn add(&mut self, outcome: &Outcome) {
        let (plan, truth) = (outcome.plan, &outcome.truth);
        let hops: Vec<&Hop> = outcome.judgement.hops.iter().filter(|hop| hop.is_current).collect();
        for hop in &hops {
            let name = name(hop, &truth.epoch);
            for finding in &hop.findings {
                let standing = truth.hop(&name).map_or(Standing::Wrong, |hop| hop.standing(finding.code));
                self.found.entry((finding.code, finding.confidence)).or_default().add(standing);
                let list = match standing {
                    Standing::Wrong => &mut self.wrong,
                    Standing::Afterwards => &mut self.afterwards,
                    Standing::Right | Standing::Rare => continue,
                };
                list.push(format!(
                    "{plan}: {} -> {} {} {}: {} {} by {}, {} of {}",
                    name.0,
                    name.1,
                    name.2,
                    name.3,
                    finding.code,
                    finding.confidence.name(),
                    finding.attribution.name(),
                    finding.broken,
                    finding.of
                ));
            }
            self.verdict(outcome, hop, &name);
        }
        self.add_due(outcome, &hops);
        self.add_arrivals(outcome);
        let runs = self.runs.entry((plan.scene, plan.load)).or_default();
        runs.count += 1;
        runs.observations += outcome.observations;
        runs.marked += outcome.judgement.coverage.marked_requests;
        runs.hops += truth.hops().filter(|(_, hop)| hop.calls > 0 && !hop.is_leaf).count() as u64;
        runs.judged += hops.iter().filter(|hop| !matches!(hop.verdict, Verdict::Unknown(_))).count() as u64;
        runs.findings += hops.iter().map(|hop| hop.findings.len() as u64).sum::<u64>();
        runs.breaks += hops.iter().filter(|hop| hop.verdict == Verdict::Breaks).count() as u64;
    }

    /// Counts what others counted.
    pub fn merge(&mut self, other: Self) {
        let add = |into: &mut Found, from: Found| {
            into.right += from.right;
            into.rare += from.rare;
            into.afterwards += from.afterwards;
            into.wrong += from.wrong;
        };
        for (key, found) in other.found {
            add(self.found.entry(key).or_default(), found);
        }
        for (key, found) in other.arrivals {
            add(self.arrivals.entry(key).or_default(), found);
        }
        add(&mut self.forwards, other.forwards);
        add(&mut self.breaks, other.breaks);
        for (key, from) in other.due {
            let into = self.due.entry(key).or_default();
            into.confirmed += from.confirmed;
            into.likely += from.likely;
            into.possible += from.possible;
            into.missed += from.missed;
        }
        for (key, from) in other.runs {
            let into = self.runs.entry(key).or_default();
            into.count += from.count;
            into.observations += from.observations;
            into.marked += from.marked;
            into.hops += from.hops;
            into.judged += from.judged;
            into.findings += from.findings;
            into.breaks += from.breaks;
        }
        let lists = [
            (&mut self.wrong, other.wrong),
            (&mut self.afterwards, other.afterwards),
            (&mut self.missed, other.missed),
        ];
        for (into, from) in lists {
            into.extend(from);
            into.sort();
            into.truncate(NAMED);
        }
    }

    fn verdict(&mut self, outcome: &Outcome, hop: &Hop, name: &HopName) {
        let broken = |code: &Code| code.severity() == Severity::Error;
        let truth = outcome.truth.hop(name);
        match hop.verdict {
            Verdict::Forwards => {
                let breaks = truth.is_some_and(|hop| hop.due().any(|code| broken(&code)));
                self.forwards.add(if breaks { Standing::Wrong } else { Standing::Right });
            }
            Verdict::Breaks => {
                let stands = |code: Code| truth.is_some_and(|hop| hop.standing(code) != Standing::Wrong);
                let error = |finding: &&Finding| finding.severity == Severity::Error;
                let right = hop.findings.iter().filter(error).any(|finding| stands(finding.code));
                self.breaks.add(if right { Standing::Right } else { Standing::Wrong });
            }
            Verdict::Unknown(_) => {}
        }
    }

    fn add_due(&mut self, outcome: &Outcome, hops: &[&Hop]) {
        let (plan, truth) = (outcome.plan, &outcome.truth);
        let judged: BTreeMap<HopName, &Hop> = hops.iter().map(|hop| (name(hop, &truth.epoch), *hop)).collect();
        for (name, hop) in truth.hops().filter(|(name, hop)| name.4 == truth.epoch && !hop.is_hidden) {
            for code in hop.due() {
                let finding = judged.get(name).and_then(|hop| hop.findings.iter().find(|finding| finding.code == code));
                let due = self.due.entry((plan.scene, plan.load, code)).or_default();
                match finding.map(|finding| finding.confidence) {
                    Some(Confidence::Confirmed) => due.confirmed += 1,
                    Some(Confidence::Likely) => due.likely += 1,
                    Some(Confidence::Possible) => due.possible += 1,
                    None => due.missed += 1,
                }
                if finding.is_none_or(|finding| finding.confidence == Confidence::Possible) {
                    let says = judged.get(name).map(|hop| (hop.verdict, hop.samples, hop.calls));
                    self.missed.push(format!(
                        "{plan}: {} -> {} {} {}: {code} is due in {} of {} calls, {} traces; the engine has {says:?}",
                        name.0,
                        name.1,
                        name.2,
                        name.3,
                        hop.count(code),
                        hop.calls,
                        hop.traces.len()
                    ));
                }
            }
        }
    }

    fn add_arrivals(&mut self, outcome: &Outcome) {
        for arrival in &outcome.judgement.arrivals {
            let key = (arrival.code, arrival.service.clone(), arrival.method.clone(), arrival.route.clone());
            let right = if arrival.code == Code::NotObservable {
                outcome.plan.scene.is_damaged() || outcome.plan.scene.is_gated()
            } else {
                outcome.truth.arrivals.contains_key(&key)
            };
            self.arrivals.entry(arrival.code).or_default().add(if right { Standing::Right } else { Standing::Wrong });
            if !right {
                let (code, service) = (arrival.code, &arrival.service);
                self.wrong.push(format!("{}: {code} at {service} {} {}", outcome.plan, arrival.method, arrival.route));
            }
        }
        for (name, count) in outcome.truth.arrivals.iter().filter(|(_, count)| **count >= LEAST_TRACES) {
            let is_it = |arrival: &Arrival| {
                (arrival.code, &arrival.service, &arrival.method, &arrival.route) == (name.0, &name.1, &name.2, &name.3)
            };
            let due = self.due.entry((outcome.plan.scene, outcome.plan.load, name.0)).or_default();
            if outcome.judgement.arrivals.iter().any(is_it) {
                due.confirmed += 1;
            } else {
                due.missed += 1;
                self.missed
                    .push(format!("{}: {} at {} {} {}, {count} times", outcome.plan, name.0, name.1, name.2, name.3));
            }
        }
    }
}

impl Found {
    /// Counts one.
    pub const fn add(&mut self, standing: Standing) {
        match standing {
            Standing::Right => self.right += 1,
            Standing::Rare => self.rare += 1,
            Standing::Afterwards => self.afterwards += 1,
            Standing::Wrong => self.wrong += 1,
        }
    }

    /// All.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.right + self.rare + self.afterwards + self.wrong
    }
}

impl Due {
    /// All.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.confirmed + self.likely + self.possible + self.missed
    }

    /// Found with some confidence.
    #[must_use]
    pub const fn found(&self) -> u64 {
        self.confirmed + self.likely
    }
}

/// Wilson's 95 % interval of `part` of `all`.
#[must_use]
pub fn wilson(part: u64, all: u64) -> (f64, f64) {
    if all == 0 {
        return (0.0, 1.0);
    }
    let (part, all, z) = (part as f64, all as f64, 1.96_f64);
    let (share, squared) = (part / all, z * z);
    let middle = (share + squared / (2.0 * all)) / (1.0 + squared / all);
    let half = z / (1.0 + squared / all) * (share * (1.0 - share) / all + squared / (4.0 * all * all)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

fn name(hop: &Hop, newest: &Arc<str>) -> HopName {
    let key = &hop.key;
    let epoch = hop.epoch.clone().unwrap_or_else(|| newest.clone());
    (key.service.clone(), key.peer.clone(), key.method.clone(), key.route.clone(), epoch)
}

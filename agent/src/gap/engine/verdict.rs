//! Makes the judgement of what was counted: findings with their confidence, a verdict for each hop, and the coverage.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Engine;
use super::config::matches;
use super::hops::{HopState, Key, Tally, keep};
use super::rings::Class;
use super::statistic::{interval, log_mean};
use super::strata::Stratum;
use super::texts::Text;
use crate::gap::code::{Code, Severity};
use crate::gap::judgement::{
    Attribution, Confidence, Coverage, Evidence, Finding, Hop, HopKey, Judgement, UnknownReason, Verdict,
};
use crate::gap::observation::Completeness;

/// Distinct traces that make an exact finding, or one by section, certain.
const CERTAIN: u64 = 3;
/// Distinct traces that must have gone through whole before a hop is said to forward.
const ENOUGH_FORWARDED: u64 = 3;
/// The logarithm of the wealth at which a finding by windows is likely: chance ever gets there once in 100,000 hops.
const LIKELY: f64 = 11.5;
/// At which it is possible, if some windows had no other request in them.
const POSSIBLE: f64 = 4.6;
/// At which calls are taken to come after the answer, too.
const AFTERWARDS: f64 = 3.0;
/// Windows tell no cause from a coincidence that is rarer than this.
const LEAST_SHARE: f64 = 0.03;
/// At which a hop is not said to forward.
const DOUBTFUL: f64 = 1.6;
/// Windows with nobody else's request, below which nothing is possible.
const ENOUGH_ALONE: u32 = 3;

impl Engine {
    /// The judgement of everything so far.
    pub(super) fn judged(&self) -> Judgement {
        let mut hops: Vec<Hop> = self.hops.states.iter().filter_map(|state| self.hop(state)).collect();
        hops.sort_unstable_by(|left, right| {
            let order = left.key.cmp(&right.key).then_with(|| right.seen.1.cmp(&left.seen.1));
            order.then_with(|| left.epoch.cmp(&right.epoch))
        });
        for of_key in hops.chunk_by_mut(|left, right| left.key == right.key) {
            let judged = of_key.iter().position(|hop| !matches!(hop.verdict, Verdict::Unknown(_)));
            if let Some(current) = of_key.get_mut(judged.unwrap_or_default()) {
                current.is_current = true;
            }
        }
        let mut arrivals = self.arrivals.found(&self.texts);
        arrivals.sort_unstable_by(|left, right| {
            let key = |arrival: &crate::gap::judgement::Arrival| {
                (arrival.service.clone(), arrival.method.clone(), arrival.route.clone(), arrival.code)
            };
            key(left).cmp(&key(right))
        });
        let coverage = self.covered(&hops);
        Judgement { hops, arrivals, coverage, period: self.period }
    }

    fn covered(&self, hops: &[Hop]) -> Coverage {
        let mut coverage = self.coverage.clone();
        let current = || hops.iter().filter(|hop| hop.is_current);
        coverage.hops_seen = current().count() as u64;
        coverage.hops_judged = current().filter(|hop| !matches!(hop.verdict, Verdict::Unknown(_))).count() as u64;
        coverage.over_bound += self.hops.over_bound;
        let mut reached: Vec<Text> = self.marked.keys().map(|(service, _)| *service).collect();
        reached.sort_unstable_by_key(|service| service.0);
        let without =
            self.clocks.keys().filter(|service| reached.binary_search_by_key(&service.0, |known| known.0).is_err());
        let names = |services: &mut dyn Iterator<Item = &Text>| -> Vec<Arc<str>> {
            let mut names: Vec<Arc<str>> = services.map(|service| self.texts.text(*service)).collect();
            names.sort_unstable();
            names
        };
        coverage.services_without_mark = names(&mut without.into_iter());
        coverage.services = names(&mut self.clocks.keys());
        coverage.by_source.sort_unstable_by_key(|(kind, _)| *kind as u8);
        coverage
    }

    /// `None` of a hop that is not one to report: to a leaf, and no context goes there.
    fn hop(&self, state: &HopState) -> Option<Hop> {
        let key = self.hops.keys.get(state.hop as usize)?;
        let peer = self.texts.text(key.peer);
        let is_known = self.clocks.contains_key(&key.peer) || self.config.scope.contains(&peer);
        let mut findings = if is_known { self.findings(state) } else { Vec::new() };
        if !is_known && self.config.scope.is_declared() {
            findings.extend(exact(state, Code::LeftScope));
        }
        if state.calls == 0 || (!is_known && findings.is_empty() && state.judged == 0) {
            return None;
        }
        let is_strict = self.config.strict_tracestate.iter().any(|pattern| matches(pattern, &peer));
        for finding in &mut findings {
            if is_strict && finding.code == Code::TracestateChanged {
                finding.severity = Severity::Warn;
            }
        }
        findings.sort_by_key(|finding| (Reverse(finding.severity), finding.code));
        let by_windows = findings.iter().filter(|finding| finding.code.severity() == Severity::Error);
        let lost: u64 = by_windows
            .filter(|finding| finding.attribution != Attribution::Exact && finding.confidence > Confidence::Possible)
            .map(|finding| finding.broken)
            .sum();
        Some(Hop {
            key: self.key(key),
            epoch: state.epoch.some().map(|epoch| self.texts.text(epoch)),
            is_current: false,
            verdict: self.verdict(state, key, &findings),
            samples: state.judged + lost,
            forwarded: state.forwarded,
            findings,
            not_judged_async: state.afterwards,
            not_whole: sorted(&state.not_whole),
            calls: state.calls,
            seen: state.seen,
        })
    }

    fn key(&self, key: &Key) -> HopKey {
        let [service, peer, method, route] =
            [key.service, key.peer, key.method, key.route].map(|text| self.texts.text(text));
        HopKey { service, peer, method, route }
    }

    fn verdict(&self, state: &HopState, key: &Key, findings: &[Finding]) -> Verdict {
        let mut errors = findings.iter().filter(|finding| finding.code.severity() == Severity::Error).peekable();
        let is_doubtful = errors.peek().is_some();
        if errors.any(|finding| finding.confidence > Confidence::Possible) {
            return Verdict::Breaks;
        }
        if state.is_hidden {
            return Verdict::Unknown(UnknownReason::Intermediary);
        }
        if state.forwarded >= ENOUGH_FORWARDED && !is_doubtful && !seems_to_lose(state) {
            return Verdict::Forwards;
        }
        if 2 * state.not_whole.iter().map(|(_, count)| count).sum::<u64>() > state.calls {
            return Verdict::Unknown(UnknownReason::NotObservable);
        }
        let knows = |epoch: Text| self.marked.contains_key(&(key.service, epoch));
        let has_marked = knows(state.epoch) || knows(Text::NONE);
        Verdict::Unknown(if has_marked { UnknownReason::TooFewSamples } else { UnknownReason::NoMarkedTraffic })
    }

    fn findings(&self, state: &HopState) -> Vec<Finding> {
        let exact_codes = [
            Code::MarkLost,
            Code::ForwardedVerbatim,
            Code::SampledCleared,
            Code::MalformedOut,
            Code::TracestateChanged,
        ];
        let mut findings: Vec<Finding> = exact_codes.into_iter().filter_map(|code| exact(state, code)).collect();
        for code in [Code::ContextLost, Code::TraceRestarted, Code::Stale] {
            findings.extend(self.by_section(state, code));
        }
        for (class, code) in [
            (Class::Absent, Code::ContextLost),
            (Class::Foreign, Code::TraceRestarted),
            (Class::Malformed, Code::MalformedOut),
        ] {
            let Some(found) = by_windows(state, class, code) else { continue };
            match findings.iter_mut().find(|known| known.code == code) {
                Some(known) if known.confidence >= found.confidence => {}
                Some(known) => *known = found,
                None => findings.push(found),
            }
        }
        findings
    }

    /// What blocking sections say.
    fn by_section(&self, state: &HopState, code: Code) -> Option<Finding> {
        let blocking = state.sections.iter().filter(|known| self.sections.is_blocking(known.process, known.turn));
        let mut sum = Tally::default();
        for tally in
            blocking.flat_map(|known| &known.tallies).filter(|(known, _)| *known == code).map(|(_, tally)| tally)
        {
            sum.broken += tally.broken;
            sum.unsure += tally.unsure;
            let (first, last) = tally.seen?;
            sum.seen = Some(sum.seen.map_or((first, last), |seen| (seen.0.min(first), seen.1.max(last))));
            tally.evidence.iter().for_each(|piece| keep(&mut sum.evidence, piece.clone()));
        }
        let confidence = match sum.broken {
            broken if broken.saturating_sub(sum.unsure) >= CERTAIN => Confidence::Confirmed,
            CERTAIN.. => Confidence::Likely,
            _ => Confidence::Possible,
        };
        let of = state.judged + sum.broken;
        (sum.broken > 0)
            .then(|| finding(code, confidence, Attribution::Section, (sum.broken, of), sum.seen, sum.evidence))
    }
}

/// Whether something is lost on the hop, though it cannot be said what: calls in windows that nothing explains, marked
/// requests without the calls that others make, contexts of requests that have ended in the place of others.
fn seems_to_lose(state: &HopState) -> bool {
    let few = (state.during / 10).max(1);
    let by_windows = |stratum: &Stratum| stratum.any.log() > DOUBTFUL || stratum.misses_calls();
    state.strata.iter().any(by_windows)
        || state.afterwards > few
        || (state.stale > few && state.strata.iter().any(Stratum::is_mixed))
}

/// What calls that bear their trace say.
fn exact(state: &HopState, code: Code) -> Option<Finding> {
    let (_, tally) = state.tallies.iter().find(|(known, _)| *known == code)?;
    if tally.broken == 0 {
        return None;
    }
    // A service that sends contexts of requests that have ended may do so while another request of the trace is there.
    let is_certain = tally.broken >= CERTAIN && state.afterwards <= state.during;
    let confidence = if is_certain { Confidence::Confirmed } else { Confidence::Possible };
    let counts = (tally.broken, tally.of);
    Some(finding(code, confidence, Attribution::Exact, counts, tally.seen, tally.evidence.clone()))
}

/// What windows say.
fn by_windows(state: &HopState, class: Class, code: Code) -> Option<Finding> {
    let strata = || state.strata.iter().filter(|stratum| stratum.class == class);
    let wealth = |of: &dyn Fn(&Stratum) -> f64| log_mean(&strata().map(of).collect::<Vec<f64>>());
    let evidence = |stratum: &Stratum| stratum.evidence_of_loss(spent(state, stratum)).0;
    let best = strata().max_by(|left, right| evidence(left).total_cmp(&evidence(right)))?;
    let is_afterwards = wealth(&|stratum| stratum.after.log()) > AFTERWARDS;
    let series = best.evidence_of_loss(spent(state, best)).1;
    let is_frequent = series.broken() as f64 >= LEAST_SHARE * (series.broken() + state.judged) as f64;
    let is_likely = is_frequent && wealth(&evidence) > LIKELY;
    let of_challenge = |stratum: &Stratum| stratum.windows().challenge.bet.log();
    let challenged = strata().max_by(|left, right| of_challenge(left).total_cmp(&of_challenge(right)));
    let challenge_wealth = wealth(&of_challenge);
    let challenged = challenged.filter(|stratum| stratum.is_challenged(challenge_wealth));
    let windows = best.windows();
    let is_possible = windows.all.alone >= ENOUGH_ALONE
        && windows.all.fits(best.most)
        && wealth(&|stratum| stratum.windows().all.bet.log().max(stratum.windows().free.bet.log())) > POSSIBLE;
    let (confidence, attribution, (stratum, series)) = match (challenged, is_likely, is_possible) {
        (Some(stratum), ..) if !is_afterwards => {
            (Confidence::Confirmed, Attribution::Challenge, (stratum, &stratum.windows().challenge))
        }
        (_, true, _) if !is_afterwards => (Confidence::Likely, best_attribution(&best.evidence), (best, series)),
        (Some(_), ..) | (_, true, _) | (_, _, true) => {
            (Confidence::Possible, best_attribution(&best.evidence), (best, &windows.all))
        }
        _ => return None,
    };
    let broken = series.broken().max(1);
    Some(finding(code, confidence, attribution, (broken, broken + state.judged), series.seen, stratum.evidence.clone()))
}

/// Calls of all classes that a marked request of this route seems to make.
fn spent(state: &HopState, stratum: &Stratum) -> f64 {
    let of_route = state.strata.iter().filter(|other| (other.scope, other.route) == (stratum.scope, stratum.route));
    let all = &stratum.windows().all;
    let carried = all.carried / f64::from(all.windows.max(1));
    carried + of_route.map(|other| other.windows().all.excess().max(0.0)).sum::<f64>()
}

/// By kind, in the order in which they are declared.
pub(super) fn sorted(counts: &[(Completeness, u64)]) -> Vec<(Completeness, u64)> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable_by_key(|(kind, _)| *kind as u8);
    sorted
}

fn best_attribution(evidence: &[Evidence]) -> Attribution {
    evidence.iter().map(|piece| piece.attribution).max().unwrap_or(Attribution::Overlap)
}

fn finding(
    code: Code,
    confidence: Confidence,
    attribution: Attribution,
    (broken, of): (u64, u64),
    seen: Option<(u64, u64)>,
    mut evidence: Vec<Evidence>,
) -> Finding {
    evidence.sort_by_key(|piece| (piece.called, piece.arrived));
    Finding {
        code,
        severity: code.severity(),
        confidence,
        attribution,
        broken,
        of,
        interval: interval(broken, of),
        seen: seen.unwrap_or_default(),
        evidence,
    }
}

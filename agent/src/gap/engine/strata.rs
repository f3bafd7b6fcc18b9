//! Marked requests of one route against one hop: how often their windows held more calls than their controls.

use super::rings::Class;
use super::scope::RouteId;
use super::statistic::{Bet, sign_flip};
use crate::gap::challenge::LEAST_PAIRS;
use crate::gap::judgement::Evidence;

/// One route of one scope, and one class of calls.
#[derive(Debug, Clone)]
pub(super) struct Stratum {
    pub(super) scope: u32,
    pub(super) route: RouteId,
    pub(super) class: Class,
    /// Calls that an unmarked request of the route makes; not a number where that was not learnt.
    pub(super) total: f64,
    /// Calls that it makes at most.
    pub(super) most: f64,
    /// Requests that were looked at, and those of them that made a call with their own trace.
    requests: u32,
    carrying: u32,
    /// Windows that end as late as their controls: fair, but calls after the answer are in them.
    pub(super) whole: Windows,
    /// Windows that end with their request, while their controls do not: what is found in them is the request's.
    pub(super) cut: Windows,
    /// The free ones, even where they cannot prove anything.
    pub(super) any: Bet,
    /// The time before the free ones: calls that come then are no request's of theirs.
    pub(super) before: Bet,
    /// The same time after the answer: calls that come then are no longer the request's.
    pub(super) after: Bet,
    /// Calls in a window of the challenge, without those in the one that is paired with it.
    pub(super) pairs: Vec<i32>,
    pub(super) evidence: Vec<Evidence>,
}

/// The windows of a stratum.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Windows {
    /// All of them.
    pub(super) all: Series,
    /// Those of requests that made no call with their own trace on this hop, nor one with a context that nobody can
    /// read: a request whose call was seen says nothing but noise.
    pub(super) free: Series,
    /// The free ones of a challenge.
    pub(super) challenge: Series,
}

/// Windows, one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Series {
    pub(super) bet: Bet,
    pub(super) windows: u32,
    /// Windows with a call.
    pub(super) hits: u32,
    /// Those of them in which no other request was under way.
    pub(super) alone: u32,
    /// Calls in the windows, and in an average control of each.
    pub(super) marked: f64,
    pub(super) control: f64,
    /// Calls that bore the trace of the window's request.
    pub(super) carried: f64,
    /// Times of the first and the last window with a call.
    pub(super) seen: Option<(u64, u64)>,
}

/// One window and its controls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) marked: u32,
    pub(super) controls: &'a [u32],
    pub(super) is_alone: bool,
    /// Whether nothing else in the window is the request's call.
    pub(super) is_free: bool,
    /// Calls that bore the request's trace.
    pub(super) carried: u32,
    pub(super) time: u64,
}

/// The logarithm of the wealth at which a challenge proves something, and at which it does so together with its pairs.
const PROVEN: f64 = 11.5;
const PAIRED: f64 = 6.9;
/// The probability below which a challenge's pairs are no chance.
const BY_CHANCE: f64 = 0.001;
/// The logarithm of the wealth at which calls may come after the answer, too.
const AFTERWARDS: f64 = 0.5;
/// Calls of a request that are left beside those that bear its trace, for others to be its own.
const LEFT: f64 = 0.5;
/// Requests below which none is missed.
const FEW_REQUESTS: u32 = 5;
/// Windows below which nothing is concluded.
const ENOUGH_WINDOWS: u32 = 10;
/// Pairs of a challenge that are kept for one stratum.
const MAX_PAIRS: usize = 1024;
/// Calls of a route whose requests all make one.
const EACH: f64 = 0.9;
/// The logarithm of the wealth at which calls come before the requests, too.
const BEFORE: f64 = 3.0;

impl Stratum {
    /// Nothing seen yet.
    pub(super) fn new(scope: u32, route: RouteId, class: Class) -> Self {
        Self {
            scope,
            route,
            class,
            total: f64::NAN,
            most: f64::INFINITY,
            requests: 0,
            carrying: 0,
            whole: Windows::default(),
            cut: Windows::default(),
            any: Bet::default(),
            before: Bet::default(),
            after: Bet::default(),
            pairs: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// One pair of a challenge.
    pub(super) fn pair(&mut self, difference: i32) {
        if self.pairs.len() < MAX_PAIRS {
            self.pairs.push(difference);
        }
    }

    /// The windows to go by.
    pub(super) fn windows(&self) -> &Windows {
        if self.after.log() > AFTERWARDS { &self.cut } else { &self.whole }
    }

    /// Whether a challenge shows that its requests make these calls: chance does so once in 100,000 times; or once in
    /// a thousand, and the pairs alone say so too.
    pub(super) fn is_challenged(&self, wealth: f64) -> bool {
        let by_pairs = || wealth > PAIRED && self.pairs.len() >= LEAST_PAIRS && sign_flip(&self.pairs) < BY_CHANCE;
        self.windows().challenge.windows as usize >= LEAST_PAIRS
            && !self.is_doubtful()
            && (wealth > PROVEN || by_pairs())
    }

    /// The logarithm of the evidence that requests of this route make these calls, and the windows it comes from.
    /// `spent`: calls of all classes that a marked request seems to make.
    pub(super) fn evidence_of_loss(&self, spent: f64) -> (f64, &Series) {
        let Windows { all, free, .. } = self.windows();
        let windows = f64::from(all.windows.max(1));
        // What is done at the same time by a schedule comes on top of what unmarked requests show.
        let bound = 1.2 * self.total + 0.05 + 2.0 * (self.total / windows).sqrt();
        let is_usable = all.windows >= ENOUGH_WINDOWS
            && !self.is_doubtful()
            && if self.total.is_finite() { spent <= bound } else { all.fits(self.most) };
        // Where each request makes one call and it bears its trace, there is none left to lose.
        let is_left = self.total.is_finite() && self.total - all.carried / windows >= LEFT;
        let of_free = if is_usable { free.bet.log() } else { f64::NEG_INFINITY };
        let of_all = if is_usable && is_left { all.bet.log() } else { f64::NEG_INFINITY };
        (of_free.max(of_all) - std::f64::consts::LN_2, if of_all.is_finite() { all } else { free })
    }

    /// Whether the calls may be others' in ways that windows and controls do not tell apart.
    fn is_doubtful(&self) -> bool {
        self.is_from_before() || self.may_share()
    }

    /// Whether some requests made a call with their trace, and it is a call that not every request makes: then those
    /// that made none may have shared another's, which is not theirs to pass a context on.
    fn may_share(&self) -> bool {
        self.carrying > 0 && self.total < EACH
    }

    /// Whether calls are as frequent before the requests that made none with their trace. Where requests share a call,
    /// those are the ones that another's call was under way for; and work by a schedule comes before them, too.
    fn is_from_before(&self) -> bool {
        self.before.log() > BEFORE
    }

    /// One request that was looked at, and the calls it made with its own trace.
    pub(super) fn look(&mut self, carried: u32) {
        self.requests += 1;
        self.carrying += u32::from(carried > 0);
    }

    /// Whether some requests made a call with their trace, and some did not.
    pub(super) const fn is_mixed(&self) -> bool {
        self.carrying > 0 && self.carrying + 2 <= self.requests
    }

    /// Whether fewer requests made a call with their trace than unmarked ones make calls.
    pub(super) fn misses_calls(&self) -> bool {
        let requests = f64::from(self.requests.max(1));
        let missing = 1.0 - f64::from(self.carrying) / requests;
        let is_enough = self.total.is_finite() && self.requests >= FEW_REQUESTS;
        is_enough && missing > 1.05 - self.total.min(1.0) + 1.0 / requests.sqrt()
    }
}

impl Windows {
    /// One more window; whether it counts in general, and whether it is one of a challenge.
    pub(super) fn add(&mut self, sample: Sample<'_>, is_proof: bool, is_challenge: bool) {
        let is_free = sample.is_free;
        if is_proof {
            self.all.add(sample);
        }
        if is_proof && is_free {
            self.free.add(sample);
        }
        if is_challenge && is_free {
            self.challenge.add(sample);
        }
    }
}

impl Series {
    /// One more window.
    pub(super) fn add(&mut self, sample: Sample<'_>) {
        self.windows += 1;
        self.bet.add(sample.marked, sample.controls);
        self.marked += f64::from(sample.marked);
        self.carried += f64::from(sample.carried);
        let sum: u32 = sample.controls.iter().sum();
        self.control += f64::from(sum) / sample.controls.len().max(1) as f64;
        if sample.marked > 0 {
            self.hits += 1;
            self.alone += u32::from(sample.is_alone);
            let (first, last) = self.seen.unwrap_or((sample.time, sample.time));
            self.seen = Some((first.min(sample.time), last.max(sample.time)));
        }
    }

    /// Whether the calls in the windows are no more than unmarked requests make, without those that bore a trace. Work
    /// that is done at the same time by a schedule comes on top of them.
    pub(super) fn fits(&self, most: f64) -> bool {
        self.excess() + self.carried / f64::from(self.windows.max(1)) < most
    }

    /// Calls that a request seems to make.
    pub(super) fn excess(&self) -> f64 {
        (self.marked - self.control) / f64::from(self.windows.max(1))
    }

    /// Windows that held a call of their request, as far as can be told: those with a call, without as many as chance
    /// puts calls in.
    pub(super) fn broken(&self) -> u64 {
        (self.marked - self.control).round().clamp(0.0, f64::from(self.hits)) as u64
    }
}

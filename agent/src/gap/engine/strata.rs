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
    /// All windows.
    pub(super) all: Series,
    /// Those of requests that made no call with their own trace on this hop: a request that was served as it should
    /// be says nothing but noise.
    pub(super) free: Series,
    /// The same time after the answer: calls that come then are no longer the request's.
    pub(super) after: Bet,
    /// The windows of a challenge alone.
    pub(super) challenge: Series,
    /// Calls in a window of the challenge, without those in the one that is paired with it.
    pub(super) pairs: Vec<i32>,
    pub(super) evidence: Vec<Evidence>,
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
    /// Times of the first and the last window with a call.
    pub(super) seen: Option<(u64, u64)>,
}

/// One window and its controls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) marked: u32,
    pub(super) controls: &'a [u32],
    pub(super) is_alone: bool,
    pub(super) time: u64,
}

/// Pairs of a challenge that are kept for one stratum.
const MAX_PAIRS: usize = 1024;

impl Stratum {
    /// Nothing seen yet.
    pub(super) fn new(scope: u32, route: RouteId, class: Class) -> Self {
        Self {
            scope,
            route,
            class,
            all: Series::default(),
            free: Series::default(),
            after: Bet::default(),
            challenge: Series::default(),
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

    /// The probability that chance made the challenge's pairs so different; `None` of too few.
    pub(super) fn pairs_by_chance(&self) -> Option<f64> {
        (self.pairs.len() >= LEAST_PAIRS).then(|| sign_flip(&self.pairs))
    }
}

impl Series {
    /// One more window.
    pub(super) fn add(&mut self, sample: Sample<'_>) {
        self.windows += 1;
        self.bet.add(sample.marked, sample.controls);
        self.marked += f64::from(sample.marked);
        let sum: u32 = sample.controls.iter().sum();
        self.control += f64::from(sum) / sample.controls.len().max(1) as f64;
        if sample.marked > 0 {
            self.hits += 1;
            self.alone += u32::from(sample.is_alone);
            let (first, last) = self.seen.unwrap_or((sample.time, sample.time));
            self.seen = Some((first.min(sample.time), last.max(sample.time)));
        }
    }

    /// Windows that held a call of their request, as far as can be told: those with a call, without as many as chance
    /// puts calls in.
    pub(super) fn broken(&self) -> u64 {
        (self.marked - self.control).round().clamp(0.0, f64::from(self.hits)) as u64
    }
}

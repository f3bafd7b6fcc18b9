//! When after its arrival a request makes a call: learnt from unmarked requests, used for marked ones.
//!
//! The narrower a window, the fewer calls of others fall into it. It must be chosen before it is used, and not by the
//! marked requests themselves: a request lives longer where there is more noise, so a window as long as the request
//! it belongs to would find noise.

/// Bins in an octave.
const FINENESS: u32 = 4;
/// Lags below this power of two, in nanoseconds, share a bin: 16 microseconds.
const LEAST: u32 = 14;
/// Bins: up to 34 seconds.
const BINS: usize = 85;
/// Requests below which nothing is concluded.
const ENOUGH: u32 = 20;
/// Requests after which a route that was not seen to make a call is taken not to make it.
const MANY: u32 = 200;

/// Lags from arrivals on one route to calls on one hop, beside those from random times.
#[derive(Debug)]
pub(super) struct Lags {
    real: Box<[u32; BINS]>,
    random: Box<[u32; BINS]>,
    requests: u32,
    /// How long the requests lasted together, in nanoseconds.
    lasted: u64,
    next_fit: u32,
    fit: Fit,
}

/// What was learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fit {
    /// Nothing yet.
    Unknown,
    /// Requests of this route do not make this call.
    Unrelated,
    /// They do, mostly so long after their arrival.
    Window(Window),
}

/// A time after an arrival, in nanoseconds, and how many calls more than usual fall into it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub(super) from: u64,
    pub(super) to: u64,
    /// Calls in it that one request makes.
    pub(super) calls: f64,
    /// Calls that one request makes at any time before its answer.
    pub(super) total: f64,
}

impl Default for Lags {
    fn default() -> Self {
        Self {
            real: Box::new([0; BINS]),
            random: Box::new([0; BINS]),
            requests: 0,
            lasted: 0,
            next_fit: ENOUGH,
            fit: Fit::Unknown,
        }
    }
}

impl Lags {
    /// One more request, which lasted so long: lags of calls after its arrival, and after a random time; all in
    /// nanoseconds.
    pub(super) fn learn(&mut self, lasted: u64, real: impl Iterator<Item = u64>, random: impl Iterator<Item = u64>) {
        self.requests = self.requests.saturating_add(1);
        self.lasted = self.lasted.saturating_add(lasted);
        put(&mut self.real, real);
        put(&mut self.random, random);
        if self.requests >= self.next_fit {
            self.next_fit = self.requests.saturating_add(self.requests / 2).saturating_add(1);
            self.fit = self.fitted();
        }
    }

    /// Calls that one request makes at most, as far as is known.
    pub(super) fn most(&self) -> f64 {
        let requests = f64::from(self.requests);
        if self.requests < ENOUGH {
            return f64::INFINITY;
        }
        let sum = |bins: &[u32; BINS]| bins.iter().map(|count| f64::from(*count)).sum::<f64>();
        let (real, random) = (sum(&self.real), sum(&self.random));
        (real - random).max(0.0) / requests * 1.3 + 3.0 * (real + random + 1.0).sqrt() / requests + 0.1
    }

    /// What is known by now.
    pub(super) const fn fit(&self) -> Fit {
        self.fit
    }

    /// The range of bins in which the calls of a request stand out best among those of others.
    fn fitted(&self) -> Fit {
        let requests = f64::from(self.requests);
        let bins =
            || self.real.iter().zip(self.random.iter()).map(|(real, random)| (f64::from(*real), f64::from(*random)));
        let (total, other) = bins().fold((0.0, 0.0), |(real, random), bin| (real + bin.0, random + bin.1));
        // Where too few calls of others were seen to tell, a wider bin is taken to hold more of them.
        let rate = (other + 1.0) / (self.lasted.max(1) as f64);
        let expected = |place: usize| rate * (edge(place + 1) - edge(place)) as f64 * requests;
        let mut best: Option<(f64, usize, usize, f64, f64)> = None;
        for first in 0..BINS {
            let (mut excess, mut noise, mut seen) = (0.0, 0.0, 0.0);
            for (place, (real, random)) in bins().enumerate().skip(first) {
                excess += real - random;
                noise += expected(place).max(random);
                seen += random;
                let score = excess / (noise + 0.05 * requests + 1.0).sqrt();
                if best.is_none_or(|best| score > best.0) {
                    best = Some((score, first, place, excess, seen));
                }
            }
        }
        if let Some((_, first, last, excess, seen)) = best
            && excess > 10.0
            && excess > 5.0 * (2.0 * seen + 1.0).sqrt()
        {
            let (from, to, total) = (edge(first), edge(last + 1), (total - other) / requests);
            return Fit::Window(Window { from, to, calls: (excess / requests).min(1.0), total });
        }
        let at_most = total - other + 3.0 * (total + other + 1.0).sqrt();
        if self.requests >= MANY && at_most < 0.05 * requests { Fit::Unrelated } else { Fit::Unknown }
    }
}

/// Counts lags in their bins.
fn put(bins: &mut [u32; BINS], lags: impl Iterator<Item = u64>) {
    for lag in lags {
        if let Some(bin) = bins.get_mut(bin(lag)) {
            *bin = bin.saturating_add(1);
        }
    }
}

/// The bin of a lag.
fn bin(lag: u64) -> usize {
    let Some(octave) = lag.checked_ilog2().and_then(|log| log.checked_sub(LEAST)) else { return 0 };
    // The two bits below the highest one.
    let part = (lag >> (octave + LEAST - 2)) & 3;
    ((octave * FINENESS) as usize + part as usize + 1).min(BINS - 1)
}

/// Where a bin begins.
fn edge(bin: usize) -> u64 {
    let Some(place) = bin.checked_sub(1) else { return 0 };
    let (octave, part) = (place as u32 / FINENESS, place as u64 % u64::from(FINENESS));
    (4 + part) << (octave + LEAST - 2)
}

#[cfg(test)]
mod tests;

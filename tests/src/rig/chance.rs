//! How long things take, and when they come: distributions with heavy tails, and arrivals in bursts.

use crate::random::Random;

/// Nanoseconds, of a duration or since the simulation began.
pub type Nanos = u64;
/// A millisecond.
pub const MILLI: Nanos = 1_000_000;
/// A second.
pub const SECOND: Nanos = 1_000_000_000;

/// A duration's distribution; all times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub enum Span {
    /// Always the same.
    Fixed(f64),
    /// Exponential.
    Exponential(f64),
    /// By its median and the deviation of its logarithm: around 0.5 for good days, 1.5 for bad ones.
    LogNormal(f64, f64),
    /// From `.0` on, with the exponent `.1` (1.2 has hardly a mean), cut at `.2`.
    Pareto(f64, f64, f64),
    /// Mostly the first, the second with the share `.2`: a cache that is missed now and then.
    Either(f64, f64, f64),
}

impl Span {
    /// One duration.
    pub fn draw(self, random: &mut Random) -> Nanos {
        let ms = match self {
            Self::Fixed(ms) => ms,
            Self::Exponential(mean) => mean * exponential(random),
            Self::LogNormal(median, sigma) => median * (sigma * normal(random)).exp(),
            Self::Pareto(least, alpha, most) => (least / unit(random).powf(1.0 / alpha)).min(most),
            Self::Either(common, rare, share) => {
                (if unit(random) < share { rare } else { common }) * (0.8 + 0.4 * unit(random))
            }
        };
        millis(ms)
    }

    /// About the mean, in milliseconds, for sizing.
    #[must_use]
    pub fn mean(self) -> f64 {
        match self {
            Self::Fixed(ms) | Self::Exponential(ms) => ms,
            Self::LogNormal(median, sigma) => median * (sigma * sigma / 2.0).exp(),
            Self::Pareto(least, alpha, most) => (least * alpha / (alpha - 1.0).max(0.2)).min(most),
            Self::Either(common, rare, share) => common * (1.0 - share) + rare * share,
        }
    }
}

/// When requests come.
#[derive(Debug, Clone, Copy)]
pub enum Arrivals {
    /// So many a second, independent of each other.
    Poisson(f64),
    /// A calm and a busy rate, which take turns: mean lengths in seconds follow.
    Modulated {
        /// Requests a second.
        calm: f64,
        /// Requests a second.
        busy: f64,
        /// Seconds of calm.
        calm_for: f64,
        /// Seconds of business.
        busy_for: f64,
    },
    /// Volleys: so many at once (the mean of a geometric number), so many volleys a second.
    Volleys {
        /// Volleys a second.
        rate: f64,
        /// Requests in one.
        size: f64,
    },
    /// Every period in seconds, at a phase, with up to so much delay.
    Every {
        /// Seconds.
        period: f64,
        /// Seconds after the start.
        phase: f64,
        /// Seconds at most.
        jitter: f64,
    },
}

/// Where a stream of arrivals has come to.
#[derive(Debug, Clone)]
pub struct Stream {
    arrivals: Arrivals,
    busy: bool,
    turns: Nanos,
    volley: u32,
    count: u64,
}

impl Stream {
    /// From the beginning.
    #[must_use]
    pub const fn new(arrivals: Arrivals) -> Self {
        Self { arrivals, busy: false, turns: 0, volley: 0, count: 0 }
    }

    /// The arrival after `now`.
    pub fn next(&mut self, now: Nanos, random: &mut Random) -> Nanos {
        match self.arrivals {
            Arrivals::Poisson(rate) => now + gap(rate, random),
            Arrivals::Modulated { calm, busy, calm_for, busy_for } => {
                let mut at = now;
                loop {
                    if self.turns <= at {
                        self.busy = !self.busy;
                        let lasts = if self.busy { busy_for } else { calm_for };
                        self.turns = at + gap(1.0 / lasts, random);
                    }
                    let next = at + gap(if self.busy { busy } else { calm }, random);
                    if next <= self.turns {
                        return next;
                    }
                    at = self.turns;
                }
            }
            Arrivals::Volleys { rate, size } => {
                if self.volley > 0 {
                    self.volley -= 1;
                    return now + gap(2000.0, random);
                }
                self.volley = (exponential(random) * size) as u32;
                now + gap(rate, random)
            }
            Arrivals::Every { period, phase, jitter } => {
                let at = phase + period * self.count as f64 + jitter * unit(random);
                self.count += 1;
                seconds(at).max(now)
            }
        }
    }
}

/// From 0 up to, not including, 1; never exactly 0.
pub fn unit(random: &mut Random) -> f64 {
    ((random.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// True with this probability.
pub fn chance(random: &mut Random, probability: f64) -> bool {
    unit(random) < probability
}

/// From `low` to `high`.
pub fn between(random: &mut Random, low: f64, high: f64) -> f64 {
    low + (high - low) * unit(random)
}

/// Milliseconds as nanoseconds.
#[must_use]
pub fn millis(ms: f64) -> Nanos {
    (ms * MILLI as f64) as Nanos
}

/// Seconds as nanoseconds.
#[must_use]
pub fn seconds(s: f64) -> Nanos {
    (s * SECOND as f64) as Nanos
}

fn gap(rate: f64, random: &mut Random) -> Nanos {
    seconds(exponential(random) / rate).max(1)
}

fn exponential(random: &mut Random) -> f64 {
    -unit(random).ln()
}

/// Box and Muller.
fn normal(random: &mut Random) -> f64 {
    (-2.0 * unit(random).ln()).sqrt() * (std::f64::consts::TAU * unit(random)).cos()
}

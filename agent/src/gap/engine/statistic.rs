//! What chance could have done: evidence that grows with every sample and may be looked at at any time, the sign-flip
//! test for a challenge's pairs, and the interval of a rate.

/// Tilts of the bets, from faint effects to one call in every window.
const TILTS: [f64; 5] = [0.15, 0.4, 1.0, 2.5, 5.0];

/// A bet that calls are more frequent in marked windows than in their controls.
///
/// If they are not, that is, if the marked window is one like its controls, then each factor
/// `exp(t * marked) / mean(exp(t * x) over all windows)` is 1 on average, whatever happened before: the wealth is a
/// martingale, and it ever reaches `1 / alpha` with a probability of at most `alpha` (Ville's inequality). So looking
/// often costs nothing, and nothing needs to be kept but the wealth. It is the mean of one bet for each tilt.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Bet {
    logs: [f64; TILTS.len()],
}

impl Bet {
    /// One more sample: the number in the marked window, and those in its controls.
    pub(super) fn add(&mut self, marked: u32, controls: &[u32]) {
        if controls.is_empty() || (marked == 0 && controls.iter().all(|count| *count == 0)) {
            return;
        }
        let most = f64::from(controls.iter().copied().max().unwrap_or_default().max(marked));
        let windows = (controls.len() + 1) as f64;
        for (log, tilt) in self.logs.iter_mut().zip(TILTS) {
            let scaled = |count: u32| (tilt * (f64::from(count) - most)).exp();
            let mean = (scaled(marked) + controls.iter().map(|count| scaled(*count)).sum::<f64>()) / windows;
            *log += tilt * (f64::from(marked) - most) - mean.ln();
        }
    }

    /// The natural logarithm of the wealth.
    pub(super) fn log(&self) -> f64 {
        log_mean(&self.logs)
    }
}

/// The logarithm of the mean of what these are the logarithms of; of none, of nothing.
pub(super) fn log_mean(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !most.is_finite() {
        return f64::NEG_INFINITY;
    }
    most + (logs.iter().map(|log| (log - most).exp()).sum::<f64>() / logs.len() as f64).ln()
}

/// The largest difference that is told from larger ones.
const MAX_DIFFERENCE: i32 = 64;

/// The probability that the sum of these differences is as large as it is, or larger, if each could as well have had
/// the other sign. Exact: all the sums are counted, not drawn.
pub(super) fn sign_flip(differences: &[i32]) -> f64 {
    let bounded = differences.iter().map(|difference| (*difference).clamp(-MAX_DIFFERENCE, MAX_DIFFERENCE));
    let (mut sum, mut reach) = (0_i32, 0_usize);
    let mut chances = vec![1.0_f64];
    for difference in bounded {
        sum += difference;
        let step = difference.unsigned_abs() as usize;
        let mut next = vec![0.0; chances.len() + 2 * step];
        for (at, chance) in chances.iter().enumerate() {
            for place in [at, at + 2 * step] {
                if let Some(cell) = next.get_mut(place) {
                    *cell += chance / 2.0;
                }
            }
        }
        chances = next;
        reach += step;
    }
    let least = usize::try_from(i64::from(sum) + reach as i64).unwrap_or_default();
    chances.get(least..).unwrap_or_default().iter().sum::<f64>().min(1.0)
}

/// The 95 % interval of a rate of `broken` in `of`, by Wilson's score; from 0 to 1 where there is nothing.
pub(super) fn interval(broken: u64, of: u64) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, rate) = (of as f64, (broken.min(of)) as f64 / of as f64);
    let centre = rate + Z * Z / (2.0 * n);
    let spread = Z * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
}

#[cfg(test)]
mod tests;

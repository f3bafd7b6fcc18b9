//! Numbers into lines: medians with their spread, limits and verdicts.

/// What was measured again and again.
#[derive(Debug, Clone)]
pub(crate) struct Spread(Vec<f64>);

/// Every line that has a limit.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    broken: Vec<String>,
    judged: usize,
}

impl Spread {
    /// From values in any order.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The middle value, or the mean of the two in the middle; 0 of none.
    pub(crate) fn median(&self) -> f64 {
        let at = |place: usize| self.0.get(place).copied().unwrap_or_default();
        let half = self.0.len() / 2;
        if self.0.len() % 2 == 1 { at(half) } else { f64::midpoint(at(half.saturating_sub(1)), at(half)) }
    }

    /// The value that `percent` in a hundred do not exceed; 0 of none.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let place = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(place).copied().unwrap_or_default()
    }

    /// Median and, in brackets, smallest and largest, with `digits` decimals.
    pub(crate) fn line(&self, digits: usize) -> String {
        let (low, high) = (self.0.first().copied().unwrap_or_default(), self.0.last().copied().unwrap_or_default());
        format!("{:.digits$} [{low:.digits$}-{high:.digits$}]", self.median())
    }
}

impl Verdicts {
    /// `ok` or `BROKEN`, remembered under `name`.
    pub(crate) fn judge(&mut self, name: &str, holds: bool) -> &'static str {
        self.judged += 1;
        if holds {
            return "ok";
        }
        self.broken.push(name.to_owned());
        "BROKEN"
    }

    /// The last line, and whether every limit held.
    pub(crate) fn close(&self) -> (String, bool) {
        if self.broken.is_empty() {
            return (format!("all {} limits held", self.judged), true);
        }
        (format!("{} of {} limits broken: {}", self.broken.len(), self.judged, self.broken.join("; ")), false)
    }
}

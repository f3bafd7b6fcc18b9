//! How many tests passed, failed and were skipped, and why.

/// The outcome of a tier, or the sum of several.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
    /// One for each thing skipped.
    pub(super) reasons: Vec<String>,
    /// One for each failure that has a line of its own to say.
    pub(super) failures: Vec<String>,
}

impl Count {
    /// One thing that passed.
    pub(super) fn success() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One thing that failed.
    pub(super) fn failure(what: String) -> Self {
        Self { failed: 1, failures: vec![what], ..Self::default() }
    }

    /// One thing that was not tried.
    pub(super) fn left_out(reason: impl Into<String>) -> Self {
        Self { skipped: 1, reasons: vec![reason.into()], ..Self::default() }
    }

    /// Adds `other`, its reasons included.
    pub(super) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.reasons.extend_from_slice(&other.reasons);
        self.failures.extend_from_slice(&other.failures);
    }
}

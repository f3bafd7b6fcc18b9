//! How one proxy is set to treat context: what the user chose, without any logic.

/// How one proxy treats context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Which requests are recorded.
    pub record: RecordMode,
    /// Which requests may be given a new context.
    pub inject: InjectPolicy,
    /// What becomes of the `sampled` flag of marked requests.
    pub sampled: SampledPolicy,
    /// What is known of the service behind.
    pub upstream: UpstreamKind,
}

/// Which requests are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordMode {
    /// Those with a mark.
    #[default]
    Marked,
    /// All.
    All,
    /// None.
    None,
}

/// Which requests may be given a new context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InjectPolicy {
    /// Those that are recorded.
    #[default]
    Recorded,
    /// All: unrecorded ones with sampled = 0.
    All,
    /// None: a context is never started.
    Off,
}

/// What becomes of the `sampled` flag when a marked request is continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SampledPolicy {
    /// Set to 1.
    #[default]
    Set,
    /// Kept.
    Keep,
}

/// What is known of the service behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpstreamKind {
    /// It exports no spans of its own: its callees' parent is the attempt span.
    #[default]
    Uninstrumented,
    /// It exports spans to another backend: our span would be a missing parent there.
    Instrumented,
    /// It exports spans to the same backend.
    InstrumentedSameBackend,
}

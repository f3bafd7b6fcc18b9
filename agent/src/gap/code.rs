//! The codes of findings: stable, because scripts and dashboards use them; a retired code is never used again.

use std::fmt;
use std::str::FromStr;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something is likely to go wrong because of it.
    Warn,
    /// The trace, or its mark, ends here.
    Error,
}

crate::label!(Severity { Info => "info", Warn => "warn", Error => "error" });

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Traced request in, no `traceparent` out.
    ContextLost,
    /// Another trace id out.
    TraceRestarted,
    /// Same trace id out, the mark missing.
    MarkLost,
    /// Parent-id out is the parent-id that came in: headers copied, no span.
    ForwardedVerbatim,
    /// The sampled flag was cleared on the way.
    SampledCleared,
    /// Malformed, duplicate or oversize context out.
    MalformedOut,
    /// The mark was kept, but `tracestate` is no longer what came in.
    TracestateChanged,
    /// A context left the declared scope.
    LeftScope,
    /// The trace id of another request, which has ended.
    Stale,
    /// Traffic of a synthetic monitor arrives unmarked.
    MonitorUnmarked,
    /// A mark from a source that is not trusted.
    MarkUntrusted,
    /// Something on this hop cannot be observed.
    NotObservable,
}

impl Code {
    /// Every code, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::ContextLost,
        Self::TraceRestarted,
        Self::MarkLost,
        Self::ForwardedVerbatim,
        Self::SampledCleared,
        Self::MalformedOut,
        Self::TracestateChanged,
        Self::LeftScope,
        Self::Stale,
        Self::MonitorUnmarked,
        Self::MarkUntrusted,
        Self::NotObservable,
    ];

    /// The stable name: `G101`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContextLost => "G101",
            Self::TraceRestarted => "G102",
            Self::MarkLost => "G103",
            Self::ForwardedVerbatim => "G104",
            Self::SampledCleared => "G105",
            Self::MalformedOut => "G106",
            Self::TracestateChanged => "G107",
            Self::LeftScope => "G109",
            Self::Stale => "G110",
            Self::MonitorUnmarked => "G301",
            Self::MarkUntrusted => "G302",
            Self::NotObservable => "G401",
        }
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::ContextLost | Self::TraceRestarted | Self::MarkLost | Self::MalformedOut | Self::Stale => {
                Severity::Error
            }
            Self::SampledCleared | Self::LeftScope | Self::MonitorUnmarked => Severity::Warn,
            Self::ForwardedVerbatim | Self::TracestateChanged | Self::MarkUntrusted | Self::NotObservable => {
                Severity::Info
            }
        }
    }

    /// A few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::ContextLost => "context lost",
            Self::TraceRestarted => "trace restarted",
            Self::MarkLost => "mark lost",
            Self::ForwardedVerbatim => "forwarded verbatim",
            Self::SampledCleared => "sampled flag cleared",
            Self::MalformedOut => "malformed context sent",
            Self::TracestateChanged => "tracestate changed",
            Self::LeftScope => "context left the scope",
            Self::Stale => "stale context sent",
            Self::MonitorUnmarked => "monitor's requests unmarked",
            Self::MarkUntrusted => "mark from an untrusted source",
            Self::NotObservable => "not observable",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no finding {0:?}; the codes are G101 to G107, G109, G110, G301, G302 and G401")]
pub struct UnknownCode(pub String);

impl FromStr for Code {
    type Err = UnknownCode;

    /// Case does not matter: people type `g101`.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let found = Self::ALL.into_iter().find(|code| code.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back() {
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(code));
            assert_eq!(code.as_str().to_lowercase().parse(), Ok(code), "as people type it");
        }
        assert!("G108".parse::<Code>().is_err(), "needs spans, which nothing here receives");
        assert!(Code::ALL.is_sorted(), "the order of the numbers is the order of the variants");
    }
}

//! Settings that are one word of a few, and those words: one table for reading, showing and the published schema.

use crate::config::export::{ExportChoice, OtlpProtocol};
use crate::config::probe::Enabled;
use crate::config::proxy::Forwarded;
use crate::trace::decision::{InjectPolicy, RecordMode, SampledPolicy};

/// A setting with a fixed set of words.
pub(super) trait Words: Copy + PartialEq + 'static {
    /// How the schema calls it.
    const NAME: &'static str;
    /// Every word and what it stands for.
    const WORDS: &'static [(&'static str, Self)];

    /// The word for a value.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| word)
    }
}

/// Whether bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
}

impl Words for RecordMode {
    const NAME: &'static str = "Record";
    const WORDS: &'static [(&'static str, Self)] =
        &[("marked", Self::Marked), ("all", Self::All), ("none", Self::None)];
}

impl Words for InjectPolicy {
    const NAME: &'static str = "Inject";
    const WORDS: &'static [(&'static str, Self)] =
        &[("recorded", Self::Recorded), ("all", Self::All), ("off", Self::Off)];
}

impl Words for SampledPolicy {
    const NAME: &'static str = "Sampled";
    const WORDS: &'static [(&'static str, Self)] = &[("set", Self::Set), ("keep", Self::Keep)];
}

impl Words for Forwarded {
    const NAME: &'static str = "Forwarded";
    const WORDS: &'static [(&'static str, Self)] =
        &[("preserve", Self::Preserve), ("append", Self::Append), ("replace", Self::Replace)];
}

impl Words for ExportChoice {
    const NAME: &'static str = "Destination";
    const WORDS: &'static [(&'static str, Self)] =
        &[("otlp", Self::Otlp), ("print", Self::Print), ("none", Self::None)];
}

impl Words for OtlpProtocol {
    const NAME: &'static str = "Protocol";
    const WORDS: &'static [(&'static str, Self)] = &[("http/protobuf", Self::HttpProtobuf), ("grpc", Self::Grpc)];
}

impl Words for Enabled {
    const NAME: &'static str = "Enabled";
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("true", Self::Always), ("false", Self::Never)];
}

impl Words for Compression {
    const NAME: &'static str = "Compression";
    const WORDS: &'static [(&'static str, Self)] = &[("none", Self::None), ("gzip", Self::Gzip)];
}

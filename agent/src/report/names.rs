//! The words of the engine as a report writes them: each enumeration by its stable names.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::gap::code::{Code, Severity};
use crate::gap::judgement::{Attribution, Confidence, UnknownReason};
use crate::gap::observation::Completeness;
use crate::trace::counts::Label;

/// An enumeration that is written by its stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name<T>(pub T);

/// An enumeration with a name in the published schema.
pub trait Word: Label {
    /// What the schema calls it.
    const KIND: &'static str;
}

impl Word for Severity {
    const KIND: &'static str = "Severity";
}

impl Word for Confidence {
    const KIND: &'static str = "Confidence";
}

impl Word for Attribution {
    const KIND: &'static str = "Attribution";
}

impl Word for UnknownReason {
    const KIND: &'static str = "UnknownReason";
}

impl Word for Completeness {
    const KIND: &'static str = "Completeness";
}

impl<T: Word> Serialize for Name<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<T: Word> JsonSchema for Name<T> {
    fn schema_name() -> Cow<'static, str> {
        T::KIND.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = T::ALL.iter().map(|value| value.name()).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

/// A code by its stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CodeName(pub Code);

impl Serialize for CodeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl JsonSchema for CodeName {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "enum": Code::ALL.map(Code::as_str),
            "description": "What was found; `throughline explain CODE` says more.",
        })
    }
}

/// Why a hop is unknown, in words that fit after "not judged:".
#[must_use]
pub const fn reason(reason: UnknownReason) -> &'static str {
    match reason {
        UnknownReason::NoMarkedTraffic => "no marked request reached the caller",
        UnknownReason::TooFewSamples => "too few samples",
        UnknownReason::NotObservable => "heads not seen whole",
        UnknownReason::Intermediary => "the caller is behind a shared address",
    }
}

/// Why heads were not seen whole, after a number: "3 encrypted".
#[must_use]
pub const fn completeness(completeness: Completeness) -> &'static str {
    match completeness {
        Completeness::Whole => "seen whole",
        Completeness::Truncated => "truncated",
        Completeness::Lost => "lost",
        Completeness::Encrypted => "encrypted",
        Completeness::JoinedLate => "over HTTP/2 joined late",
        Completeness::OtherProtocol => "in another protocol",
        Completeness::Uring => "by io_uring",
        Completeness::Gated => "passed over, too many for the probe",
        Completeness::Compat => "of 32-bit processes",
        Completeness::LongLived => "long-lived",
    }
}

/// How samples were attributed, in a few words.
#[must_use]
pub const fn attribution(attribution: Attribution) -> &'static str {
    match attribution {
        Attribution::Overlap => "beside other requests",
        Attribution::Alone => "no other request under way",
        Attribution::Section => "by thread",
        Attribution::Exact => "by trace id",
        Attribution::Challenge => "by challenge",
    }
}

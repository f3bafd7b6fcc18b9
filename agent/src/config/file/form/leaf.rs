//! Single values as the schema sees them. A variable may stand for each, so each may also be a text with `${env:`.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::super::FORMAT;
use super::super::words::Words;

/// The form of the file.
#[derive(Debug)]
pub(in super::super) struct Format;

/// A duration.
#[derive(Debug, Serialize)]
pub(in super::super) struct Time(String);

/// A whole number from 0.
#[derive(Debug, Serialize)]
pub(in super::super) struct Whole(pub(in super::super) u64);

/// A number above 0.
#[derive(Debug, Serialize)]
pub(in super::super) struct Number(pub(in super::super) f64);

/// Yes or no.
#[derive(Debug, Serialize)]
pub(in super::super) struct Switch(pub(in super::super) bool);

/// A list of texts; one alone needs no list.
#[derive(Debug, Serialize)]
pub(in super::super) struct Texts(pub(in super::super) Vec<String>);

/// One word of a few.
#[derive(Debug)]
pub(in super::super) struct Word<T: Words>(pub(in super::super) T);

impl From<Duration> for Time {
    fn from(duration: Duration) -> Self {
        Self(humantime::format_duration(duration).to_string())
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(FORMAT)
    }
}

impl<T: Words> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

/// A text that a variable is part of.
fn variable() -> Value {
    json!({ "type": "string", "pattern": r"\$\{env:[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}" })
}

fn or_variable(plain: Value) -> Schema {
    json_schema!({ "anyOf": [plain, variable()] })
}

impl JsonSchema for Format {
    fn schema_name() -> Cow<'static, str> {
        "FileFormat".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [FORMAT, 1] })
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "5s, 500ms or 1m 30s; a bare number means seconds.",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": r"^\s*([0-9]+\s*[a-zA-Zµ]+\s*)+$|^[0-9]+$" },
                variable()
            ]
        })
    }
}

impl JsonSchema for Whole {
    fn schema_name() -> Cow<'static, str> {
        "Whole".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        or_variable(json!({ "type": "integer", "minimum": 0 }))
    }
}

impl JsonSchema for Number {
    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        or_variable(json!({ "type": "number", "exclusiveMinimum": 0 }))
    }
}

impl JsonSchema for Switch {
    fn schema_name() -> Cow<'static, str> {
        "Switch".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        or_variable(json!({ "type": "boolean" }))
    }
}

impl JsonSchema for Texts {
    fn schema_name() -> Cow<'static, str> {
        "Texts".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "type": "string" }] })
    }
}

impl<T: Words> JsonSchema for Word<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut words: Vec<Value> = T::WORDS.iter().map(|(word, _)| Value::from(*word)).collect();
        // Written without quotes, these two are no texts to a YAML reader.
        let truths = [("true", true), ("false", false)].into_iter();
        let truths: Vec<bool> =
            truths.filter(|(word, _)| words.iter().any(|known| known == word)).map(|(_, truth)| truth).collect();
        words.extend(truths.into_iter().map(Value::from));
        or_variable(json!({ "enum": words }))
    }
}

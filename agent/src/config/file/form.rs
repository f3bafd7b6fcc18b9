//! The published form of the file: what `config schema` prints, and what `config show` writes. Reading does not go
//! through these types, because it is to name every mistake with its place.

mod export;
mod leaf;
mod probe;
mod process;
mod proxy;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::Value;

pub(super) use export::{ExportForm, QueueForm};
pub(super) use leaf::{Format, Number, Switch, Texts, Whole, Word};
pub(super) use probe::{NameForm, ProbeForm};
pub(super) use process::{AdminForm, ObservationsForm, ObserveForm, ReportForm, StopForm};
pub(super) use proxy::{AdmissionForm, AdmissionLimits, EgressForm, ProxyForm, TimeoutsForm};

/// The JSON Schema (2020-12) of the configuration file.
#[must_use]
pub fn json_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    settings.into_generator().into_root_schema_for::<Form>().to_value()
}

/// The configuration of `throughline agent`. Any value may be `${env:NAME}` or `${env:NAME:-default}`; `$$` stands for a
/// dollar sign. Names of files are relative to the folder of this one.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "throughline configuration")]
pub(super) struct Form {
    /// The form of this file.
    pub(super) file_format: Format,
    /// One proxy before each service. May be left out where the probe has targets.
    #[schemars(length(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proxies: Option<Vec<ProxyForm>>,
    /// Proxy threads, which all proxies share. Default: one for each core. A change needs a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) threads: Option<Whole>,
    /// Where spans go. The OTEL_* variables count more than this section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) export: Option<ExportForm>,
    /// How long the steps of a stop may take; a proxy that a reload takes away drains as long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop: Option<StopForm>,
    /// Health, metrics, reports and the emergency switch over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) admin: Option<AdminForm>,
    /// What the report leaves out and takes in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) report: Option<ReportForm>,
    /// Recording of what proxies and probe see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) observe: Option<ObserveForm>,
    /// The kernel probe, which watches the services themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) probe: Option<ProbeForm>,
}

/// What may be left out may not be empty instead: that an `Option` can be null is serde's habit, not the file's.
fn without_null(schema: &mut Schema) {
    let null = Value::from("null");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| *kind != null);
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(members)) = schema.get_mut("anyOf") {
        members.retain(|member| member.get("type") != Some(&null));
        if let [Value::Object(only)] = members.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                schema.insert(key, value);
            }
        }
    }
    transform_subschemas(&mut |_: &mut Schema| (), schema);
}

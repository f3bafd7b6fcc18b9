//! The form of the section `probe`.

use schemars::JsonSchema;
use serde::Serialize;

use super::leaf::{Texts, Time, Whole, Word};
use crate::config::probe::Enabled;

/// The kernel probe: it watches the services themselves, and changes nothing. Without targets it does not run.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ProbeForm {
    /// Whether it runs: auto goes on without where it cannot, true does not start then. Default: auto. A change needs a
    /// restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) enabled: Option<Word<Enabled>>,
    /// Which processes are watched: all, pid:NUMBER, port:NUMBER, or a pattern: exe:PATH,
    /// command:LINE, cgroup:PATH, unit:NAME, container:ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) targets: Option<Texts>,
    /// What services are called, where their own name will not do. The first rule that fits counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) names: Option<Vec<NameForm>>,
    /// Bytes of one message that are captured at most. Default: 16384. A change needs a restart, as for those below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) head_bytes: Option<Whole>,
    /// Bytes of the ring buffer between kernel and agent: a power of two. Default: 8388608.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) ring_bytes: Option<Whole>,
    /// Messages of one process that are captured in a second, and at once, while no mark has opened its gate. Default: 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) budget: Option<Whole>,
    /// How long a mark opens the gate of the process that read it. Default: 5s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) gate: Option<Time>,
    /// Texts in a head that open the gate, four at most, of which the first eight characters count. Default: checkly=true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) literals: Option<Texts>,
}

/// What the service of some processes is called.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct NameForm {
    /// Whose name it is; written as in targets, and all of them have to fit.
    pub(in super::super) when: Texts,
    /// The name of their service, with parts that are filled in: {exe}, {script}, {unit}, {port}, {container}, {pod} and
    /// {default}.
    #[schemars(length(min = 1, max = 255))]
    pub(in super::super) name: String,
}

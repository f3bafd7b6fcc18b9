//! The kernel probe: which processes it watches, what their services are called, and its bounds. Knows no process.

use std::time::Duration;

use super::workload::{NameRule, Selector};

/// What the probe is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeConfig {
    /// Whether it runs, and what it means that it cannot.
    pub enabled: Enabled,
    /// Which processes are watched; without one the probe does not run.
    pub targets: Vec<Selector>,
    /// What services are called, where their own name will not do. The first rule that fits counts.
    pub names: Vec<NameRule>,
    /// Bytes of one message that are captured at most.
    pub head_bytes: u32,
    /// Bytes of the ring buffer between kernel and agent: a power of two.
    pub ring_bytes: u32,
    /// Messages of one process that are captured in a second, and at once, while no mark has opened its gate.
    pub budget: u32,
    /// How long a mark opens the gate of the process that read it.
    pub gate: Duration,
    /// Texts in a head that open the gate; of each the first eight bytes count.
    pub literals: Vec<String>,
    /// Whether the thread that starts the agent, and all that come after it, give up what the agent does not need once the
    /// probe is attached. Only for a process that is the agent's own.
    pub narrows_process: bool,
}

/// Whether the probe runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Enabled {
    /// Where it may; elsewhere the agent says why not, and goes on without.
    #[default]
    Auto,
    /// It has to: the agent does not start without.
    Always,
    /// It does not.
    Never,
}

/// Literals that the kernel side has room for.
pub(crate) const MAX_LITERALS: usize = 4;
/// Bytes of a literal: the kernel side looks for the first eight, and an overlong one is a mistake.
const LITERAL: std::ops::RangeInclusive<usize> = 8..=64;
impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            enabled: Enabled::Auto,
            targets: Vec::new(),
            names: Vec::new(),
            head_bytes: 16 * 1024,
            ring_bytes: 8 * 1024 * 1024,
            budget: 500,
            gate: Duration::from_secs(5),
            literals: vec!["checkly=true".to_owned()],
            narrows_process: false,
        }
    }
}

impl ProbeConfig {
    /// Whether there is something to watch and nobody forbids it.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.enabled != Enabled::Never && !self.targets.is_empty()
    }
}

/// A text that opens the gate.
///
/// # Errors
/// What was expected instead; one sentence.
pub(crate) fn literal(text: &str) -> Result<String, String> {
    let fits = LITERAL.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| text.to_owned()).ok_or_else(|| {
        let (least, most) = (LITERAL.start(), LITERAL.end());
        format!("write {least} to {most} characters of ASCII without white space, such as checkly=true")
    })
}

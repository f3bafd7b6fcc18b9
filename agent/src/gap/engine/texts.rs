//! Texts and processes as small numbers, so that an observation at rest holds no text.

use std::collections::HashMap;
use std::sync::Arc;

use super::hash::IdMap;
use crate::gap::observation::Process;

/// A text's number. Equal texts have equal numbers; their order means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Text(pub(super) u32);

/// A process's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Pid(pub(super) u32);

impl Text {
    /// No text.
    pub(super) const NONE: Self = Self(0);

    /// The text's number, where there is a text.
    pub(super) fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

impl Pid {
    /// The process is not known.
    pub(super) const UNKNOWN: Self = Self(0);

    /// Whether both may be the same process: they are, or one is not known.
    pub(super) fn agrees(self, other: Self) -> bool {
        self == other || self == Self::UNKNOWN || other == Self::UNKNOWN
    }
}

/// Longer texts are cut, in bytes.
const MAX_TEXT: usize = 512;

/// All texts and processes that were seen, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: HashMap<Arc<str>, Text>,
    texts: Vec<Arc<str>>,
    processes: IdMap<Process, Pid>,
    most: usize,
}

impl Texts {
    /// None, and `most` at most.
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// The text's number; `None` when it is new and there are too many.
    pub(super) fn number(&mut self, text: &Arc<str>) -> Option<Text> {
        if let Some(number) = self.numbers.get(text) {
            return Some(*number);
        }
        if text.len() > MAX_TEXT {
            let end = text.floor_char_boundary(MAX_TEXT);
            return self.number(&text.get(..end).unwrap_or_default().into());
        }
        if self.texts.len() >= self.most {
            return None;
        }
        self.texts.push(text.clone());
        let number = Text(u32::try_from(self.texts.len()).ok()?);
        self.numbers.insert(text.clone(), number);
        Some(number)
    }

    /// The text of this number.
    pub(super) fn text(&self, number: Text) -> Arc<str> {
        let place = (number.0 as usize).checked_sub(1);
        place.and_then(|place| self.texts.get(place)).cloned().unwrap_or_default()
    }

    /// The process's number; unknown when it is new and there are too many.
    pub(super) fn process(&mut self, process: Option<Process>) -> Pid {
        let Some(process) = process else { return Pid::UNKNOWN };
        if let Some(number) = self.processes.get(&process) {
            return *number;
        }
        if self.processes.len() >= self.most {
            return Pid::UNKNOWN;
        }
        let number = Pid(u32::try_from(self.processes.len() + 1).unwrap_or_default());
        self.processes.insert(process, number);
        number
    }
}

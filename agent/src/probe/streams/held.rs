//! Answers that wait for their request: the call that wrote it may return after another thread has read the answer.

use std::collections::VecDeque;
use std::hint::black_box;

use throughline_common::record::Header;

use super::around::Around;

/// Records of a connection that may wait.
const MOST: usize = 32;

/// The records of one connection that wait, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Held {
    records: VecDeque<(Header, Wiped)>,
}

/// Bytes that are overwritten before their memory is given back.
#[derive(Debug, Default)]
pub(super) struct Wiped(Box<[u8]>);

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Takes one in; false where there is no room.
    pub(super) fn push(&mut self, header: &Header, data: &[u8], around: &mut Around) -> bool {
        if self.records.len() >= MOST || around.held.saturating_add(data.len()) > around.bounds.held {
            around.counts.over_bound += 1;
            return false;
        }
        around.held += data.len();
        self.records.push_back((*header, Wiped(data.into())));
        true
    }

    pub(super) fn pop(&mut self, around: &mut Around) -> Option<(Header, Wiped)> {
        let first = self.records.pop_front()?;
        around.held = around.held.saturating_sub(first.1.0.len());
        Some(first)
    }

    /// Whether the first has waited for `hold` nanoseconds.
    pub(super) fn is_due(&self, now: u64, hold: u64) -> bool {
        self.records.front().is_some_and(|(header, _)| header.time.saturating_add(hold) <= now)
    }
}

impl std::ops::Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.fill(0);
        // So that the bytes are written though nobody reads them any more.
        black_box(&mut self.0);
    }
}

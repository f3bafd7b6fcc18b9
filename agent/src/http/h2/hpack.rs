//! Header compression (RFC 7541): the decoder of one way, bounded.
//!
//! The libraries for it bound neither the table's size nor the list that a block unfolds to, and both are chosen by
//! whoever is observed. The table's size is told in the blocks themselves (section 4.2), so SETTINGS need not be followed.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::huffman;
use super::static_table::STATIC_TABLE;
use crate::http::event::Lost;

/// What an entry takes beside its bytes (section 4.1).
const OVERHEAD: usize = 32;
/// The size of a table at first (RFC 9113, section 6.5.2).
const INITIAL_SIZE: usize = 4096;

/// A decoder. After an error it cannot be used: what follows depends on what was not understood.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The newest first.
    table: VecDeque<Entry>,
    size: usize,
    max_size: usize,
    /// What `max_size` may be set to.
    largest: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    name: Box<[u8]>,
    value: Box<[u8]>,
}

impl Decoder {
    /// `largest` bounds the table, in bytes.
    pub(super) fn new(largest: usize) -> Self {
        Self {
            table: VecDeque::new(),
            size: 0,
            max_size: INITIAL_SIZE.min(largest),
            largest,
            name: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Decodes a whole block of at most `longest` bytes, by the measure of RFC 9113, section 6.5.2.
    ///
    /// # Errors
    /// A block that is none, a longer list, or a larger table.
    pub(super) fn decode(
        &mut self,
        block: &[u8],
        longest: usize,
        mut field: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Lost> {
        let mut input = Input(block);
        let (mut length, mut any) = (0, false);
        while let Some(first) = input.0.first().copied() {
            if first & 0xe0 == 0x20 {
                // Section 4.2: only at the beginning.
                let size = input.integer(5).filter(|_| !any).ok_or(Lost::Malformed)?;
                self.resize(size)?;
                continue;
            }
            any = true;
            self.read(&mut input, first).ok_or(Lost::Malformed)?;
            length += self.name.len() + self.value.len() + OVERHEAD;
            if length > longest {
                return Err(Lost::TooLong);
            }
            field(&self.name, &self.value);
            if first & 0xc0 == 0x40 {
                self.insert();
            }
        }
        Ok(())
    }

    /// Reads a field of any kind (section 6) into `name` and `value`.
    fn read(&mut self, input: &mut Input<'_>, first: u8) -> Option<()> {
        self.name.clear();
        self.value.clear();
        if first & 0x80 != 0 {
            let index = input.integer(7)?;
            let (name, value) = entry(&self.table, index)?;
            self.name.extend_from_slice(name);
            self.value.extend_from_slice(value);
            return Some(());
        }
        // With indexing 01, without 0000, never 0001.
        match input.integer(if first & 0x40 == 0 { 4 } else { 6 })? {
            0 => input.string(&mut self.name)?,
            index => self.name.extend_from_slice(entry(&self.table, index)?.0),
        }
        input.string(&mut self.value)
    }

    /// Section 6.3.
    fn resize(&mut self, size: usize) -> Result<(), Lost> {
        if size > self.largest {
            return Err(Lost::TooLong);
        }
        self.max_size = size;
        self.evict(0);
        Ok(())
    }

    /// Adds what was read (section 4.4): an entry that is larger than the table empties it.
    fn insert(&mut self) {
        let size = self.name.len() + self.value.len() + OVERHEAD;
        self.evict(size);
        if size <= self.max_size {
            self.size += size;
            self.table.push_front(Entry { name: self.name.as_slice().into(), value: self.value.as_slice().into() });
        }
    }

    /// Drops the oldest until there is room for so much more.
    fn evict(&mut self, more: usize) {
        while self.size + more > self.max_size {
            let Some(oldest) = self.table.pop_back() else { return };
            self.size -= oldest.name.len() + oldest.value.len() + OVERHEAD;
        }
    }
}

/// The entry with this index, in the static table or in the dynamic one behind it (section 2.3.3).
fn entry(table: &VecDeque<Entry>, index: usize) -> Option<(&[u8], &[u8])> {
    let place = index.checked_sub(1)?;
    match STATIC_TABLE.get(place) {
        Some((name, value)) => Some((name.as_bytes(), value.as_bytes())),
        None => table.get(place - STATIC_TABLE.len()).map(|entry| (&*entry.name, &*entry.value)),
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// An integer that begins in the last `prefix` bits of the first byte (section 5.1); of at most 28 bits beyond them.
    fn integer(&mut self, prefix: u32) -> Option<usize> {
        let mask = u8::MAX >> (8 - prefix);
        let first = self.byte()? & mask;
        if first < mask {
            return Some(usize::from(first));
        }
        let more = (0..28).step_by(7).try_fold(0_usize, |sum, shift| match self.byte() {
            None => ControlFlow::Break(None),
            Some(byte) => {
                let sum = sum | usize::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 { ControlFlow::Break(Some(sum)) } else { ControlFlow::Continue(sum) }
            }
        });
        let ControlFlow::Break(Some(more)) = more else { return None };
        Some(usize::from(mask) + more)
    }

    /// A string (section 5.2), appended to `out`.
    fn string(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let is_huffman = self.0.first()? & 0x80 != 0;
        let length = self.integer(7)?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        if is_huffman {
            return huffman::decode(bytes, out);
        }
        out.extend_from_slice(bytes);
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

#[cfg(test)]
mod tests;

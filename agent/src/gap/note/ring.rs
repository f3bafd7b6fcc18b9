//! A bounded ring of notes between one thread that writes and one that reads; neither waits for the other.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Note, WORDS};

/// A ring. One thread may write and one may read; should two write at once, notes get mixed and nothing worse.
#[derive(Debug)]
pub struct Ring {
    slots: Box<[Slot]>,
    written: Place,
    read: Place,
    lost: AtomicU64,
}

/// One note on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Slot([AtomicU64; WORDS]);

/// A position that only grows, apart from the other one, so that the two threads do not share a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Place(AtomicU64);

impl Ring {
    /// A ring with room for `notes`, at least one.
    #[must_use]
    pub fn new(notes: usize) -> Self {
        Self {
            slots: (0..notes.max(1)).map(|_| Slot::default()).collect(),
            written: Place::default(),
            read: Place::default(),
            lost: AtomicU64::new(0),
        }
    }

    /// Leaves a note; where there is no room, it is lost and counted.
    pub fn write(&self, note: &Note) {
        let at = self.written.0.load(Ordering::Relaxed);
        let used = at.wrapping_sub(self.read.0.load(Ordering::Acquire));
        let Some(slot) = self.slot(at).filter(|_| used < self.slots.len() as u64) else {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        for (place, word) in slot.0.iter().zip(note.words()) {
            place.store(word, Ordering::Relaxed);
        }
        self.written.0.store(at.wrapping_add(1), Ordering::Release);
    }

    /// Hands over everything that was left, oldest first, up to what is there now.
    pub fn drain(&self, mut each: impl FnMut(Note)) {
        let mut at = self.read.0.load(Ordering::Relaxed);
        let end = self.written.0.load(Ordering::Acquire);
        while at != end {
            if let Some(slot) = self.slot(at) {
                let mut words = [0; WORDS];
                for (word, place) in words.iter_mut().zip(&slot.0) {
                    *word = place.load(Ordering::Relaxed);
                }
                each(Note::from_words(words));
            }
            at = at.wrapping_add(1);
            self.read.0.store(at, Ordering::Release);
        }
    }

    /// How many notes were lost since this was asked last.
    pub fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }

    fn slot(&self, at: u64) -> Option<&Slot> {
        self.slots.get(at.checked_rem(self.slots.len() as u64)? as usize)
    }
}

//! Hashing of ids and small numbers, keyed by the engine's seed: fast, and the same in every run.
//!
//! Nothing depends on the order in which a map is walked. Texts from outside are hashed by the standard library's hasher.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

/// A map whose keys are ids and numbers.
pub(super) type IdMap<K, V> = HashMap<K, V, Seeded>;

/// Makes hashers that start from the engine's seed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seeded(pub(super) u64);

/// Multiplies and folds, 64 bits at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folding(u64);

/// A sequence of random numbers that is fixed by its first value: SplitMix64.
#[derive(Debug, Clone, Copy)]
pub(super) struct Random(pub(super) u64);

impl BuildHasher for Seeded {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding(self.0 ^ 0x9e37_79b9_7f4a_7c15)
    }
}

impl Hasher for Folding {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = fold(self.0 ^ value, 0xa076_1d64_78bd_642f);
    }

    fn write_u128(&mut self, value: u128) {
        self.write_u64(value as u64);
        self.write_u64((value >> 64) as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

impl Random {
    /// 64 random bits.
    pub(super) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, not including, `bound`; 0 where that is 0.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        ((self.bits() as u128 * bound as u128) >> 64) as u64
    }
}

/// One number for several.
pub(super) fn mix(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0x9e37_79b9_7f4a_7c15, |hash, number| fold(hash ^ number, 0xe703_7ed1_a0b4_28db))
}

/// One number for an id of 128 bits and another number.
pub(super) fn mix_id(number: u64, id: u128) -> u64 {
    mix(&[number, id as u64, (id >> 64) as u64])
}

const fn fold(left: u64, right: u64) -> u64 {
    let product = left as u128 * right as u128;
    (product as u64) ^ ((product >> 64) as u64)
}

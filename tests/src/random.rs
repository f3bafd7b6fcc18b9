//! A small seeded generator (SplitMix64), so that a failing run can be repeated: the seed is printed, and
//! `THROUGHLINE_TEST_SEED` sets it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Pseudo-random numbers from a seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator with the seed of the environment, or one taken from the clock. Prints the seed for `suite`.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "the seed must be in the output of a failed test")]
    pub fn for_suite(suite: &str) -> Self {
        let seed = match std::env::var("THROUGHLINE_TEST_SEED") {
            Ok(seed) => seed.parse().expect("THROUGHLINE_TEST_SEED is a number"),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_micros() as u64),
        };
        println!("{suite}: THROUGHLINE_TEST_SEED={seed}");
        Self(seed)
    }

    /// A generator with this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, not including, `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end.max(1) as u64) as usize
    }

    /// True `n` times in a hundred.
    pub fn percent(&mut self, n: usize) -> bool {
        self.below(100) < n
    }

    /// One of `choices`.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// `len` characters of `alphabet`.
    pub fn text(&mut self, alphabet: &[u8], len: usize) -> Vec<u8> {
        (0..len).map(|_| *self.pick(alphabet)).collect()
    }

    /// `len` lower-case hexadecimal digits.
    pub fn hex(&mut self, len: usize) -> String {
        self.text(b"0123456789abcdef", len).into_iter().map(char::from).collect()
    }
}

//! What a mark is recognised by in the kernel: eight bytes, looked for at every place of a head.
//!
//! Eight bytes are one word, and enough: what is mistaken for a mark opens the gate of a process for a while, and the
//! user side, which parses the head, sees that there was none.

/// Bytes that are compared.
pub const COMPARED: usize = 8;

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Eight bytes of a literal, ready to be compared with words in little-endian order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Literal {
    /// All eight.
    pub word: u64,
    /// The last of them, eight times. It is none of the others: so the first of its kind in a word is the only one in
    /// it that the literal can end with.
    pub last: u64,
}

impl Literal {
    /// Eight bytes of this text: those that end with a sign, which is rarer in heads than letters, if there are such.
    /// None where the text is shorter, or no eight bytes of it end with one that is none of the others.
    #[must_use]
    pub fn of(text: &[u8]) -> Option<Self> {
        let fit =
            || text.windows(COMPARED).filter_map(|window| window.first_chunk().copied()).filter(ends_with_its_own);
        let by_sign = fit().find(|bytes| bytes.last().is_some_and(|last| !last.is_ascii_alphanumeric()));
        let bytes = by_sign.or_else(|| fit().next())?;
        Some(Self { word: u64::from_le_bytes(bytes), last: u64::from_le_bytes([*bytes.last()?; COMPARED]) })
    }

    /// Whether it may end in any of these words: quicker to know for all than for each whether it does.
    #[inline(always)]
    #[must_use]
    pub const fn may_end_in(last: u64, words: [u64; 4]) -> bool {
        let [a, b, c, d] = words;
        zeros(a ^ last) | zeros(b ^ last) | zeros(c ^ last) | zeros(d ^ last) != 0
    }

    /// Whether it ends in the eight bytes of `now`, which follow those of `before`.
    #[inline(always)]
    #[must_use]
    pub const fn ends_in(word: u64, last: u64, before: u64, now: u64) -> bool {
        let ends = zeros(now ^ last);
        ends != 0 && ends_at_first(ends, before, now) == word
    }
}

/// The highest bit of each byte that is zero. Above the first of them others may be set by mistake.
#[inline(always)]
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS
}

/// The eight bytes that end with the byte of `now` whose highest bit is the lowest one of `ends`.
#[inline(always)]
const fn ends_at_first(ends: u64, before: u64, now: u64) -> u64 {
    // Ones in all bytes below it: their sum, in the highest byte, is how many there are.
    let below = (((ends & ends.wrapping_neg()) >> 7) - 1) & LOW_BITS;
    let bits = below.wrapping_mul(LOW_BITS) >> 56 << 3;
    now << (56 - bits) | before >> bits >> 8
}

fn ends_with_its_own(bytes: &[u8; COMPARED]) -> bool {
    let [others @ .., last] = bytes;
    !others.contains(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_of_a_literal_are_chosen() {
        type Row<'a> = (&'a [u8], Option<&'a [u8; 8]>, &'a str);
        let rows: [Row<'_>; 6] = [
            (b"checkly=true", Some(b"checkly="), "ends with the sign"),
            (b"x-probe: checkly", Some(b"x-probe:"), "the first that ends with a sign"),
            (b"synthetic", Some(b"syntheti"), "no sign, the first letters that do"),
            (b"aaaaaaaab", Some(b"aaaaaaab"), "the only ones that do"),
            (b"aaaaaaaaaaaa", None, "the end is never the first of its kind"),
            (b"a=true", None, "too short to be told from other text"),
        ];
        for (text, expected, why) in rows {
            let expected = expected.map(|bytes| {
                let [.., last] = *bytes;
                Literal { word: u64::from_le_bytes(*bytes), last: u64::from_le_bytes([last; 8]) }
            });
            assert_eq!(Literal::of(text), expected, "{why}");
        }
    }
    #[test]
    fn a_literal_is_found_at_every_place_of_a_head() {
        let literal = Literal::of(b"checkly=true").unwrap_or_default();
        let found = |text: &[u8]| {
            let mut before = 0;
            text.chunks(COMPARED).any(|chunk| {
                let mut bytes = [0; COMPARED];
                bytes.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
                let now = u64::from_le_bytes(bytes);
                let found = Literal::ends_in(literal.word, literal.last, before, now);
                let among = |place| [0, 1, 2, 3].map(|other| if place == other { now } else { 0 });
                assert!(!found || (0..4).all(|place| Literal::may_end_in(literal.last, among(place))));
                before = now;
                found
            })
        };
        for place in 0..64 {
            let mut text = [b'.'; 80];
            text.iter_mut().skip(place).zip(b"checkly=true").for_each(|(to, from)| *to = *from);
            assert!(found(&text), "at {place}");
            text.iter_mut().skip(place + 6).take(1).for_each(|byte| *byte = b'i');
            assert!(!found(&text), "another text at {place}");
        }
        assert!(found(b"tracestate: foo=1,checkly=true"), "another sign of its kind before it");
        assert!(!found(b"tracestate: foo=1,other=true"), "signs alone");
    }
}

//! What a mark is recognised by in the kernel: eight bytes, looked for at every place of a head.
//!
//! Eight bytes are one word, and enough: what is mistaken for a mark opens the gate of a process for a while, and the
//! user side, which parses the head, sees that there was none.

/// Bytes that are compared.
pub const COMPARED: usize = 8;

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
}

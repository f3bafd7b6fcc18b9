//! The Huffman code of HPACK (RFC 7541, section 5.2 and appendix B).
//!
//! The code is canonical: codes of one length are consecutive numbers, in the order of their symbols. So the lengths are
//! all there is to know.

/// Bits of the code of each byte.
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26,
];

/// Bits of the longest code, which is that of the end of the string.
const LONGEST: usize = 30;

/// The codes of one length.
#[derive(Clone, Copy)]
struct Group {
    length: u32,
    /// The first code, in the upper bits.
    first: u32,
    /// What follows the last code, in the upper bits.
    limit: u32,
    /// Where their symbols begin in [`CODE`].
    at: usize,
}

struct Code {
    groups: [Group; LONGEST],
    /// Symbols in the order of their codes.
    symbols: [u8; 256],
}

const CODE: Code = code();

#[expect(clippy::indexing_slicing, reason = "done by the compiler, which refuses an index that is out of bounds")]
const fn code() -> Code {
    let mut groups = [Group { length: 0, first: 0, limit: 0, at: 0 }; LONGEST];
    let mut symbols = [0; 256];
    let (mut at, mut next, mut length) = (0, 0_u32, 1);
    while length <= LONGEST {
        next <<= 1;
        let (first, first_at, mut symbol) = (next, at, 0);
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                symbols[at] = symbol as u8;
                next += 1;
                at += 1;
            }
            symbol += 1;
        }
        let shift = 32 - length;
        groups[length - 1] = Group { length: length as u32, first: first << shift, limit: next << shift, at: first_at };
        length += 1;
    }
    Code { groups, symbols }
}

/// Appends what `bytes` stand for. `None` where they are not the code of a string: the end-of-string symbol, or padding
/// that is longer than 7 bits or not of ones.
pub(super) fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    static CODES: Code = CODE;
    let (mut window, mut bits) = (0_u64, 0_u32);
    let mut rest = bytes.iter();
    loop {
        while bits <= 32 {
            let Some(byte) = rest.next() else { break };
            window |= u64::from(*byte) << (56 - bits);
            bits += 8;
        }
        let near = u32::try_from(window >> 32).ok()?;
        let Some((symbol, length)) = CODES.symbol(near).filter(|(_, length)| *length <= bits) else { break };
        out.push(symbol);
        window <<= length;
        bits -= length;
    }
    let is_padding = bits < 8 && window >> (64 - 8) == (0xff << (8 - bits)) & 0xff;
    is_padding.then_some(())
}

impl Code {
    /// The symbol whose code these bits begin with, and its length.
    fn symbol(&self, bits: u32) -> Option<(u8, u32)> {
        let group = self.groups.iter().find(|group| bits < group.limit)?;
        let place = bits.checked_sub(group.first)? >> (32 - group.length);
        Some((*self.symbols.get(group.at + place as usize)?, group.length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_the_appendix_are_decoded() {
        let rows: &[(&str, &str)] = &[
            ("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"),
            ("a8eb10649cbf", "no-cache"),
            ("25a849e95ba97d7f", "custom-key"),
            ("25a849e95bb8e8b4bf", "custom-value"),
            ("6402", "302"),
            ("aec3771a4b", "private"),
            ("d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("9d29ad171863c78f0b97c8e9ae82ae43d3", "https://www.example.com"),
            ("", ""),
        ];
        for (code, text) in rows {
            let mut out = Vec::new();
            assert_eq!(decode(&bytes(code), &mut out), Some(()), "{text}");
            assert_eq!(String::from_utf8_lossy(&out), *text);
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let rows: &[(&str, &str)] = &[
            ("ff", "eight bits of padding (section 5.2)"),
            ("1fff", "`a` and more than seven bits of padding"),
            ("18", "`a` and padding of zeros"),
            ("ffffffff", "the end of the string in the string"),
            ("fffffffc", "the same, with bits behind it"),
        ];
        for (code, reason) in rows {
            assert_eq!(decode(&bytes(code), &mut Vec::new()), None, "{reason}");
        }
    }

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        crate::http::h2::tests::bytes(hexadecimal)
    }
}

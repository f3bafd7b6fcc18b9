//! From the path of a request to a template of bounded cardinality: `/cart/42` is `/cart/{}`.
//!
//! For grouping in a report only. It guesses, and rather takes a name for a value than a value for a name; it is never
//! an `http.route`, and no span bears it. Works in one pass without allocation, because every request is asked.

/// Segments of a template at most; what follows them is `*`.
pub const MAX_SEGMENTS: usize = 8;
/// Bytes of a template at most.
pub const MAX_BYTES: usize = 512;
/// Stands for the templates of a proxy that has seen too many.
pub const OTHER: &str = "{other}";

/// A segment with so many digits is a value.
const MANY_DIGITS: usize = 4;
/// A longer segment is a value.
const LONGEST_NAME: usize = 60;
/// Stands for a segment that is a value.
const VALUE: &[u8] = b"{}";
/// Stands for all segments after the last one that is kept.
const REST: &[u8] = b"*";

const _: () = assert!(MAX_SEGMENTS * (LONGEST_NAME + 1) + 1 + REST.len() <= MAX_BYTES);

/// The template of a request target, as it stands in the request line: `/path?query`, `http://host/path` or `*`. At
/// most [`MAX_BYTES`] of printable ASCII. Numbers, dates, UUIDs, long hexadecimal and base64 texts, e-mail addresses
/// and percent-encoded texts become `{}`; the query and parameters after `;` are left out.
#[must_use]
pub fn text(target: &[u8]) -> String {
    let mut text = String::new();
    each_piece(target, |piece| text.push_str(&String::from_utf8_lossy(piece)));
    text
}

/// A number for the same: equal templates have equal numbers, in this process and in this version.
#[must_use]
pub fn hash(target: &[u8]) -> u64 {
    let mut fold = Fold(0x9e37_79b9_7f4a_7c15);
    each_piece(target, |piece| fold.write(piece));
    fold.finish()
}

/// The pieces of the template, in order. The cut between two pieces depends on the template alone.
fn each_piece<'a>(target: &'a [u8], mut piece: impl FnMut(&'a [u8])) {
    let Some(mut rest) = path(target).strip_prefix(b"/") else {
        return piece(if target == REST { REST } else { VALUE });
    };
    for _ in 0..MAX_SEGMENTS {
        let end = rest.iter().position(|byte| *byte == b'/');
        let (segment, after) = rest.split_at(end.unwrap_or(rest.len()));
        piece(b"/");
        piece(name(segment).unwrap_or(VALUE));
        let Some(after) = after.strip_prefix(b"/") else { return };
        rest = after;
    }
    piece(b"/");
    piece(REST);
}

/// The path of a target: without scheme, authority, query and fragment.
fn path(target: &[u8]) -> &[u8] {
    let origin = if target.starts_with(b"/") { target } else { after_authority(target).unwrap_or(target) };
    let end = origin.iter().position(|byte| matches!(byte, b'?' | b'#'));
    origin.get(..end.unwrap_or(origin.len())).unwrap_or(origin)
}

fn after_authority(target: &[u8]) -> Option<&[u8]> {
    let scheme = target.windows(3).position(|window| window == b"://")?;
    let rest = target.get(scheme + 3..)?;
    // A target without path means the root (RFC 9112, section 3.2.2).
    match rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')) {
        Some(at) if rest.get(at) == Some(&b'/') => rest.get(at..),
        _ => Some(b"/"),
    }
}

/// What kinds of bytes there are.
const DIGIT: u8 = 1;
const HEX_LETTER: u8 = 2;
const LOWER: u8 = 4;
const UPPER: u8 = 8;
/// Between the parts of a name.
const SEPARATOR: u8 = 16;
/// Not in the name of a resource: encoded, quoted or not ASCII.
const FOREIGN: u8 = 32;

#[expect(clippy::indexing_slicing, reason = "made when compiled, where no index can be wrong")]
const KINDS: [u8; 256] = {
    let mut kinds = [FOREIGN; 256];
    let mut byte = 0;
    while byte < 128 {
        kinds[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' => HEX_LETTER | LOWER,
            b'A'..=b'F' => HEX_LETTER | UPPER,
            b'g'..=b'z' => LOWER,
            b'G'..=b'Z' => UPPER,
            b'-' | b'_' | b'.' | b'~' | b':' | b',' | b'+' | b'(' | b')' | b'$' | b'!' | b'*' => SEPARATOR,
            _ => FOREIGN,
        };
        byte += 1;
    }
    kinds
};

fn kind(byte: u8) -> u8 {
    KINDS.get(usize::from(byte)).copied().unwrap_or(FOREIGN)
}

/// The segment without its parameters, if it is a name; `None` if it is a value.
fn name(segment: &[u8]) -> Option<&[u8]> {
    let (mut seen, mut digits) = (0, 0);
    let mut end = segment.len();
    for (at, &byte) in segment.iter().enumerate() {
        if byte == b';' {
            end = at;
            break;
        }
        let kind = kind(byte);
        seen |= kind;
        digits += usize::from(kind & DIGIT);
    }
    let name = segment.get(..end).unwrap_or(segment);
    // Most segments are plain words or plain values.
    if seen & (DIGIT | FOREIGN | UPPER) == 0 && name.len() < 16 {
        return Some(name);
    }
    let is_plain_value = digits >= MANY_DIGITS || digits > 0 && digits == name.len();
    (!is_plain_value && !is_value(name, seen)).then_some(name)
}

/// Whether this looks like a value, though it has few digits. `seen` is what kinds of bytes it has.
fn is_value(segment: &[u8], seen: u8) -> bool {
    if segment.len() > LONGEST_NAME || seen & FOREIGN != 0 {
        return true;
    }
    let is_hex = segment.iter().all(|&byte| kind(byte) & (DIGIT | HEX_LETTER) != 0);
    let has_both_cases = seen & UPPER != 0 && seen & LOWER != 0;
    if seen & DIGIT == 0 {
        let capitals = segment.iter().filter(|byte| byte.is_ascii_uppercase()).count();
        let is_base64 = has_both_cases && seen & SEPARATOR == 0 && capitals * 4 >= segment.len();
        return segment.len() >= 16 && (is_hex || is_base64);
    }
    let parts = Parts::of(segment);
    let is_version = matches!(segment, [b'v' | b'V', b'0'..=b'9', ..]) && segment.len() <= 6 && seen & UPPER == 0;
    is_hex && segment.len() >= 8
        || parts.digit_runs >= 2 && parts.longest >= 8
        || has_both_cases && segment.len() >= 16
        || parts.has_number && !is_version
}

/// What the parts of a segment are, those between separators.
#[derive(Default)]
struct Parts {
    digit_runs: usize,
    /// The length of the longest part.
    longest: usize,
    /// Whether a part is a number.
    has_number: bool,
}

impl Parts {
    fn of(segment: &[u8]) -> Self {
        let mut parts = Self::default();
        for part in segment.split(|&byte| kind(byte) == SEPARATOR) {
            let mut digits = 0;
            let mut before = 0;
            for &byte in part {
                let kind = kind(byte);
                digits += usize::from(kind == DIGIT);
                parts.digit_runs += usize::from(kind == DIGIT && before != DIGIT);
                before = kind;
            }
            parts.longest = parts.longest.max(part.len());
            parts.has_number |= digits > 0 && digits == part.len();
        }
        parts
    }
}

/// A hash of pieces, eight bytes at a time. Whoever makes two paths collide has mislabelled their own requests.
struct Fold(u64);

impl Fold {
    fn write(&mut self, piece: &[u8]) {
        let (words, rest) = piece.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        // The length marks the end of the piece, and what is in its last word.
        self.mix(rest.iter().fold(piece.len() as u64, |word, &byte| word << 8 | u64::from(byte)));
    }

    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn finish(self) -> u64 {
        let folded = (self.0 ^ self.0 >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        folded ^ folded >> 29
    }
}

#[cfg(test)]
mod tests;

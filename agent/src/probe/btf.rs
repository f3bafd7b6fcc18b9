//! Where fields lie in the running kernel's structures, from its own description of them (BTF,
//! `Documentation/bpf/btf.rst`). Reads nothing else of it, and refuses what it does not know rather than guess.
//!
//! Pure: it is given the bytes of `/sys/kernel/btf/vmlinux`.

#[cfg(test)]
mod tests;

/// `btf_header.magic`.
const MAGIC: u16 = 0xeb9f;
/// Structures within structures that are gone into for a field of an unnamed one.
const MAX_DEPTH: u32 = 8;

/// Why bytes are no description of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Another magic number, or another byte order.
    #[error("does not begin like BTF")]
    Magic,
    /// The header's offsets lead out of the bytes.
    #[error("ends too early")]
    Short,
    /// A kind of type that came after this program.
    #[error("has a kind of type, {0}, that is not known here")]
    Kind(u32),
}

/// A description of types.
#[derive(Debug)]
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type lies in `types`; the first has number 1.
    places: Vec<usize>,
}

/// What is read of a type.
#[derive(Debug, Clone, Copy)]
struct Type<'a> {
    name: u32,
    kind: u32,
    /// Members carry the sizes of bit fields.
    has_sizes: bool,
    /// A type that this one is another name of, or is made from.
    refers_to: u32,
    members: &'a [u8],
}

mod kind {
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const TYPE_TAG: u32 = 18;
}

/// Bytes of `struct btf_type` and of `struct btf_member`.
const TYPE_LENGTH: usize = 12;
const MEMBER_LENGTH: usize = 12;

impl<'a> Btf<'a> {
    /// Reads the header and finds where each type begins.
    ///
    /// # Errors
    /// The bytes are no BTF of this machine's byte order, end too early, or hold a type of an unknown kind.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if u16_at(bytes, 0) != Some(MAGIC) {
            return Err(Malformed::Magic);
        }
        let field = |at| u32_at(bytes, at).map(|value| value as usize).ok_or(Malformed::Short);
        let header = field(4)?;
        let part = |offset: usize, length: usize| {
            let begin = header.checked_add(offset).ok_or(Malformed::Short)?;
            let end = begin.checked_add(length).ok_or(Malformed::Short)?;
            bytes.get(begin..end).ok_or(Malformed::Short)
        };
        let types = part(field(8)?, field(12)?)?;
        let strings = part(field(16)?, field(20)?)?;
        Ok(Self { types, strings, places: places(types)? })
    }

    /// Bytes from the beginning of a structure to one of its fields; fields of unnamed structures and unions inside
    /// count as its own. None where there is no such structure or field, or it is a bit field.
    #[must_use]
    pub fn offset(&self, structure: &str, field: &str) -> Option<u32> {
        let of_that_name = |place: &usize| {
            let found = read_type(self.types, *place)?;
            (found.kind == kind::STRUCT && self.is_called(found.name, structure)).then_some(found)
        };
        // A name may be declared more than once, the others without what is looked for.
        self.places.iter().filter_map(of_that_name).find_map(|found| self.offset_in(&found, field, MAX_DEPTH))
    }

    fn offset_in(&self, outer: &Type<'_>, field: &str, depth: u32) -> Option<u32> {
        let depth = depth.checked_sub(1)?;
        for member in outer.members.chunks_exact(MEMBER_LENGTH) {
            let (name, inner, place) = (u32_at(member, 0)?, u32_at(member, 4)?, u32_at(member, 8)?);
            let (bits, size) = if outer.has_sizes { (place & 0x00ff_ffff, place >> 24) } else { (place, 0) };
            let bytes = (size == 0 && bits % 8 == 0).then_some(bits / 8);
            if self.is_called(name, field) {
                return bytes;
            }
            if self.is_called(name, "") {
                let found = self.structure(inner).and_then(|inner| self.offset_in(&inner, field, depth));
                if let (Some(found), Some(bytes)) = (found, bytes) {
                    return bytes.checked_add(found);
                }
            }
        }
        None
    }

    /// The structure or union with this number, or that a type with this number is another name of.
    fn structure(&self, mut number: u32) -> Option<Type<'a>> {
        for _ in 0..MAX_DEPTH {
            let place = self.places.get((number as usize).checked_sub(1)?)?;
            let found = read_type(self.types, *place)?;
            match found.kind {
                kind::STRUCT | kind::UNION => return Some(found),
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::TYPE_TAG => number = found.refers_to,
                _ => return None,
            }
        }
        None
    }

    fn is_called(&self, name: u32, wanted: &str) -> bool {
        let text = self.strings.get(name as usize..).unwrap_or_default();
        text.strip_prefix(wanted.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    }
}

fn places(types: &[u8]) -> Result<Vec<usize>, Malformed> {
    let mut places = Vec::new();
    let mut at = 0;
    while at < types.len() {
        let info = u32_at(types, at + 4).ok_or(Malformed::Short)?;
        let length = tail_length(info)?;
        places.push(at);
        at += TYPE_LENGTH + length;
        if at > types.len() {
            return Err(Malformed::Short);
        }
    }
    Ok(places)
}

/// Bytes that follow a type of this `info`.
fn tail_length(info: u32) -> Result<usize, Malformed> {
    let many = (info & 0xffff) as usize;
    Ok(match kind_of(info) {
        // Pointers, forward declarations, other names, functions, floats.
        2 | 7..=12 | 16 | kind::TYPE_TAG => 0,
        // Integers, variables, tags of declarations.
        1 | 14 | 17 => 4,
        // Arrays.
        3 => 12,
        kind::STRUCT | kind::UNION => many * MEMBER_LENGTH,
        // Enumerations, prototypes.
        6 | 13 => many * 8,
        // Sections, wide enumerations.
        15 | 19 => many * 12,
        unknown => return Err(Malformed::Kind(unknown)),
    })
}

fn read_type(types: &[u8], at: usize) -> Option<Type<'_>> {
    let info = u32_at(types, at.checked_add(4)?)?;
    let begin = at.checked_add(TYPE_LENGTH)?;
    let members = types.get(begin..begin.checked_add(tail_length(info).ok()?)?)?;
    Some(Type {
        name: u32_at(types, at)?,
        kind: kind_of(info),
        has_sizes: info >> 31 == 1,
        refers_to: u32_at(types, at.checked_add(8)?)?,
        members,
    })
}

fn kind_of(info: u32) -> u32 {
    (info >> 24) & 0x1f
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

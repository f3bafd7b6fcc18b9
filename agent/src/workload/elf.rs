//! What an executable file says of itself (the ELF specification): 32 or 64 bits, and marks that compilers leave. Pure:
//! reads through a function, a bounded number of bytes.

/// Sections that are looked at.
const MAX_SECTIONS: u16 = 1024;
/// Bytes of section names and of compilers' comments that are looked at.
const MAX_NAMES: usize = 64 << 10;
const MAX_COMMENT: usize = 4096;

/// What is known of an executable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Elf {
    /// Of 32 bits.
    pub is_32_bit: bool,
    /// Has the section that Go's linker writes (`.go.buildinfo`, Go 1.13 and later).
    pub is_go: bool,
    /// Names rustc in its `.comment` (rustc 1.77 and later).
    pub is_rust: bool,
}

impl Elf {
    /// Reads the header, the table of sections, their names, and one section. `at` returns as many bytes from a place
    /// of the file as there are, at most as many as asked for. `None` for what is no ELF file of this machine's byte
    /// order. Where there are no sections, only the number of bits is known.
    pub fn read(mut at: impl FnMut(u64, usize) -> Option<Vec<u8>>) -> Option<Self> {
        let header = at(0, 64)?;
        let is_32_bit = match header.get(..7)? {
            [0x7f, b'E', b'L', b'F', 1, 1, 1] => true,
            [0x7f, b'E', b'L', b'F', 2, 1, 1] => false,
            _ => return None,
        };
        let mut elf = Self { is_32_bit, ..Self::default() };
        let Some(sections) = Sections::read(&header, is_32_bit, &mut at) else { return Some(elf) };
        elf.is_go = sections.of(b".go.buildinfo").is_some();
        if let Some((offset, size)) = sections.of(b".comment") {
            let comment = at(offset, usize::try_from(size).unwrap_or(MAX_COMMENT).min(MAX_COMMENT));
            elf.is_rust = comment.is_some_and(|text| text.windows(6).any(|word| word == b"rustc "));
        }
        Some(elf)
    }
}

/// The sections: place of the name, offset in the file, bytes.
struct Sections {
    all: Vec<(u32, u64, u64)>,
    names: Vec<u8>,
}

impl Sections {
    fn read(header: &[u8], is_32_bit: bool, at: &mut impl FnMut(u64, usize) -> Option<Vec<u8>>) -> Option<Self> {
        // e_shoff, and e_shentsize, e_shnum and e_shstrndx in a row.
        let (table, rest) = if is_32_bit { (word(header, 32)?, 46) } else { (long(header, 40)?, 58) };
        let (size, count, names) = (half(header, rest)?, half(header, rest + 2)?, half(header, rest + 4)?);
        let expected = if is_32_bit { 40 } else { 64 };
        if table == 0 || size != expected || count == 0 || count > MAX_SECTIONS || names >= count {
            return None;
        }
        let table = at(table, usize::from(size) * usize::from(count))?;
        let section = |entry: &[u8]| {
            let name = u32::from_le_bytes(*entry.first_chunk()?);
            // sh_offset and sh_size
            Some(if is_32_bit {
                (name, word(entry, 16)?, word(entry, 20)?)
            } else {
                (name, long(entry, 24)?, long(entry, 32)?)
            })
        };
        let all: Vec<_> = table.chunks_exact(usize::from(size)).filter_map(section).collect();
        let (_, offset, length) = *all.get(usize::from(names))?;
        let names = at(offset, usize::try_from(length).unwrap_or(MAX_NAMES).min(MAX_NAMES))?;
        Some(Self { all, names })
    }

    /// Offset and size of the section with this name.
    fn of(&self, name: &[u8]) -> Option<(u64, u64)> {
        let is_named = |at: u32| {
            let rest = usize::try_from(at).ok().and_then(|at| self.names.get(at..));
            rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.first() == Some(&0))
        };
        self.all.iter().find(|(at, ..)| is_named(*at)).map(|(_, offset, size)| (*offset, *size))
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?).into())
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test should stop")]

    use super::*;

    /// An ELF file with one section of this name and content, and one of names.
    fn file(class: u8, name: &str, content: &[u8]) -> Vec<u8> {
        let is_32_bit = class == 1;
        let (head, entry) = if is_32_bit { (52, 40) } else { (64, 64) };
        let names = [b"\0", name.as_bytes(), b"\0.shstrtab\0"].concat();
        let table = head + content.len() + names.len();
        let mut file = vec![0x7f, b'E', b'L', b'F', class, 1, 1];
        file.resize(head, 0);
        let (shoff, rest) = if is_32_bit { (32, 46) } else { (40, 58) };
        file[shoff] = u8::try_from(table).unwrap();
        file[rest..rest + 6].copy_from_slice(&[entry as u8, 0, 2, 0, 1, 0]);
        file.extend_from_slice(content);
        file.extend_from_slice(&names);
        for (name, offset, size) in [(1, head, content.len()), (2 + name.len(), head + content.len(), names.len())] {
            let mut section = vec![0; entry];
            section[0] = u8::try_from(name).unwrap();
            let (at, length) = if is_32_bit { (16, 20) } else { (24, 32) };
            section[at] = u8::try_from(offset).unwrap();
            section[length] = u8::try_from(size).unwrap();
            file.extend_from_slice(&section);
        }
        file
    }

    fn read(file: &[u8]) -> Option<Elf> {
        Elf::read(|offset, most| {
            let rest = file.get(usize::try_from(offset).ok()?..)?;
            Some(rest[..most.min(rest.len())].to_vec())
        })
    }

    #[test]
    fn marks_of_compilers_are_found() {
        let elf = |is_32_bit, is_go, is_rust| Some(Elf { is_32_bit, is_go, is_rust });
        let rows = [
            (file(2, ".go.buildinfo", b"x"), elf(false, true, false), "Go, 64 bits"),
            (file(1, ".go.buildinfo", b"x"), elf(true, true, false), "Go, 32 bits"),
            (file(2, ".comment", b"GCC: 12\0rustc version 1.95.0\0"), elf(false, false, true), "Rust"),
            (file(2, ".comment", b"GCC: (Debian) 12.2.0\0"), elf(false, false, false), "C"),
            (file(1, ".go.buildinfo2", b"x"), elf(true, false, false), "a longer name"),
            (b"\x7fELF\x02\x01\x01".to_vec(), elf(false, false, false), "nothing but the beginning"),
            (b"\x7fELF\x02\x02\x01".to_vec(), None, "the other byte order"),
            (b"#!/bin/sh\n".to_vec(), None, "a script"),
            (Vec::new(), None, "an empty file"),
        ];
        for (file, expected, reason) in rows {
            assert_eq!(read(&file), expected, "{reason}");
        }
    }

    #[test]
    fn a_file_that_is_cut_or_overwritten_is_no_panic() {
        for class in [1, 2] {
            let whole = file(class, ".comment", b"rustc version\0");
            for at in 0..whole.len() {
                let _ = read(&whole[..at]);
                for byte in [0, 1, 0x7f, 0xff] {
                    let mut odd = whole.clone();
                    odd[at] = byte;
                    let _ = read(&odd);
                }
            }
        }
    }

    #[test]
    fn this_program_is_of_rust() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(read(&own), Some(Elf { is_32_bit: false, is_go: false, is_rust: true }));
    }
}

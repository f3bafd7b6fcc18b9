//! The instructions of an ELF object that call something, or change memory at once. Knows no more of ELF (`elf(5)`) and
//! of the instructions (`Documentation/bpf/standardization/instruction-set.rst`) than that takes.

/// What an instruction calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    /// A helper, by its number.
    Helper(i32),
    /// A function of the kernel that is no helper.
    KernelFunction,
    /// None: an atomic change, which Linux 5.10 may not know.
    Atomic,
}

const SECTION_HEADER: usize = 64;
/// `SHT_PROGBITS` and `SHF_EXECINSTR`.
const PROGRAM: u32 = 1;
const EXECUTABLE: u64 = 4;

/// Every call and atomic change of the object, each once, sorted. None where the bytes are no such object.
pub(crate) fn calls(object: &[u8]) -> Option<Vec<Call>> {
    let little_endian_64 = object.starts_with(b"\x7fELF\x02\x01");
    if !little_endian_64 {
        return None;
    }
    let headers = usize::try_from(u64_at(object, 40)?).ok()?;
    let size = usize::from(u16_at(object, 58)?);
    let mut found = Vec::new();
    for number in 0..usize::from(u16_at(object, 60)?) {
        let begin = headers.checked_add(size.checked_mul(number)?)?;
        let header = object.get(begin..begin.checked_add(SECTION_HEADER)?)?;
        if u32_at(header, 4)? == PROGRAM && u64_at(header, 8)? & EXECUTABLE != 0 {
            let begin = usize::try_from(u64_at(header, 24)?).ok()?;
            let length = usize::try_from(u64_at(header, 32)?).ok()?;
            in_section(object.get(begin..begin.checked_add(length)?)?, &mut found);
        }
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

fn in_section(code: &[u8], found: &mut Vec<Call>) {
    for instruction in code.as_chunks::<8>().0 {
        let [operation, registers, _, _, number @ ..] = *instruction;
        match (operation, registers >> 4) {
            (0x85, 0) => found.push(Call::Helper(i32::from_le_bytes(number))),
            // 1 is a function of the object itself.
            (0x85, 2..) => found.push(Call::KernelFunction),
            (0xc3 | 0xdb, _) => found.push(Call::Atomic),
            _ => {}
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    /// An object with one section of these instructions.
    pub(crate) fn object(instructions: &[[u8; 8]]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01".to_vec();
        bytes.resize(64, 0);
        bytes.get_mut(40..48).unwrap().copy_from_slice(&64u64.to_le_bytes());
        bytes.get_mut(58..60).unwrap().copy_from_slice(&64u16.to_le_bytes());
        bytes.get_mut(60..62).unwrap().copy_from_slice(&1u16.to_le_bytes());
        let mut header = vec![0u8; SECTION_HEADER];
        header.get_mut(4..8).unwrap().copy_from_slice(&PROGRAM.to_le_bytes());
        header.get_mut(8..16).unwrap().copy_from_slice(&EXECUTABLE.to_le_bytes());
        header.get_mut(24..32).unwrap().copy_from_slice(&128u64.to_le_bytes());
        let length = u64::try_from(instructions.len() * 8).unwrap();
        header.get_mut(32..40).unwrap().copy_from_slice(&length.to_le_bytes());
        bytes.extend(header);
        bytes.extend(instructions.concat());
        bytes
    }

    pub(crate) const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];

    /// A call of the helper with this number.
    pub(crate) fn helper(number: u8) -> [u8; 8] {
        [0x85, 0, 0, 0, number, 0, 0, 0]
    }

    #[test]
    fn calls_are_found() {
        type Row<'a> = (&'a [[u8; 8]], &'a [Call], &'a str);
        let rows: [Row<'_>; 6] = [
            (&[EXIT], &[], "nothing is called"),
            (&[helper(14), helper(1), helper(14), EXIT], &[Call::Helper(1), Call::Helper(14)], "each once"),
            (&[[0x85, 0x10, 0, 0, 36, 0, 0, 0]], &[], "a function of its own"),
            (&[[0x85, 0x20, 0, 0, 36, 0, 0, 0]], &[Call::KernelFunction], "one of the kernel"),
            (&[[0xdb, 0x12, 0, 0, 1, 0, 0, 0]], &[Call::Atomic], "an atomic change"),
            (&[[0x18, 1, 0, 0, 0x85, 0, 0, 0], [0, 0, 0, 0, 0x85, 0, 0, 0]], &[], "a constant"),
        ];
        for (instructions, expected, why) in rows {
            assert_eq!(calls(&object(instructions)).unwrap(), expected, "{why}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let whole = object(&[helper(1)]);
        assert_eq!(calls(b""), None);
        assert_eq!(calls(b"\x7fELF\x01\x01"), None, "32 bits");
        for length in 62..whole.len() {
            assert_eq!(calls(whole.get(..length).unwrap()), None, "{length} bytes");
        }
    }
}

//! What an object was built from, as two numbers in a text file: one of all sources, one of the object itself.

use std::fmt::Write as _;

/// Whether the object depends on the file at this path.
pub(crate) fn is_source(path: &str) -> bool {
    let Some(inside) = path.strip_prefix("agent-ebpf/") else { return false };
    matches!(inside, "Cargo.toml" | "Cargo.lock" | "common/Cargo.toml")
        || ((inside.starts_with("src/") || inside.starts_with("common/src/")) && inside.ends_with(".rs"))
}

/// The text that says what an object was built from. The order of the sources does not matter.
pub(crate) fn built_from(sources: &[(&str, &[u8])], object: &[u8]) -> String {
    let mut sources = sources.to_vec();
    sources.sort_unstable();
    let mut sum = Fnv::new();
    for (path, bytes) in sources {
        sum.add(path.as_bytes());
        sum.add(&[0]);
        sum.add(bytes);
        sum.add(&[0]);
    }
    let mut of_object = Fnv::new();
    of_object.add(object);
    let mut text = String::from("written by `cargo xtask build-ebpf`\n");
    let _ = writeln!(text, "sources {:016x}", sum.0);
    let _ = writeln!(text, "object {:016x}", of_object.0);
    text
}

/// FNV-1a of 64 bits: tells files apart that nobody means to be mistaken for each other.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_from_other_files() {
        let rows = [
            ("agent-ebpf/src/main.rs", true, "a program"),
            ("agent-ebpf/common/src/record.rs", true, "a border type"),
            ("agent-ebpf/Cargo.lock", true, "the versions"),
            ("agent-ebpf/README.md", false, "words"),
            ("agent-ebpf/object/built-from.txt", false, "the answer itself"),
            ("agent/src/probe/kernel.rs", false, "the other side"),
        ];
        for (path, expected, why) in rows {
            assert_eq!(is_source(path), expected, "{why}");
        }
    }

    #[test]
    fn any_change_is_seen() {
        let of = |sources: &[(&str, &[u8])], object: &[u8]| built_from(sources, object);
        let whole = of(&[("a", b"x"), ("b", b"y")], b"o");
        assert_eq!(whole, of(&[("b", b"y"), ("a", b"x")], b"o"), "the order says nothing");
        assert_ne!(whole, of(&[("a", b"x"), ("b", b"z")], b"o"), "another source");
        assert_ne!(whole, of(&[("a", b"xb"), ("", b"y")], b"o"), "the same letters elsewhere");
        assert_ne!(whole, of(&[("a", b"x"), ("b", b"y")], b"p"), "another object");
    }
}

//! Descriptions of types made by hand, the running kernel's own, and bytes that are none.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;

use super::*;

/// Writes a description of types.
#[derive(Default)]
struct Writer {
    types: Vec<u8>,
    strings: Vec<u8>,
}

impl Writer {
    fn text(&mut self, text: &str) -> u32 {
        if self.strings.is_empty() {
            self.strings.push(0);
        }
        if text.is_empty() {
            return 0;
        }
        let at = u32::try_from(self.strings.len()).unwrap();
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        at
    }

    fn add(&mut self, name: &str, info: u32, third: u32, tail: &[u32]) {
        let name = self.text(name);
        for word in [name, info, third].iter().chain(tail) {
            self.types.extend(word.to_ne_bytes());
        }
    }

    fn structure(&mut self, name: &str, kind: u32, has_sizes: bool, members: &[(&str, u32, u32)]) {
        let mut tail = Vec::new();
        for (name, of, bits) in members {
            tail.extend([self.text(name), *of, *bits]);
        }
        let info = kind << 24 | u32::try_from(members.len()).unwrap() | u32::from(has_sizes) << 31;
        self.add(name, info, 0, &tail);
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        let (types, strings) = (self.types.len(), self.strings.len());
        for word in [24, 0, types, types, strings] {
            bytes.extend(u32::try_from(word).unwrap().to_ne_bytes());
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }
}

fn sample() -> Vec<u8> {
    let mut writer = Writer::default();
    writer.add("int", 1 << 24, 4, &[32]); // 1
    writer.structure("", kind::UNION, false, &[("dport", 1, 0), ("num", 1, 16)]); // 2
    writer.add("alias", kind::TYPEDEF << 24, 2, &[]); // 3
    writer.add("", kind::CONST << 24, 3, &[]); // 4
    writer.structure("common", kind::STRUCT, false, &[("family", 1, 0), ("", 4, 64), ("last", 1, 128)]); // 5
    writer.structure("sock", kind::STRUCT, true, &[("bits", 1, 3 << 24 | 5), ("plain", 1, 96), ("odd", 1, 9)]); // 6
    writer.structure("again", kind::STRUCT, false, &[]); // 7
    writer.structure("again", kind::STRUCT, false, &[("here", 1, 32)]); // 8
    writer.structure("endless", kind::STRUCT, false, &[("", 9, 0)]); // 9
    writer.bytes()
}

#[test]
fn fields_are_found() {
    let bytes = sample();
    let btf = Btf::parse(&bytes).unwrap();
    let rows = [
        ("common", "family", Some(0), "the first"),
        ("common", "last", Some(16), "bits become bytes"),
        ("common", "num", Some(10), "in an unnamed union behind other names"),
        ("common", "fam", None, "a part of a name"),
        ("sock", "plain", Some(12), "beside bit fields"),
        ("sock", "bits", None, "a bit field has no place in bytes"),
        ("sock", "odd", None, "not at a byte"),
        ("again", "here", Some(4), "declared twice"),
        ("endless", "x", None, "a structure in itself"),
        ("alias", "num", None, "no structure"),
        ("none", "family", None, "no such name"),
    ];
    for (structure, field, expected, why) in rows {
        assert_eq!(btf.offset(structure, field), expected, "{why}");
    }
}

#[test]
fn what_is_none_is_refused() {
    let whole = sample();
    assert_eq!(Btf::parse(&[]).unwrap_err(), Malformed::Magic);
    assert_eq!(Btf::parse(b"\x7fELF").unwrap_err(), Malformed::Magic);
    for length in 2..whole.len() {
        assert_eq!(Btf::parse(whole.get(..length).unwrap()).unwrap_err(), Malformed::Short, "{length} bytes");
    }
    let mut newer = Writer::default();
    newer.add("", 30 << 24, 0, &[]);
    newer.text("");
    assert_eq!(Btf::parse(&newer.bytes()).unwrap_err(), Malformed::Kind(30));
}

#[test]
fn this_kernel_says_where_its_fields_are() {
    let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else { return };
    let btf = Btf::parse(&bytes).unwrap();
    assert_eq!(btf.offset("sock_common", "skc_daddr"), Some(0));
    assert!(btf.offset("task_struct", "files").unwrap() > 0);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(btf) = Btf::parse(&bytes) {
            let _ = btf.offset("a", "b");
        }
    }

    #[test]
    fn no_change_of_a_byte_panics(at in 0usize..400, to in any::<u8>()) {
        let mut bytes = sample();
        let length = bytes.len();
        *bytes.get_mut(at % length).unwrap() = to;
        if let Ok(btf) = Btf::parse(&bytes) {
            let _ = btf.offset("common", "num");
            let _ = btf.offset("endless", "num");
        }
    }
}

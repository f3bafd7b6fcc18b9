//! The kernel programs, as `cargo xtask build-ebpf` built them.

/// An ELF object.
pub(crate) static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/../agent-ebpf/object/throughline.bpf.o"));

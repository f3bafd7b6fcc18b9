//! The kernel object in the tree: what it was built from, and which functions of the kernel it calls.
//!
//! Pure: it is given names and bytes. Who builds it is `verbs::build_ebpf`; who refuses what is wrong with it is `tidy`.

mod elf;
mod sources;

#[cfg(test)]
pub(crate) use elf::tests as elf_tests;
pub(crate) use elf::{Call, calls};
pub(crate) use sources::{built_from, is_source};

/// Where the object lies in the tree.
pub(crate) const OBJECT: &str = "agent-ebpf/object/throughline.bpf.o";
/// Where it says what it was built from.
pub(crate) const BUILT_FROM: &str = "agent-ebpf/object/built-from.txt";

/// Functions of the kernel that the programs may call: look, count, copy out. None of them writes anywhere but into the
/// programs' own maps. Numbers as in `include/uapi/linux/bpf.h`.
pub(crate) const ALLOWED_HELPERS: &[(i32, &str)] = &[
    (1, "map_lookup_elem"),
    (2, "map_update_elem"),
    (3, "map_delete_elem"),
    (5, "ktime_get_ns"),
    (8, "get_smp_processor_id"),
    (14, "get_current_pid_tgid"),
    (35, "get_current_task"),
    (112, "probe_read_user"),
    (113, "probe_read_kernel"),
    (131, "ringbuf_reserve"),
    (132, "ringbuf_submit"),
    (133, "ringbuf_discard"),
    (158, "get_current_task_btf"),
    (175, "task_pt_regs"),
];

//! The settings that depend on the kernel and the architecture: where its fields are.

use throughline_common::settings::{ABSENT, Settings};

use super::btf::Btf;

/// A field that this kernel does not have, or keeps where it cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this kernel has no `{structure}.{field}`")]
pub struct Missing {
    structure: &'static str,
    field: &'static str,
}

/// The registers of an architecture at a system call, as fields of `pt_regs`.
#[derive(Debug)]
struct Registers {
    /// Which fields hold the six arguments, and how many bytes further.
    arguments: [(&'static str, u32); 6],
    number: &'static str,
    mode: &'static str,
    /// Bits of the mode, and what they are for a 32-bit program.
    compat: (u32, u32),
    /// What the result will replace.
    result: &'static str,
    /// What it replaces; 0 for the first argument.
    pending: i32,
}

/// The number is in `orig_ax`; 0x23 is the code segment of 32-bit programs (`__USER32_CS`). While a call is under way,
/// its result is -ENOSYS (arch/x86/entry/entry_64.S).
const X86_64: Registers = Registers {
    arguments: [("di", 0), ("si", 0), ("dx", 0), ("r10", 0), ("r8", 0), ("r9", 0)],
    number: "orig_ax",
    mode: "cs",
    compat: (0xffff, 0x23),
    result: "ax",
    pending: -libc::ENOSYS,
};

/// The result takes the place of the first argument, which is kept beside; bit 4 is `PSR_MODE32_BIT`.
const AARCH64: Registers = Registers {
    arguments: [("orig_x0", 0), ("regs", 8), ("regs", 16), ("regs", 24), ("regs", 32), ("regs", 40)],
    number: "syscallno",
    mode: "pstate",
    compat: (0x10, 0x10),
    result: "regs",
    pending: 0,
};

/// An architecture's registers, if its system calls are known.
fn registers(architecture: &str) -> Option<&'static Registers> {
    match architecture {
        "x86_64" => Some(&X86_64),
        "aarch64" => Some(&AARCH64),
        _ => None,
    }
}

/// Settings with all offsets filled in, for `architecture` as in `std::env::consts::ARCH`.
///
/// # Errors
/// A field is missing, or the architecture's registers are not known.
pub(crate) fn settings(btf: &Btf<'_>, architecture: &str) -> Result<Settings, Missing> {
    let at = |structure, field| btf.offset(structure, field).ok_or(Missing { structure, field });
    let unknown = Missing { structure: "pt_regs", field: "arguments of this architecture" };
    let machine = registers(architecture).ok_or(unknown)?;
    let mut settings = Settings::default();
    for (to, (field, further)) in settings.registers.iter_mut().zip(machine.arguments) {
        *to = at("pt_regs", field)?.saturating_add(further);
    }
    let ports = at("sock_common", "skc_dport")?;
    // They are one word in a union; where they are not, both cannot be read at once.
    if at("sock_common", "skc_num")? != ports.saturating_add(2) {
        return Err(Missing { structure: "sock_common", field: "skc_portpair" });
    }
    Ok(Settings {
        call_number: at("pt_regs", machine.number)?,
        call_mode: at("pt_regs", machine.mode)?,
        compat_mask: machine.compat.0,
        compat_value: machine.compat.1,
        call_result: at("pt_regs", machine.result)?,
        call_pending: machine.pending.cast_unsigned(),
        task_files: at("task_struct", "files")?,
        task_tgid: at("task_struct", "tgid")?,
        task_signal: at("task_struct", "signal")?,
        signal_live: at("signal_struct", "live")?,
        files_table: at("files_struct", "fdt")?,
        table_length: at("fdtable", "max_fds")?,
        table_files: at("fdtable", "fd")?,
        file_inode: at("file", "f_inode")?,
        file_private: at("file", "private_data")?,
        file_epoll: btf.offset("file", "f_ep").unwrap_or(ABSENT),
        inode_mode: at("inode", "i_mode")?,
        socket_file: at("socket", "file")?,
        socket_sock: at("socket", "sk")?,
        sock_socket: at("sock", "sk_socket")?,
        sock_protocol: at("sock", "sk_protocol")?,
        sock_family: at("sock_common", "skc_family")?,
        sock_state: at("sock_common", "skc_state")?,
        sock_ports: ports,
        sock_remote_v4: at("sock_common", "skc_daddr")?,
        sock_local_v4: at("sock_common", "skc_rcv_saddr")?,
        sock_remote_v6: at("sock_common", "skc_v6_daddr")?,
        sock_local_v6: at("sock_common", "skc_v6_rcv_saddr")?,
        tcp_read: at("tcp_sock", "copied_seq")?,
        tcp_written: at("tcp_sock", "write_seq")?,
        ..settings
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    #[test]
    fn this_kernel_has_all_of_them() {
        let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else { return };
        let btf = Btf::parse(&bytes).unwrap();
        let settings = settings(&btf, std::env::consts::ARCH).unwrap();
        assert!(settings.task_files > 0 && settings.socket_sock > 0);
    }

    #[test]
    fn other_architectures_are_refused() {
        let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else { return };
        let btf = Btf::parse(&bytes).unwrap();
        let refused = settings(&btf, "s390x").unwrap_err().to_string();
        assert_eq!(refused, "this kernel has no `pt_regs.arguments of this architecture`");
    }
}

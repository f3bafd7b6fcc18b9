//! What the user side tells the kernel programs before they are loaded: read-only globals, so that the verifier sees
//! constants and drops what cannot be reached.

use crate::literal::Literal;

/// Literals that marks are recognised by.
pub const MAX_LITERALS: usize = 4;

/// Where the arguments of a system call are found when it returns.
pub mod arguments {
    /// In the registers that `bpf_task_pt_regs` gives (Linux 5.15).
    pub const TASK: u32 = 0;
    /// In a map that a program at the call's entry filled.
    pub const ENTERED: u32 = 1;
    /// In the registers that the raw tracepoint `sys_exit` gives.
    pub const RAW: u32 = 2;
    /// In the registers that `bpf_task_pt_regs` gives, while the call is under way: what moved is told by sockets (Linux
    /// 6.3).
    pub const SOCKET: u32 = 3;
}

/// The place of a field that this kernel does not have.
pub const ABSENT: u32 = u32::MAX;

/// Settings. Offsets are bytes, from the kernel's own BTF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Settings {
    /// How long a mark opens the gate: nanoseconds.
    pub gate: u64,
    /// Literals that marks are recognised by; those beyond `literals` are empty.
    pub literal: [Literal; MAX_LITERALS],
    /// How many literals there are.
    pub literals: u32,
    /// The observer's own process, which is never observed.
    pub own_tgid: u32,
    /// See [`arguments`].
    pub arguments: u32,
    /// Bytes of a message's head that are captured at most.
    pub head_bytes: u32,
    /// Bytes of a connection that is captured whole, in each direction and second (2^30 ns).
    pub whole_bytes: u32,
    /// Messages of a process that are captured in a second (2^30 ns), and at once, while its gate is closed.
    pub budget: u32,
    /// `pt_regs`: the six arguments.
    pub registers: [u32; 6],
    /// `pt_regs`: the number of the system call.
    pub call_number: u32,
    /// `pt_regs`: the word that says whether the caller is a 32-bit program.
    pub call_mode: u32,
    /// The bits of that word that say so.
    pub compat_mask: u32,
    /// What these bits are for a 32-bit program.
    pub compat_value: u32,
    /// `pt_regs`: where the result of the call will stand.
    pub call_result: u32,
    /// What stands there while the call is under way; 0 for its first argument.
    pub call_pending: u32,
    /// `task_struct.files`.
    pub task_files: u32,
    /// `task_struct.tgid`.
    pub task_tgid: u32,
    /// `task_struct.signal`.
    pub task_signal: u32,
    /// `signal_struct.live`: how many threads of a process are left.
    pub signal_live: u32,
    /// `files_struct.fdt`.
    pub files_table: u32,
    /// `fdtable.max_fds`.
    pub table_length: u32,
    /// `fdtable.fd`.
    pub table_files: u32,
    /// `file.f_inode`.
    pub file_inode: u32,
    /// `file.private_data`.
    pub file_private: u32,
    /// `file.f_ep`, which is set as long as the file is in the set of an epoll; or [`ABSENT`].
    pub file_epoll: u32,
    /// `inode.i_mode`.
    pub inode_mode: u32,
    /// `socket.file`.
    pub socket_file: u32,
    /// `socket.sk`.
    pub socket_sock: u32,
    /// `sock.sk_socket`.
    pub sock_socket: u32,
    /// `sock.sk_protocol`: 16 bits since Linux 5.6.
    pub sock_protocol: u32,
    /// `sock_common.skc_family`.
    pub sock_family: u32,
    /// `sock_common.skc_state`.
    pub sock_state: u32,
    /// `sock_common.skc_dport`, in network byte order; `skc_num`, in host byte order, follows it.
    pub sock_ports: u32,
    /// `sock_common.skc_daddr`.
    pub sock_remote_v4: u32,
    /// `sock_common.skc_rcv_saddr`.
    pub sock_local_v4: u32,
    /// `sock_common.skc_v6_daddr`.
    pub sock_remote_v6: u32,
    /// `sock_common.skc_v6_rcv_saddr`.
    pub sock_local_v6: u32,
    /// `tcp_sock.copied_seq`: the sequence number that is read next.
    pub tcp_read: u32,
    /// `tcp_sock.write_seq`: the sequence number that is written next.
    pub tcp_written: u32,
}

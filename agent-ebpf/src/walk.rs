//! From a descriptor to its TCP socket, through the kernel's own structures. Nothing is remembered of descriptors, so
//! nothing has to follow `dup`, `fork`, `exec` and `close`.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_current_task, bpf_get_current_task_btf};
use throughline_common::connection::Addresses;
use throughline_common::counter::Counter;
use throughline_common::settings::ABSENT;
use throughline_common::settings::arguments::{SOCKET as BY_SOCKET, TASK};

use crate::counters::count;
use crate::kernel::read;
use crate::settings::setting;

/// `S_IFMT` and `S_IFSOCK` of `inode.i_mode`.
const FILE_TYPE: u16 = 0o170_000;
const SOCKET: u16 = 0o140_000;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const IPPROTO_TCP: u16 = 6;
/// States of `sock_common.skc_state`.
const CLOSED: u8 = 7;
pub(crate) const ESTABLISHED: u8 = 1;
pub(crate) const LISTENING: u8 = 10;

/// The address of the `struct file` behind a descriptor of the caller.
#[inline(always)]
pub(crate) fn file(descriptor: u32) -> Option<u64> {
    let is_typed = matches!(setting!(arguments), TASK | BY_SOCKET);
    let (length, all) = if is_typed { typed_table() } else { read_table()? };
    if descriptor >= length {
        return None;
    }
    // Empty where another thread closed it while the call returned.
    read(all.wrapping_add(u64::from(descriptor) * 8), 0).filter(|file| *file != 0)
}

/// The length and the beginning of the caller's table of files, by plain reads: the verifier knows the types.
#[inline(always)]
fn typed_table() -> (u32, u64) {
    // SAFETY: the verifier checks each offset against the type behind the pointer; the kernel turns a bad one into zero.
    unsafe {
        let task = bpf_get_current_task_btf().cast::<c_void>().cast_const();
        let files: *const c_void = typed(task, setting!(task_files));
        let table: *const c_void = typed(files, setting!(files_table));
        (typed(table, setting!(table_length)), typed(table, setting!(table_files)))
    }
}

#[inline(always)]
unsafe fn typed<T>(base: *const c_void, offset: u32) -> T {
    // SAFETY: see the caller.
    unsafe { base.wrapping_add(offset as usize).cast::<T>().read_volatile() }
}

/// The same through a helper, for kernels that give the caller as a number.
#[inline(always)]
fn read_table() -> Option<(u32, u64)> {
    // SAFETY: takes nothing.
    let task = unsafe { bpf_get_current_task() } as u64;
    let files: u64 = known(read(task, setting!(task_files)))?;
    let table: u64 = known(read(files, setting!(files_table)))?;
    Some((read(table, setting!(table_length))?, known(read(table, setting!(table_files)))?))
}

/// The address of the `struct sock` behind a descriptor, if it is a socket of any kind: a socket points back at the file
/// that leads to it.
#[inline(always)]
pub(crate) fn sock(descriptor: u32) -> Option<u64> {
    let file = file(descriptor)?;
    let socket: u64 = read(file, setting!(file_private)).filter(|socket| *socket != 0)?;
    let (back, sock) = if setting!(socket_sock) == setting!(socket_file) + 8 {
        // Side by side, as ever so far.
        let [back, sock]: [u64; 2] = read(socket, setting!(socket_file))?;
        (back, sock)
    } else {
        (read(socket, setting!(socket_file))?, read(socket, setting!(socket_sock))?)
    };
    (back == file && sock != 0).then_some(sock)
}

/// Whether the descriptor is a socket by the type of its file, too.
#[inline(always)]
pub(crate) fn is_socket(descriptor: u32) -> bool {
    let mode = file(descriptor).and_then(|file| read::<u64>(file, setting!(file_inode)));
    let mode = mode.and_then(|inode| read::<u16>(inode, setting!(inode_mode)));
    mode.is_some_and(|mode| mode & FILE_TYPE == SOCKET)
}

/// Whether the socket is in the set of an epoll, or may be.
#[inline(always)]
pub(crate) fn is_in_epoll(sock: u64) -> bool {
    if setting!(file_epoll) == ABSENT {
        return true;
    }
    let file = read::<u64>(sock, setting!(sock_socket)).and_then(|socket| read::<u64>(socket, setting!(socket_file)));
    let sets = file.and_then(|file| read::<u64>(file, setting!(file_epoll)));
    sets.is_none_or(|sets| sets != 0)
}

/// 4 or 6, if the socket is one of TCP.
#[inline(always)]
pub(crate) fn tcp_family(sock: u64) -> Option<u8> {
    let family = match read::<u16>(sock, setting!(sock_family))? {
        AF_INET => 4,
        AF_INET6 => 6,
        _ => return None,
    };
    (read::<u16>(sock, setting!(sock_protocol))? == IPPROTO_TCP).then_some(family)
}

/// Whether bytes can go over the socket now.
#[inline(always)]
pub(crate) fn is_open(sock: u64) -> bool {
    state(sock).is_some_and(|state| state != CLOSED && state != LISTENING)
}

/// `sock_common.skc_state`.
#[inline(always)]
pub(crate) fn state(sock: u64) -> Option<u8> {
    read(sock, setting!(sock_state))
}

/// Both ports, as they lie in the kernel: the remote one first, in network byte order.
#[inline(always)]
pub(crate) fn ports(sock: u64) -> Option<u32> {
    read(sock, setting!(sock_ports))
}

/// Fills in both ends of a connection; the rest is left as it is.
///
/// # Safety
/// `to` can be written to, and begins at a multiple of eight.
#[inline(always)]
pub(crate) unsafe fn addresses(sock: u64, family: u8, ports: u32, to: *mut Addresses) {
    // SAFETY: see above. Whole words, because the compiler would go byte by byte.
    unsafe {
        let (local, remote) = (&raw mut (*to).local, &raw mut (*to).remote);
        if family == 4 {
            *local.cast::<u32>() = read(sock, setting!(sock_local_v4)).unwrap_or_default();
            *remote.cast::<u32>() = read(sock, setting!(sock_remote_v4)).unwrap_or_default();
        } else {
            *local.cast::<[u64; 2]>() = read(sock, setting!(sock_local_v6)).unwrap_or_default();
            *remote.cast::<[u64; 2]>() = read(sock, setting!(sock_remote_v6)).unwrap_or_default();
        }
        (*to).local_port = (ports >> 16) as u16;
        (*to).remote_port = (ports as u16).swap_bytes();
        (*to).family = family;
    }
}

/// What every process has: counted where it could not be read, because then the offsets are wrong.
#[inline(always)]
fn known(pointer: Option<u64>) -> Option<u64> {
    let pointer = pointer.filter(|pointer| *pointer != 0);
    if pointer.is_none() {
        count(Counter::Walk);
    }
    pointer
}

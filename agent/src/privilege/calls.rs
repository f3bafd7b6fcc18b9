//! System calls that are refused with EPERM. What is refused does not end the process: a call that was overlooked here
//! costs a feature, not the agent.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use super::Role;

/// What neither the agent nor a library of it does once the probe is attached: executing files, looking into other
/// processes' memory, loading kernel code, leaving its place in the system. `open_by_handle_at` would let
/// CAP_DAC_READ_SEARCH read every file; io_uring would get around this list.
const REFUSED: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_open_by_handle_at,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_clock_settime,
    libc::SYS_settimeofday,
];

/// All that a parser does: memory, waiting, channels, and the writing of a panic's message.
const PARSING: &[i64] = &[
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_membarrier,
    libc::SYS_restart_syscall,
    libc::SYS_epoll_pwait,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_set_robust_list,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Calls with these names exist on x86-64 alone; elsewhere libc makes the ones above.
#[cfg(target_arch = "x86_64")]
const PARSING_HERE: &[i64] = &[libc::SYS_poll, libc::SYS_epoll_wait];
#[cfg(not(target_arch = "x86_64"))]
const PARSING_HERE: &[i64] = &[];

/// Commands of bpf(2) that look at maps and change them (include/uapi/linux/bpf.h, `enum bpf_cmd`).
const MAP_COMMANDS: &[u64] = &[1, 2, 3, 4, 24, 25, 26, 27];

/// Refuses what this role does not call, for the calling thread. Sets no_new_privs too, without which the kernel takes
/// no filter.
///
/// # Errors
/// A sentence: a kernel without seccomp, or another architecture.
pub(super) fn refuse(role: Role) -> Result<(), String> {
    let filter = filter(role).map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&filter).map_err(|error| error.to_string())
}

fn filter(role: Role) -> Result<BpfProgram, seccompiler::BackendError> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let always = |calls: &[i64]| calls.iter().map(|call| (*call, Vec::new())).collect::<BTreeMap<_, _>>();
    let (allow, refuse) = (SeccompAction::Allow, SeccompAction::Errno(libc::EPERM.unsigned_abs()));
    let filter = if role == Role::Parser {
        let mut calls = always(PARSING);
        calls.extend(always(PARSING_HERE));
        SeccompFilter::new(calls, refuse, allow, arch)?
    } else {
        let mut calls = always(REFUSED);
        let rules = if role == Role::Keeper { vec![no_map_command()?] } else { Vec::new() };
        calls.insert(libc::SYS_bpf, rules);
        SeccompFilter::new(calls, allow, refuse, arch)?
    };
    filter.try_into()
}

/// Holds for every command but those on maps.
fn no_map_command() -> Result<SeccompRule, seccompiler::BackendError> {
    let other = |command: &u64| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, *command);
    SeccompRule::new(MAP_COMMANDS.iter().map(other).collect::<Result<_, _>>()?)
}

//! Which programs there are, what each is attached to, and what is lost without it. Names of programs and calls are
//! those of the kernel object and of the kernel.

use throughline_common::call::Call;

/// A program at the return of one or more system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AtCall {
    pub(crate) program: &'static str,
    pub(crate) call: Call,
    /// The calls, as their tracepoints `sys_exit_*` name them, and their numbers here; an architecture may lack some.
    pub(crate) names: &'static [(&'static str, Option<i64>)],
    pub(crate) without: &'static str,
}

/// A program at a raw tracepoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AtEvent {
    pub(crate) program: &'static str,
    pub(crate) event: &'static str,
    pub(crate) without: &'static str,
}

/// The program that keeps arguments at the entry of calls.
pub(crate) const ENTRY: &str = "enter";

/// The program that sees every call return.
pub(crate) const EVERY_CALL: AtEvent =
    AtEvent { program: "exit_any", event: "sys_exit", without: "no request is seen" };

/// The programs that see sockets and threads, none of which can be done without: with one of them missing, another way
/// sees more, or a thread would look as if it never waited.
pub(crate) const AT_SOCKETS: &[AtEvent] = &[
    AtEvent { program: "socket_received", event: "sock_recv_length", without: "nothing that services read is seen" },
    AtEvent { program: "socket_sent", event: "sock_send_length", without: "nothing that services send is seen" },
    AtEvent {
        program: "thread_sleeps",
        event: "sched_switch",
        without: "no thread is known to serve one request at a time, so nothing is confirmed by section",
    },
];

/// What tells of io_uring where no system call is seen.
pub(crate) const URING: AtEvent = AtEvent {
    program: "process_uring",
    event: "io_uring_create",
    without: "services that use io_uring look silent instead of not observable",
};

/// Programs at raw tracepoints.
pub(crate) const AT_EVENTS: &[AtEvent] = &[
    AtEvent {
        program: "socket_state",
        event: "inet_sock_set_state",
        without: "the end of a connection is noticed late, and answers that end with it count as unfinished",
    },
    AtEvent {
        program: "process_exec",
        event: "sched_process_exec",
        without: "programs started later are found by looking around only",
    },
    AtEvent {
        program: "process_fork",
        event: "sched_process_fork",
        without: "the first requests of a forked process are missed",
    },
    AtEvent { program: "process_exit", event: "sched_process_exit", without: "the end of a process is noticed late" },
];

#[cfg(target_arch = "x86_64")]
macro_rules! older {
    ($number:ident) => {
        Some(libc::$number)
    };
}
/// Calls that architectures after x86-64 were made without.
#[cfg(not(target_arch = "x86_64"))]
macro_rules! older {
    ($number:ident) => {
        None
    };
}

/// Programs at the return of calls.
pub(crate) const AT_CALLS: &[AtCall] = &[
    AtCall {
        program: "exit_accept",
        call: Call::Accept,
        names: &[("accept", Some(libc::SYS_accept)), ("accept4", Some(libc::SYS_accept4))],
        without: "nobody knows which connections a service accepted",
    },
    AtCall {
        program: "exit_connect",
        call: Call::Connect,
        names: &[("connect", Some(libc::SYS_connect))],
        without: "nobody knows which connections a service made",
    },
    AtCall {
        program: "exit_read",
        call: Call::Read,
        names: &[("read", Some(libc::SYS_read))],
        without: "what services read with read is not seen",
    },
    AtCall {
        program: "exit_readv",
        call: Call::Readv,
        names: &[("readv", Some(libc::SYS_readv))],
        without: "what services read with readv is not seen",
    },
    AtCall {
        program: "exit_recvfrom",
        call: Call::Recvfrom,
        names: &[("recvfrom", Some(libc::SYS_recvfrom))],
        without: "what services read with recv is not seen",
    },
    AtCall {
        program: "exit_recvmsg",
        call: Call::Recvmsg,
        names: &[("recvmsg", Some(libc::SYS_recvmsg))],
        without: "what services read with recvmsg is not seen",
    },
    AtCall {
        program: "exit_recvmmsg",
        call: Call::Recvmmsg,
        names: &[("recvmmsg", Some(libc::SYS_recvmmsg))],
        without: "what services read with recvmmsg is not seen",
    },
    AtCall {
        program: "exit_write",
        call: Call::Write,
        names: &[("write", Some(libc::SYS_write))],
        without: "what services send with write is not seen",
    },
    AtCall {
        program: "exit_writev",
        call: Call::Writev,
        names: &[("writev", Some(libc::SYS_writev))],
        without: "what services send with writev is not seen",
    },
    AtCall {
        program: "exit_sendto",
        call: Call::Sendto,
        names: &[("sendto", Some(libc::SYS_sendto))],
        without: "what services send with send is not seen",
    },
    AtCall {
        program: "exit_sendmsg",
        call: Call::Sendmsg,
        names: &[("sendmsg", Some(libc::SYS_sendmsg))],
        without: "what services send with sendmsg is not seen",
    },
    AtCall {
        program: "exit_sendmmsg",
        call: Call::Sendmmsg,
        names: &[("sendmmsg", Some(libc::SYS_sendmmsg))],
        without: "what services send with sendmmsg is not seen",
    },
    AtCall {
        program: "exit_sendfile",
        call: Call::Sendfile,
        names: &[("sendfile64", Some(libc::SYS_sendfile))],
        without: "the length of answers sent with sendfile is not known",
    },
    AtCall {
        program: "exit_splice",
        call: Call::Splice,
        names: &[("splice", Some(libc::SYS_splice))],
        without: "the length of what goes through splice is not known",
    },
    AtCall {
        program: "exit_wait",
        call: Call::Wait,
        names: &[
            ("epoll_wait", older!(SYS_epoll_wait)),
            ("epoll_pwait", Some(libc::SYS_epoll_pwait)),
            ("epoll_pwait2", Some(libc::SYS_epoll_pwait2)),
            ("select", older!(SYS_select)),
            ("pselect6", Some(libc::SYS_pselect6)),
        ],
        without: "no thread is known to serve one request at a time, so nothing is confirmed by section",
    },
    AtCall {
        program: "exit_poll",
        call: Call::Poll,
        names: &[("poll", older!(SYS_poll)), ("ppoll", Some(libc::SYS_ppoll))],
        without: "no thread is known to serve one request at a time, so nothing is confirmed by section",
    },
    AtCall {
        program: "exit_uring",
        call: Call::Uring,
        names: &[("io_uring_setup", Some(libc::SYS_io_uring_setup))],
        without: "services that use io_uring look silent instead of not observable",
    },
];

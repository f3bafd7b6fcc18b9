//! System calls by their number, for the program that sees all of them: an array of `u32`, filled by the user side for
//! the architecture it runs on. 0 stands for a call that does not matter.

/// Places in the array; higher numbers do not matter.
pub const NUMBERS: u32 = 512;

/// A call that matters: what it does with its descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Call {
    /// `read(fd, buffer, ..)`.
    Read = 1,
    /// `readv(fd, vectors, count)`.
    Readv = 2,
    /// `recvfrom(fd, buffer, length, flags, ..)`.
    Recvfrom = 3,
    /// `recvmsg(fd, message, flags)`.
    Recvmsg = 4,
    /// `recvmmsg(fd, messages, count, flags, ..)`.
    Recvmmsg = 5,
    /// `write(fd, buffer, ..)`.
    Write = 6,
    /// `writev(fd, vectors, count)`.
    Writev = 7,
    /// `sendto(fd, buffer, length, flags, ..)`.
    Sendto = 8,
    /// `sendmsg(fd, message, flags)`.
    Sendmsg = 9,
    /// `sendmmsg(fd, messages, count, flags)`.
    Sendmmsg = 10,
    /// `sendfile64(to, from, ..)`.
    Sendfile = 11,
    /// `splice(from, _, to, ..)`.
    Splice = 12,
    /// `accept(fd, ..)` and `accept4`: the result is the new descriptor.
    Accept = 13,
    /// `connect(fd, ..)`.
    Connect = 14,
    /// `epoll_wait` and its kind, `select`, `pselect6`: a wait for whatever comes.
    Wait = 15,
    /// `poll(descriptors, count, ..)` and `ppoll`.
    Poll = 16,
    /// `io_uring_setup`.
    Uring = 17,
}

impl Call {
    /// The call with this number.
    #[must_use]
    pub const fn of(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Read,
            2 => Self::Readv,
            3 => Self::Recvfrom,
            4 => Self::Recvmsg,
            5 => Self::Recvmmsg,
            6 => Self::Write,
            7 => Self::Writev,
            8 => Self::Sendto,
            9 => Self::Sendmsg,
            10 => Self::Sendmmsg,
            11 => Self::Sendfile,
            12 => Self::Splice,
            13 => Self::Accept,
            14 => Self::Connect,
            15 => Self::Wait,
            16 => Self::Poll,
            17 => Self::Uring,
            _ => return None,
        })
    }
}

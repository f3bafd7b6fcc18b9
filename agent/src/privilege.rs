//! What a thread of the agent may do once the probe is attached: capabilities are dropped, and calls that nothing here
//! makes are refused by the kernel. Each thread is narrowed by itself, because capabilities and filters belong to
//! threads; those it starts later are born with no more than it has.
//!
//! Knows nothing of the probe, and no configuration.

mod calls;

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::signal::SigSet;

/// What a thread is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The agent's main thread, and with it those that serve: they bind ports and look into `/proc`.
    Agent,
    /// Keeps the kernel's maps, and looks into `/proc` of other users' processes. Reads no byte of a stranger's request.
    Keeper,
    /// Reads bytes of strangers' requests. Opens no file, and has no capability.
    Parser,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// The capabilities that are left, as the kernel names them, in its order.
    pub kept: Vec<String>,
    /// What could not be given up: one sentence each.
    pub problems: Vec<String>,
}

impl Role {
    /// The capabilities that a thread of this kind keeps, where it had them.
    ///
    /// CAP_BPF: before Linux 6.0, maps may not even be looked at without it where `kernel.unprivileged_bpf_disabled` is
    /// set. CAP_SYS_PTRACE opens `/proc/PID/exe` and `ns` of other users' processes, and together with
    /// CAP_DAC_READ_SEARCH `fd` and `environ`. CAP_NET_BIND_SERVICE is for ports that a reload adds.
    #[must_use]
    pub const fn keeps(self) -> &'static [Capability] {
        match self {
            Self::Agent => {
                &[Capability::CAP_DAC_READ_SEARCH, Capability::CAP_NET_BIND_SERVICE, Capability::CAP_SYS_PTRACE]
            }
            Self::Keeper => &[Capability::CAP_BPF, Capability::CAP_DAC_READ_SEARCH, Capability::CAP_SYS_PTRACE],
            Self::Parser => &[],
        }
    }
}

/// Gives up, for the calling thread and for good, whatever its role does not need: other capabilities, gaining any by
/// executing a file, and calls. Signals go to other threads from then on: a handler may be refused what it needs to pass
/// one on, and a request to stop would be lost.
pub fn narrow(role: Role) -> Narrowed {
    let mut narrowed = Narrowed::default();
    let mut note = |what: &str, done: Result<(), String>| {
        narrowed.problems.extend(done.err().map(|error| format!("{what}: {error}")));
    };
    if role != Role::Agent {
        note("signals may come here", SigSet::all().thread_block().map_err(|error| error.to_string()));
    }
    note("capabilities are kept", drop_capabilities(role.keeps()));
    note(
        "executing a file may still bring rights",
        nix::sys::prctl::set_no_new_privs().map_err(|error| error.to_string()),
    );
    // A parser may not even ask, once its calls are refused.
    let mut kept: Vec<Capability> = caps::read(None, CapSet::Permitted).unwrap_or_default().into_iter().collect();
    kept.sort_unstable_by_key(Capability::index);
    note("no call is refused", calls::refuse(role));
    narrowed.kept = kept.iter().map(ToString::to_string).collect();
    narrowed
}

/// Runs `body` on a thread without capabilities, so that threads it starts are born without any. For those that begin
/// before it is known what they are part of. `None` where there is no such thread to be had.
pub fn without_capabilities<T: Send>(body: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        // What could not be dropped is no reason to do without the body.
        let powerless = || {
            let _ = drop_capabilities(&[]);
            body()
        };
        std::thread::Builder::new().spawn_scoped(scope, powerless).ok()?.join().ok()
    })
}

/// What is left can be less than `wanted`, never more.
fn drop_capabilities(wanted: &[Capability]) -> Result<(), String> {
    let text = |error: caps::errors::CapsError| error.to_string();
    let had = caps::read(None, CapSet::Permitted).map_err(text)?;
    let kept: CapsHashSet = wanted.iter().copied().filter(|capability| had.contains(capability)).collect();
    // Whoever may narrow the bounding set does it; for others, no_new_privs says the same.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap_or(false) {
        for capability in caps::read(None, CapSet::Bounding).map_err(text)? {
            if !kept.contains(&capability) {
                caps::drop(None, CapSet::Bounding, capability).map_err(text)?;
            }
        }
    }
    // Kernels before 4.3 have no ambient set to clear.
    let _ = caps::clear(None, CapSet::Ambient);
    caps::clear(None, CapSet::Inheritable).map_err(text)?;
    caps::set(None, CapSet::Effective, &kept).map_err(text)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(text)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]

    use std::collections::HashSet;
    use std::io::ErrorKind;
    use std::thread;

    use super::*;

    /// On a thread of its own, which is all that is narrowed.
    fn on_a_thread<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
        thread::spawn(body).join().unwrap()
    }

    #[test]
    fn each_role_is_left_with_what_it_keeps_and_other_threads_with_what_they_had() {
        let before = caps::read(None, CapSet::Permitted).unwrap();
        for role in [Role::Agent, Role::Keeper, Role::Parser] {
            let Narrowed { kept, problems } = on_a_thread(move || narrow(role));
            assert!(problems.is_empty(), "{role:?}: {problems:?}");
            let expected = role.keeps().iter().filter(|capability| before.contains(capability));
            let expected: HashSet<String> = expected.map(ToString::to_string).collect();
            assert_eq!(kept.into_iter().collect::<HashSet<_>>(), expected, "{role:?}");
        }
        assert_eq!(caps::read(None, CapSet::Permitted).unwrap(), before);
    }

    #[test]
    fn threads_are_born_with_what_their_starter_had() {
        let before = caps::read(None, CapSet::Permitted).unwrap();
        let born = without_capabilities(|| on_a_thread(|| caps::read(None, CapSet::Permitted).unwrap()));
        assert_eq!(born, Some(CapsHashSet::new()));
        assert_eq!(caps::read(None, CapSet::Permitted).unwrap(), before);
    }

    #[test]
    fn files_are_opened_by_keepers_and_not_by_parsers() {
        let open = |role| on_a_thread(move || (narrow(role), std::fs::read("/proc/self/stat").map_err(|e| e.kind())).1);
        assert!(open(Role::Agent).is_ok() && open(Role::Keeper).is_ok());
        assert_eq!(open(Role::Parser), Err(ErrorKind::PermissionDenied));
    }

    #[test]
    fn nobody_executes_anything() {
        for role in [Role::Agent, Role::Keeper, Role::Parser] {
            let run = on_a_thread(move || (narrow(role), std::process::Command::new("/bin/true").status()).1);
            assert_eq!(run.map(|_| ()).map_err(|error| error.kind()), Err(ErrorKind::PermissionDenied), "{role:?}");
        }
    }

    #[test]
    fn signals_go_to_threads_that_can_pass_them_on() {
        for (role, passes_on) in [(Role::Agent, true), (Role::Keeper, false), (Role::Parser, false)] {
            let (send, receive) = std::sync::mpsc::channel();
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let thread = thread::spawn(move || {
                let id = nix::unistd::gettid();
                narrow(role);
                send.send(id).unwrap();
                let _ = ended.recv();
            });
            let status =
                std::fs::read_to_string(format!("/proc/self/task/{}/status", receive.recv().unwrap())).unwrap();
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
            let blocked = u64::from_str_radix(blocked.trim(), 16).unwrap();
            let term = 1_u64 << (nix::sys::signal::Signal::SIGTERM as u32 - 1);
            assert_eq!(blocked & term == 0, passes_on, "{role:?}: {blocked:x}");
            drop(end);
            thread.join().unwrap();
        }
    }

    /// What a parser does all day: memory, channels, time, and ending.
    #[test]
    fn a_parser_can_work() {
        let (send, receive) = std::sync::mpsc::sync_channel::<Vec<u8>>(1);
        let parser = thread::spawn(move || {
            narrow(Role::Parser);
            let mut map = std::collections::HashMap::new();
            for n in 0..1000_usize {
                map.insert(n, vec![0_u8; n * 100]);
            }
            thread::sleep(std::time::Duration::from_millis(1));
            send.send(map.remove(&999).unwrap()).is_ok() && send.send(Vec::new()).is_ok()
        });
        assert_eq!(receive.recv().map(|bytes| bytes.len()), Ok(99_900));
        assert!(receive.recv().is_ok() && parser.join().unwrap());
    }
}

//! What the kernel says to eBPF programs: ours, loaded and attached as a trial and let go at once, and those of others.

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// This build has no probe.
    NotBuilt,
    /// Nobody asked for it.
    NotAsked,
    /// It was made.
    Made {
        /// Whether a ring buffer could be had; the operating system's words where it could not.
        ring: Result<(), String>,
        /// What became of the programs; why there is none, with what to do.
        programs: Result<Loaded, String>,
    },
}

/// The probe's programs, loaded and attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The way they see system calls by.
    pub way: String,
    /// Why each better way was refused.
    pub passed_over: Vec<String>,
    /// How many work.
    pub working: usize,
    /// Those that do not: name, why, and what is lost without.
    pub refused: Vec<[String; 3]>,
}

/// What a program of somebody else can do, by its type (include/uapi/linux/bpf.h, `enum bpf_prog_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProgramKind {
    /// Sees the bytes that processes write to sockets, and may change them or send them elsewhere.
    SkMsg,
    /// The same for bytes that arrive.
    SkSkb,
    /// Follows connections, sets their options, and hands them to the two above.
    SockOps,
    /// Sees packets at a network interface or a control group, and may change or drop them.
    Packets,
    /// Chooses where a connection goes or who takes it.
    Addresses,
    /// Watches; of these, those at functions may write into a process's memory.
    Tracing,
    /// Anything else.
    Other,
}

/// Programs that others have loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignPrograms {
    /// This build cannot ask.
    NotBuilt,
    /// The kernel does not say.
    Refused(String),
    /// Kind and name of each.
    Listed(Vec<(ProgramKind, String)>),
}

/// Both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bpf {
    /// Our own.
    pub trial: Trial,
    /// Those of others.
    pub foreign: ForeignPrograms,
}

impl ProgramKind {
    #[cfg_attr(not(all(feature = "ebpf", target_os = "linux")), expect(dead_code, reason = "nobody lists programs"))]
    fn of(number: u32) -> Self {
        match number {
            16 => Self::SkMsg,
            14 => Self::SkSkb,
            13 => Self::SockOps,
            // sched_cls, sched_act, xdp, cgroup_skb, lwt_*, netfilter
            3 | 4 | 6 | 8 | 10..=12 | 19 | 32 => Self::Packets,
            // cgroup_sock, cgroup_sock_addr, sk_reuseport, sk_lookup
            9 | 18 | 21 | 30 => Self::Addresses,
            // kprobe, tracepoint, perf_event, raw_tracepoint and its writable form, tracing
            2 | 5 | 7 | 17 | 24 | 26 => Self::Tracing,
            _ => Self::Other,
        }
    }
}

#[cfg(all(feature = "ebpf", target_os = "linux"))]
impl Bpf {
    /// Asks for others' programs before ours are loaded.
    pub(super) fn try_out(trial: bool) -> Self {
        use crate::probe;

        let foreign = match probe::loaded_programs() {
            Ok(programs) => ForeignPrograms::Listed(
                programs.into_iter().map(|program| (ProgramKind::of(program.kind), program.name)).collect(),
            ),
            Err(error) => ForeignPrograms::Refused(error.to_string()),
        };
        Self { trial: if trial { made() } else { Trial::NotAsked }, foreign }
    }
}

#[cfg(all(feature = "ebpf", target_os = "linux"))]
fn made() -> Trial {
    use crate::probe::{self, Kernel, KernelConfig, Ledger, Part};

    let ring = probe::try_ring_buffer();
    // What was loaded is let go when this value goes.
    let programs = Kernel::load(&KernelConfig::default()).map_err(|refused| refused.to_string());
    let programs = programs.map(|kernel| {
        let Ledger { way, passed_over, parts } = &kernel.ledger;
        let refused = |part: &Part| {
            let cause = part.refused.clone()?;
            Some([part.program.to_owned(), cause, part.without.to_owned()])
        };
        Loaded {
            way: way.to_string(),
            passed_over: passed_over.iter().map(|(way, why)| format!("{way}: {why}")).collect(),
            working: kernel.ledger.attached(),
            refused: parts.iter().filter_map(refused).collect(),
        }
    });
    Trial::Made { ring, programs }
}

#[cfg(not(all(feature = "ebpf", target_os = "linux")))]
impl Bpf {
    pub(super) fn try_out(_trial: bool) -> Self {
        Self { trial: Trial::NotBuilt, foreign: ForeignPrograms::NotBuilt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_numbers_of_the_kernel() {
        for (number, expected, reason) in [
            (16, ProgramKind::SkMsg, "sk_msg"),
            (14, ProgramKind::SkSkb, "sk_skb"),
            (13, ProgramKind::SockOps, "sock_ops"),
            (3, ProgramKind::Packets, "sched_cls"),
            (6, ProgramKind::Packets, "xdp"),
            (8, ProgramKind::Packets, "cgroup_skb"),
            (18, ProgramKind::Addresses, "cgroup_sock_addr"),
            (2, ProgramKind::Tracing, "kprobe"),
            (15, ProgramKind::Other, "cgroup_device"),
            (0, ProgramKind::Other, "unspecified"),
            (999, ProgramKind::Other, "one to come"),
        ] {
            assert_eq!(ProgramKind::of(number), expected, "{reason}");
        }
    }
}

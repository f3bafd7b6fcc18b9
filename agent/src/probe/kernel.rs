//! The kernel programs, loaded and attached: `Kernel::load`. Each program is loaded on its own; what the kernel refuses
//! stands in the ledger, and the rest works. Nothing is pinned: when the process ends, however it ends, the kernel
//! detaches all of it.

use std::path::Path;
use std::time::Duration;

use aya::maps::{Array, HashMap, MapData, PerCpuArray, RingBuf};
use aya::{Ebpf, EbpfLoader};
use throughline_common::literal::Literal;
use throughline_common::settings::{MAX_LITERALS, Settings};

use super::attach;
use super::btf::Btf;
use super::control::Control;
use super::ledger::{Ledger, Way};
use super::object::OBJECT;
use super::offsets;
use super::records::Records;
use super::refused::Refused;
use super::wire::Wire;

/// What the kernel programs are told, and how much they may remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelConfig {
    /// Only this way; otherwise the best that works.
    pub way: Option<Way>,
    /// Bytes of the ring buffer: a power of two, of pages.
    pub ring_bytes: u32,
    /// Bytes of a message's head that are captured at most, up to 64 kB.
    pub head_bytes: u32,
    /// Bytes a second and direction of a connection that is captured whole.
    pub whole_bytes: u32,
    /// Requests of a process that are captured in a second, and at once, while no mark has opened its gate.
    pub budget: u32,
    /// How long a mark opens the gate of its process.
    pub gate: Duration,
    /// What marks are recognised by: the first eight bytes of each, four at most. Shorter ones are left out.
    pub literals: Vec<String>,
    /// Connections that can be remembered at once.
    pub connections: u32,
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self {
            way: None,
            ring_bytes: 8 << 20,
            head_bytes: 16 << 10,
            whole_bytes: 4 << 20,
            budget: 500,
            gate: Duration::from_secs(5),
            literals: vec!["checkly=true".to_owned()],
            connections: 1 << 15,
        }
    }
}

/// The kernel programs at work. They stop when this is dropped.
#[derive(Debug)]
pub struct Kernel {
    /// What they saw.
    pub records: Records,
    /// What they watch.
    pub control: Control,
    /// What works, and what does not.
    pub ledger: Ledger,
    /// Holds programs and links.
    pub attached: Attached,
}

/// Programs and their links: dropping this detaches them.
#[derive(Debug)]
pub struct Attached(#[expect(dead_code, reason = "is there to be dropped")] Ebpf);

impl Kernel {
    /// Loads and attaches all programs that this kernel takes.
    ///
    /// # Errors
    /// The kernel takes none that sees requests, or its structures are not known.
    pub fn load(config: &KernelConfig) -> Result<Self, Refused> {
        Self::load_some_way(config).map_err(Refused::with_capabilities)
    }

    fn load_some_way(config: &KernelConfig) -> Result<Self, Refused> {
        if is_in_a_pid_namespace() {
            return Err(Refused::Namespace);
        }
        let bytes = std::fs::read("/sys/kernel/btf/vmlinux").map_err(Refused::NoBtf)?;
        let offsets = offsets::settings(&Btf::parse(&bytes)?, std::env::consts::ARCH)?;
        drop(bytes);
        raise_memlock();
        let ways = match config.way {
            Some(way) => vec![way],
            None => Way::ALL.to_vec(),
        };
        let mut passed_over = Vec::new();
        for way in ways {
            match Self::load_this_way(config, &offsets, way) {
                Ok(mut kernel) => {
                    kernel.ledger.passed_over = passed_over;
                    return Ok(kernel);
                }
                Err(attach::Failed::Way(why)) => passed_over.push((way, why)),
                Err(attach::Failed::All(refused)) => return Err(refused),
            }
        }
        let reasons: Vec<String> = passed_over.iter().map(|(way, why)| format!("by {way}: {why}")).collect();
        Err(Refused::Kernel(format!("the kernel takes no program that sees requests; {}", reasons.join("; "))))
    }

    fn load_this_way(config: &KernelConfig, offsets: &Settings, way: Way) -> Result<Self, attach::Failed> {
        let settings = Wire(settings(config, offsets, way));
        let mut loader = EbpfLoader::new();
        loader
            .btf(None)
            .override_global("SETTINGS", &settings, true)
            .map_max_entries("RECORDS", config.ring_bytes)
            .map_max_entries("CONNECTIONS", config.connections);
        let mut object = loader.load(OBJECT).map_err(|error| attach::all(&error))?;
        let records = taken(&mut object, "RECORDS", RingBuf::try_from)?;
        let targets = taken(&mut object, "TARGETS", HashMap::try_from)?;
        let watched = taken(&mut object, "WATCHED", Array::try_from)?;
        let wishes = taken(&mut object, "WISHES", Array::try_from)?;
        let missing = taken(&mut object, "MISSING", HashMap::try_from)?;
        let counters = taken(&mut object, "COUNTERS", PerCpuArray::try_from)?;
        let mut calls: Array<MapData, u32> = taken(&mut object, "CALLS", Array::try_from)?;
        let parts = attach::attach(&mut object, &mut calls, way)?;
        Ok(Self {
            records: Records::new(records),
            control: Control::new(targets, watched, wishes, missing, counters),
            ledger: Ledger { way, passed_over: Vec::new(), parts },
            attached: Attached(object),
        })
    }
}

fn settings(config: &KernelConfig, offsets: &Settings, way: Way) -> Settings {
    let mut settings = Settings {
        gate: u64::try_from(config.gate.as_nanos()).unwrap_or(u64::MAX / 2).min(u64::MAX / 2),
        own_tgid: std::process::id(),
        arguments: way.number(),
        head_bytes: config.head_bytes,
        whole_bytes: config.whole_bytes,
        budget: config.budget,
        ..*offsets
    };
    let literals = config.literals.iter().filter_map(|text| Literal::of(text.as_bytes())).take(MAX_LITERALS);
    for (to, literal) in settings.literal.iter_mut().zip(literals) {
        *to = literal;
        settings.literals += 1;
    }
    settings
}

fn taken<T>(
    object: &mut Ebpf,
    name: &str,
    typed: impl FnOnce(aya::maps::Map) -> Result<T, aya::maps::MapError>,
) -> Result<T, attach::Failed> {
    let map = object.take_map(name).ok_or_else(|| attach::broken(format!("the kernel object has no map `{name}`")))?;
    typed(map).map_err(|error| attach::broken(format!("map `{name}`: {error}")))
}

/// Whether process ids here are others than the kernel's. The first namespace has a number of its own
/// (`PROC_PID_INIT_INO`).
fn is_in_a_pid_namespace() -> bool {
    let own = std::fs::read_link("/proc/self/ns/pid");
    own.is_ok_and(|own| own != Path::new("pid:[4026531836]"))
}

/// Before Linux 5.11 maps count against the memory that may be locked. Where it cannot be raised, loading says so.
fn raise_memlock() {
    use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
    let _ = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
}

//! Other kernels than the one that runs: Debian's cloud kernels under software emulation, each booted with a file
//! system of its own that holds one program and what it needs. Knows which kernels there are and how a program gets
//! into them; what runs there is the caller's.

mod boot;
mod initramfs;
mod packages;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use boot::Ended;

use crate::prerequisites;

/// A kernel that programs are tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// The version it is asked for by.
    pub(crate) version: &'static str,
    /// The suite of Debian that has it.
    suite: &'static str,
}

/// All of them, the oldest first: the oldest that the probe supports, and those of two later stable releases.
pub(crate) const KERNELS: &[Kernel] = &[
    Kernel { version: "5.10", suite: "bullseye" },
    Kernel { version: "6.1", suite: "bookworm" },
    Kernel { version: "6.12", suite: "trixie" },
];

/// What is done inside a kernel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Job {
    /// The program and its arguments. The program is a file of this machine.
    pub(crate) words: Vec<String>,
    /// Other programs of this machine that it starts, by their paths here; they have the same paths there.
    pub(crate) programs: Vec<PathBuf>,
    /// Variables that it finds set.
    pub(crate) variables: Vec<(String, String)>,
    /// After that it is killed.
    pub(crate) limit: Duration,
}

/// The kernels of these versions; of all if there are none.
pub(crate) fn named(versions: &[String]) -> Option<Vec<Kernel>> {
    if versions.is_empty() {
        return Some(KERNELS.to_vec());
    }
    let find = |version: &String| KERNELS.iter().find(|kernel| kernel.version == version).copied();
    versions.iter().map(find).collect()
}

/// Runs a job in a kernel. `line` is given each line of its console.
///
/// # Errors
/// Something is missing: the emulator, the kernel's package, a program or its libraries; or it did not start.
pub(crate) fn run(kernel: Kernel, job: &Job, line: &mut dyn FnMut(&str)) -> anyhow::Result<Ended> {
    prerequisites::ensure(prerequisites::KERNELS)?;
    let image = packages::kernel(kernel.suite)?;
    let archive = initramfs::packed(job, &packages::busybox()?)?;
    let file = packages::folder().join(format!("initramfs-{}-{}", kernel.version, std::process::id()));
    std::fs::write(&file, archive)?;
    let ended = boot::boot(&image, &file, job.limit, line);
    // It is as large as all its programs; a second run makes it anew anyhow.
    let _ = std::fs::remove_file(&file);
    ended
}

//! What the kernel says: a process's CPU time and memory, and what machine this is.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// Files one process may need open: ten thousand clients, as many upstream connections, and room.
const OPEN_FILES: &str = "32768";

/// The two cores that load and proxy are pinned to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    /// For this process: load generator, upstream and collector.
    pub(crate) load: usize,
    /// For the proxy.
    pub(crate) proxy: usize,
}

/// CPU time of a live process in nanoseconds: user and system time of all its threads, as the scheduler accounts it.
///
/// # Errors
/// The process is gone, or the kernel keeps no such figures.
pub(crate) fn cpu_nanoseconds(pid: u32) -> anyhow::Result<u64> {
    cpu_nanoseconds_of(pid, |_| true)
}

/// The same of those of its threads whose names are wanted.
///
/// # Errors
/// As above, or it has no such thread.
pub(crate) fn cpu_nanoseconds_of(pid: u32, is_wanted: impl Fn(&str) -> bool) -> anyhow::Result<u64> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} is gone"))? {
        let task = task?;
        if !fs::read_to_string(task.path().join("comm")).is_ok_and(|name| is_wanted(name.trim())) {
            continue;
        }
        let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
        let first = text.split_ascii_whitespace().next().context("schedstat is empty")?;
        total += first.parse::<u64>().context("schedstat holds no number")?;
    }
    ensure!(total > 0, "this kernel gives no /proc/PID/task/TID/schedstat");
    Ok(total)
}

/// Resident memory of a live process, in kibibytes.
///
/// # Errors
/// The process is gone.
pub(crate) fn rss_kib(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} is gone"))?;
    let value = field(&status, "VmRSS:").context("no VmRSS")?;
    value.trim_end_matches(" kB").parse().context("VmRSS is no number")
}

/// The most memory that a live process has had resident, in kibibytes.
///
/// # Errors
/// The process is gone.
pub(crate) fn peak_kib(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} is gone"))?;
    let value = field(&status, "VmHWM:").context("no VmHWM")?;
    value.trim_end_matches(" kB").parse().context("VmHWM is no number")
}

/// Pins this process to one core and says which is left for the proxy; `None` where that cannot be done.
pub(crate) fn pin_self() -> Option<Cores> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let allowed = cores(field(&status, "Cpus_allowed_list:")?);
    let (load, proxy) = (*allowed.first()?, *allowed.get(1)?);
    let pinned = quietly("taskset", &["-a", "-c", "-p", &load.to_string(), &std::process::id().to_string()]);
    pinned.then_some(Cores { load, proxy })
}

/// Lets this process and its children open more files. Where the limit is high enough already a failure is harmless,
/// and where it is not, connecting says so.
pub(crate) fn raise_open_files() {
    quietly("prlimit", &["--pid", &std::process::id().to_string(), &format!("--nofile={OPEN_FILES}:")]);
}

/// Machine and versions, a line each.
pub(crate) fn facts() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&cpuinfo, "model name").unwrap_or(": unknown").trim_start_matches([':', ' ', '\t']);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "machine   {cores} cores, {model}, Linux {}", read("/proc/sys/kernel/osrelease"));
    let _ = writeln!(text, "load      {} (1, 5, 15 minutes, at the start)", {
        let load = read("/proc/loadavg");
        load.split(' ').take(3).collect::<Vec<_>>().join(" ")
    });
    let _ = writeln!(text, "versions  throughline {}, pingora {}", env!("CARGO_PKG_VERSION"), pingora_version());
    text
}

fn pingora_version() -> &'static str {
    let lock = include_str!("../../../../Cargo.lock");
    let after = lock.split_once("name = \"pingora\"\nversion = \"").map_or("unknown\"", |(_, after)| after);
    after.split('"').next().unwrap_or_default()
}

/// The rest of the line that begins with `name`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// `0-2,5` means 0, 1, 2 and 5.
fn cores(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(from.parse::<usize>().ok()?..=to.parse::<usize>().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

fn quietly(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

//! What the kernel holds of BPF, as `bpftool` lists it: programs, maps and links by their numbers, and pinned files; and
//! what of it a process holds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::real::program;

/// Everything there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Kind, number and name.
    pub objects: BTreeSet<(&'static str, u64, String)>,
    /// Pinned files.
    pub pins: BTreeSet<PathBuf>,
}

/// Lists it; the error says what is missing.
///
/// # Errors
/// There is no `bpftool`, or it is not allowed to look.
pub fn held() -> Result<Held, String> {
    let tool = program("bpftool").ok_or("no bpftool")?;
    let mut held = Held::default();
    for (kind, word) in [("program", "prog"), ("map", "map"), ("link", "link")] {
        let output = Command::new(&tool).args(["-j", word, "show"]).output().map_err(|error| error.to_string())?;
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if let Some(error) = said["error"].as_str() {
            return Err(format!("bpftool: {error}"));
        }
        for one in said.as_array().into_iter().flatten() {
            let name = one["name"].as_str().or(one["type"].as_str()).unwrap_or_default();
            held.objects.insert((kind, one["id"].as_u64().unwrap_or_default(), name.to_owned()));
        }
    }
    pinned(Path::new("/sys/fs/bpf"), &mut held.pins);
    Ok(held)
}

/// Kinds and numbers of what this process holds, as its descriptors say (`/proc/PID/fdinfo`).
#[must_use]
pub fn held_by(pid: u32) -> BTreeSet<(&'static str, u64)> {
    let descriptors = Path::new("/proc").join(pid.to_string()).join("fdinfo").read_dir().into_iter().flatten();
    let described = descriptors.flatten().filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    let mut held = BTreeSet::new();
    for line in described.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()) {
        let Some((word, number)) = line.split_once(':') else { continue };
        let kinds = [("prog_id", "program"), ("map_id", "map"), ("link_id", "link")];
        let kind = kinds.iter().find(|(known, _)| *known == word);
        held.extend(kind.zip(number.trim().parse().ok()).map(|((_, kind), number)| (*kind, number)));
    }
    held
}

impl Held {
    /// What of `own` is still here, and pinned files that were not there before.
    #[must_use]
    pub fn left(&self, own: &BTreeSet<(&'static str, u64)>, before: &Self) -> Vec<String> {
        let objects = self.objects.iter().filter(|(kind, id, _)| own.contains(&(*kind, *id)));
        let objects = objects.map(|(kind, id, name)| format!("{kind} {id} {name}"));
        objects.chain(self.pins.difference(&before.pins).map(|file| file.display().to_string())).collect()
    }
}

fn pinned(folder: &Path, into: &mut BTreeSet<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            pinned(&path, into);
        } else {
            into.insert(path);
        }
    }
}

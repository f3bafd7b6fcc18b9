//! What the kernel holds of BPF, as `bpftool` lists it: programs, maps and links by their numbers, and pinned files.

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

impl Held {
    /// What is here and was not there before.
    #[must_use]
    pub fn since(&self, before: &Self) -> Vec<String> {
        let objects = self.objects.difference(&before.objects).map(|(kind, id, name)| format!("{kind} {id} {name}"));
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

//! Which integration suites there are. One called `real_*` runs against real software, one called `live_*` against the
//! kernel; the rest need nothing but the workspace.

use std::path::Path;

use crate::workspace;

/// Packages that may have a folder of suites.
const PACKAGES: &[&str] = &["agent", "tests", "xtask"];

/// What suites need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// The workspace.
    Nothing,
    /// Other software.
    RealSoftware,
    /// A kernel that lets the probe in.
    Kernel,
}

/// The names of the suites that need this, as `cargo test --test NAME` takes them, sorted.
pub(super) fn that_need(needs: Needs) -> Vec<String> {
    let root = workspace::root();
    let mut suites: Vec<String> =
        PACKAGES.iter().flat_map(|package| in_folder(&root.join(package).join("tests"))).collect();
    suites.retain(|suite| Needs::of(suite) == needs);
    suites.sort();
    suites
}

impl Needs {
    fn of(suite: &str) -> Self {
        match suite.split_once('_') {
            Some(("real", _)) => Self::RealSoftware,
            Some(("live", _)) => Self::Kernel,
            _ => Self::Nothing,
        }
    }
}

/// `x.rs` and `x/main.rs` are suites; other folders hold their modules.
fn in_folder(folder: &Path) -> Vec<String> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let suites = paths.filter(|path| path.extension().is_some_and(|ext| ext == "rs") || path.join("main.rs").is_file());
    suites.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect()
}

//! systemd units, read by systemd.

use std::path::{Path, PathBuf};
use std::process::Command;

use throughline_tests::real::{program, skipped};

use crate::shipped;

/// Each unit, and the exposure that `systemd-analyze security` may find at most, in tenths.
const UNITS: [(&str, u32); 2] = [("throughline-proxy.service", 15), ("throughline-agent.service", 25)];

#[test]
fn systemd_understands_the_units() {
    let test = "systemd_understands_the_units";
    let Some(analyze) = program("systemd-analyze") else { return skipped(test, "no systemd-analyze in PATH") };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (unit, exposure) in UNITS {
        let copy = startable(unit, folder.path());
        let output = Command::new(&analyze).args(["verify", "--man=no"]).arg(&copy).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("Failed to initialize manager") {
            return skipped(test, &format!("systemd-analyze does not run here: {}", said.trim()));
        }
        let about: Vec<&str> = said.lines().filter(|line| line.contains("throughline")).collect();
        assert!(output.status.success() && about.is_empty(), "{}: {said}", output.status);

        let mut security = Command::new(&analyze);
        security.args(["security", "--offline=true", "--no-pager", &format!("--threshold={exposure}")]).arg(&copy);
        let output = security.output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{unit} is more exposed than it was: {said}");
    }
}

#[test]
fn the_agent_has_the_capabilities_of_the_daemon_set() {
    let unit = std::fs::read_to_string(shipped("systemd/throughline-agent.service")).expect("the unit is there");
    let manifest = std::fs::read_to_string(shipped("kubernetes/agent/daemon-set.yaml")).expect("it is there");
    for key in ["CapabilityBoundingSet=", "AmbientCapabilities="] {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)).expect("capabilities are named");
        for capability in line.split(' ') {
            let short = capability.trim_start_matches("CAP_");
            assert!(manifest.contains(&format!("- {short}\n")), "{key} {capability}");
        }
    }
}

/// A copy that starts a program which exists here: the installed binary need not.
fn startable(unit: &str, folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(shipped("systemd").join(unit)).expect("the unit is there");
    let existing = std::env::current_exe().expect("a running test has a file");
    let own = text.replace("/usr/local/bin/throughline", &existing.display().to_string());
    assert_ne!(own, text, "the unit starts the installed binary");
    let copy = folder.join(unit);
    std::fs::write(&copy, own).expect("the folder is writable");
    copy
}

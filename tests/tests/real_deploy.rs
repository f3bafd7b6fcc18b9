//! What is shipped for others to run, judged by the programs that will read it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use throughline_tests::real::{program, skipped};

const UNIT: &str = "throughline-proxy.service";

#[test]
fn systemd_understands_the_unit() {
    let test = "systemd_understands_the_unit";
    let Some(analyze) = program("systemd-analyze") else { return skipped(test, "no systemd-analyze in PATH") };
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd").join(UNIT);
    let text = std::fs::read_to_string(unit).expect("the unit is there");
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The installed binary and the file of settings need not exist here.
    let existing = std::env::current_exe().expect("a running test has a file");
    let own = text.replace("/usr/local/bin/throughline", &existing.display().to_string());
    assert_ne!(own, text, "the unit starts the installed binary");
    let copy = folder.path().join(UNIT);
    std::fs::write(&copy, own).expect("the folder is writable");
    let output = Command::new(analyze).args(["verify", "--man=no"]).arg(&copy).output().expect("it can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("Failed to initialize manager") {
        return skipped(test, &format!("systemd-analyze does not run here: {}", said.trim()));
    }
    let about: Vec<&str> = said.lines().filter(|line| line.contains("throughline")).collect();
    assert!(output.status.success() && about.is_empty(), "{}: {said}", output.status);
}

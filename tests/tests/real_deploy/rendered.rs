//! Manifests as the API server would get them.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;
use throughline_tests::real::{program, python};

use crate::shipped;

/// Versions of Kubernetes whose schemas the manifests are held against: an old one, one of today, the newest known.
const VERSIONS: [&str; 3] = ["1.27", "1.32", "1.37"];

/// The manifests of one folder, rendered and checked; `Err` with what this machine lacks for that.
pub(crate) fn rendered(folder: &str) -> Result<Vec<Value>, &'static str> {
    let kubectl = program("kubectl").ok_or("no kubectl in PATH")?;
    let python = python().ok_or("no Python with kubernetes-validate; cargo xtask test makes one")?;
    let output = Command::new(kubectl).arg("kustomize").arg(shipped("kubernetes").join(folder)).output();
    let output = output.expect("kubectl starts");
    assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/real/manifests.py");
    let mut command = Command::new(python);
    command.arg(script).args(VERSIONS).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut checker = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the checker starts");
    checker.stdin.take().expect("it is piped").write_all(&output.stdout).expect("it reads");
    let checked = checker.wait_with_output().expect("it ends");
    assert!(checked.status.success(), "{folder}: {}", String::from_utf8_lossy(&checked.stderr));
    Ok(serde_json::from_slice(&checked.stdout).expect("it writes JSON"))
}

/// The first manifest of a kind.
pub(crate) fn of_kind<'a>(manifests: &'a [Value], kind: &str) -> &'a Value {
    manifests.iter().find(|manifest| manifest["kind"] == kind).expect("it is among them")
}

/// The pod that a DaemonSet or Deployment starts.
pub(crate) fn pod(manifest: &Value) -> &Value {
    &manifest["spec"]["template"]["spec"]
}

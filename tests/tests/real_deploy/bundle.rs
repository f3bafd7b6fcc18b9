//! The DaemonSet's container as an OCI bundle: the user, capabilities, mounts and namespaces that the rendered manifest
//! gives it, and no other. Its images' files are this machine's own; limits and filters of system calls are left out.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use throughline_tests::binary::{self, Binary};
use throughline_tests::real::program;

use crate::rendered::{of_kind, pod};

/// Where the binary lies in the container.
const AGENT: &str = "/app/throughline";
/// What container engines hide and protect by default.
const MASKED: [&str; 8] = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// A container that can be started. It is removed when it is dropped.
pub(crate) struct Bundle {
    runc: PathBuf,
    folder: tempfile::TempDir,
    id: String,
}

impl Bundle {
    /// The container of the DaemonSet in `manifests`, less the capability `without`. `targets` stand instead of those of
    /// its configuration. `Err` with what this machine lacks.
    pub(crate) fn of(manifests: &[Value], without: Option<&str>, targets: &str) -> Result<Self, &'static str> {
        let runc = program("runc").ok_or("no runc in PATH")?;
        let root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        if !root {
            return Err("not root");
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let own = |name: &str| folder.path().join(name);
        for name in ["configuration", "admin-token", "rootfs"] {
            std::fs::create_dir(own(name)).expect("a folder");
        }
        for place in ["app", "usr", "proc", "sys", "dev", "tmp", "etc/throughline", "etc/throughline-admin"] {
            std::fs::create_dir_all(own("rootfs").join(place)).expect("a folder");
        }
        for link in ["bin", "lib", "lib64"] {
            std::os::unix::fs::symlink(Path::new("usr").join(link), own("rootfs").join(link)).expect("a link");
        }
        let data = &of_kind(manifests, "ConfigMap")["data"]["throughline.yaml"];
        let text = data.as_str().expect("a configuration").replace("targets: [\"all\"]", targets);
        assert!(text.contains(targets), "the manifest's configuration has targets: {text}");
        std::fs::write(own("configuration/throughline.yaml"), text).expect("a file");
        std::fs::write(own("admin-token/token"), "a-token-of-some-length\n").expect("a file");
        // As the Secret is mounted.
        std::fs::set_permissions(own("admin-token/token"), Permissions::from_mode(0o400)).expect("a file");
        let pod = pod(of_kind(manifests, "DaemonSet"));
        let spec = specification(pod, folder.path(), without);
        std::fs::write(own("config.json"), spec.to_string()).expect("a file");
        let id = format!("throughline-{}-{}", std::process::id(), without.unwrap_or("all").to_lowercase());
        Ok(Self { runc, folder, id })
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Binary {
        let mut command = Command::new(&self.runc);
        command.arg("run").arg("--bundle").arg(self.folder.path()).arg(&self.id);
        Binary::of(command)
    }

    /// Runs the binary once more in it, as `kubectl exec` does.
    pub(crate) fn exec(&self, words: &[&str]) -> Output {
        let mut command = Command::new(&self.runc);
        command.args(["exec", &self.id, AGENT]).args(words).output().expect("runc starts")
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = Command::new(&self.runc).args(["delete", "--force", &self.id]).output();
    }
}

/// The runtime's `config.json` (OCI runtime specification 1.0).
fn specification(pod: &Value, folder: &Path, without: Option<&str>) -> Value {
    let container = &pod["containers"][0];
    let security = &container["securityContext"];
    let words = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let mut capabilities = words(&security["capabilities"]["add"]);
    assert!(without.is_none_or(|one| capabilities.iter().any(|capability| capability == one)), "{without:?} is added");
    capabilities.retain(|capability| without != Some(capability.as_str()));
    let capabilities: Vec<String> = capabilities.iter().map(|capability| format!("CAP_{capability}")).collect();
    let mut args = vec![AGENT.to_owned()];
    args.extend(words(&container["args"]));
    let mut namespaces = vec!["mount", "ipc", "uts"];
    for (kind, key) in [("pid", "hostPID"), ("network", "hostNetwork")] {
        if pod[key] != true {
            namespaces.push(kind);
        }
    }
    let namespaces: Vec<Value> = namespaces.iter().map(|kind| json!({"type": kind})).collect();
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": security["runAsUser"], "gid": security["runAsGroup"]},
            "args": args,
            "env": ["PATH=/usr/bin", "OTEL_RESOURCE_ATTRIBUTES=k8s.node.name=here"],
            "cwd": "/",
            "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
            "noNewPrivileges": security["allowPrivilegeEscalation"] == false,
        },
        "root": {"path": "rootfs", "readonly": security["readOnlyRootFilesystem"]},
        "hostname": "here",
        "mounts": mounts(pod, folder),
        "linux": {"namespaces": namespaces, "maskedPaths": MASKED, "readonlyPaths": READ_ONLY},
    })
}

fn mounts(pod: &Value, folder: &Path) -> Vec<Value> {
    let bound = |from: &Path, to: &str| json!({"destination": to, "type": "bind", "source": from, "options": ["rbind", "ro", "nosuid", "nodev"]});
    let mut mounts = vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc"}),
        json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}),
        json!({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}),
        bound(Path::new("/usr"), "/usr"),
        bound(binary::path(), AGENT),
    ];
    for mount in pod["containers"][0]["volumeMounts"].as_array().expect("mounts") {
        let volume = pod["volumes"].as_array().expect("volumes").iter().find(|volume| volume["name"] == mount["name"]);
        let volume = volume.expect("a volume of this name");
        assert_eq!(mount["readOnly"], true, "{mount}");
        let from = match volume["hostPath"]["path"].as_str() {
            Some(path) => PathBuf::from(path),
            None => folder.join(volume["name"].as_str().expect("a name")),
        };
        mounts.push(bound(&from, mount["mountPath"].as_str().expect("a place")));
    }
    mounts
}

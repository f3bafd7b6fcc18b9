//! Kubernetes manifests: rendered by kubectl, held against the real schemas, and asked what they permit.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use throughline_tests::binary::run;
use throughline_tests::real::skipped;

use crate::rendered::{of_kind, pod, rendered};

/// Every folder that can be applied.
const FOLDERS: [&str; 5] = ["agent", "proxy", "overlays/example-shop", "overlays/checkly", "overlays/older-engines"];
/// What the agent may, and nothing else.
const CAPABILITIES: [&str; 4] = ["BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"];

#[test]
fn every_folder_renders_to_valid_manifests() {
    for folder in FOLDERS {
        let manifests = match rendered(folder) {
            Ok(manifests) => manifests,
            Err(lacking) => return skipped("every_folder_renders_to_valid_manifests", lacking),
        };
        let kinds: Vec<&str> = manifests.iter().filter_map(|manifest| manifest["kind"].as_str()).collect();
        assert!(!kinds.iter().any(|kind| kind.contains("Role")), "{folder} asks for no right at the API server");
        for manifest in manifests.iter().filter(|manifest| pod(manifest).is_object()) {
            contained(folder, pod(manifest));
        }
    }
}

/// What holds for every pod of ours.
fn contained(folder: &str, pod: &Value) {
    assert_eq!(pod["automountServiceAccountToken"], false, "{folder}");
    assert_ne!(pod["hostNetwork"], true, "{folder}");
    assert_ne!(pod["hostIPC"], true, "{folder}");
    for container in pod["containers"].as_array().expect("containers") {
        let security = &container["securityContext"];
        assert_eq!(security["privileged"], false, "{folder}");
        assert_eq!(security["allowPrivilegeEscalation"], false, "{folder}");
        assert_eq!(security["readOnlyRootFilesystem"], true, "{folder}");
        assert_eq!(security["capabilities"]["drop"], json!(["ALL"]), "{folder}");
        for mount in container["volumeMounts"].as_array().expect("mounts") {
            assert_eq!(mount["readOnly"], true, "{folder}: {mount}");
        }
        for probe in ["livenessProbe", "readinessProbe"] {
            assert!(container[probe].is_object(), "{folder} has a {probe}");
        }
        assert!(container["resources"]["limits"]["memory"].is_string(), "{folder} has a bound");
    }
}

#[test]
fn the_agent_may_what_it_needs_and_no_more() {
    let manifests = match rendered("agent") {
        Ok(manifests) => manifests,
        Err(lacking) => return skipped("the_agent_may_what_it_needs_and_no_more", lacking),
    };
    let pod = pod(of_kind(&manifests, "DaemonSet"));
    assert_eq!(pod["hostPID"], true, "the kernel tells process ids of the node");
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["containers"][0]["securityContext"]["capabilities"]["add"], json!(CAPABILITIES));
    let volumes = pod["volumes"].as_array().expect("volumes").iter();
    let host: Vec<&Value> = volumes.filter(|volume| volume["hostPath"].is_object()).collect();
    assert!(matches!(*host, [one] if one["hostPath"]["path"] == "/sys/kernel/tracing"), "{host:?}");
}

#[test]
fn the_proxy_may_nothing() {
    let manifests = match rendered("proxy") {
        Ok(manifests) => manifests,
        Err(lacking) => return skipped("the_proxy_may_nothing", lacking),
    };
    let pod = pod(of_kind(&manifests, "Deployment"));
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_ne!(pod["hostPID"], true);
    assert!(pod["containers"][0]["securityContext"]["capabilities"]["add"].is_null());
    let volumes = pod["volumes"].as_array().expect("volumes");
    assert!(volumes.iter().all(|volume| volume["hostPath"].is_null()), "{volumes:?}");
    let ports: Vec<&Value> = pod["containers"][0]["ports"].as_array().expect("ports").iter().collect();
    let wanted = &of_kind(&manifests, "Service")["spec"]["ports"][0]["targetPort"];
    assert!(ports.iter().any(|port| port["name"] == *wanted), "the Service leads to a port of the pod");
}

#[tokio::test]
async fn the_agent_takes_every_configuration() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "a-token-of-some-length\n").expect("a file can be written");
    std::fs::set_permissions(&token, Permissions::from_mode(0o400)).expect("as the Secret is mounted");
    for name in FOLDERS {
        let manifests = match rendered(name) {
            Ok(manifests) => manifests,
            Err(lacking) => return skipped("the_agent_takes_every_configuration", lacking),
        };
        let data = &of_kind(&manifests, "ConfigMap")["data"]["throughline.yaml"];
        let text = data.as_str().expect("a configuration");
        // The Secret is mounted elsewhere here.
        let own = text.replace("/etc/throughline-admin/token", &token.display().to_string());
        assert_ne!(own, text, "{name}: the admin port asks for a token");
        let file = folder.path().join("throughline.yaml");
        std::fs::write(&file, own).expect("a file can be written");
        let checked = run(&["config", "validate", file.to_str().expect("a path of text")], &[]).await;
        assert!(checked.status.success(), "{name}: {}", checked.stderr);
    }
}

//! Rows say where each form comes from.

use super::*;

const A: &str = "8c1e5f6b2d3a4958b7c6d5e4f3a2b1c08c1e5f6b2d3a4958b7c6d5e4f3a2b1c0";
const UID: &str = "b6d5c0de-1f2a-4b3c-8d4e-5f60718293a4";

/// The kernel's file, where it comes from, and what it says: engine, pod and unit.
type Row = (String, &'static str, Option<(Engine, Option<&'static str>)>, Option<&'static str>);

#[test]
fn containers_pods_and_units_are_found() {
    let with_underscores = UID.replace('-', "_");
    let rows: Vec<Row> = vec![
        (
            format!(
                "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{with_underscores}.slice/\
                 cri-containerd-{A}.scope\n"
            ),
            "Kubernetes, containerd, systemd driver, version 2",
            Some((Engine::Containerd, Some(UID))),
            None,
        ),
        (
            format!("0::/kubepods.slice/kubepods-pod{with_underscores}.slice/crio-{A}.scope/container\n"),
            "Kubernetes, CRI-O 1.30, a guaranteed pod: the container's own group lies below its scope",
            Some((Engine::Crio, Some(UID))),
            None,
        ),
        (
            format!("0::/../../kubepods-besteffort-pod{with_underscores}.slice/cri-containerd-{A}.scope\n"),
            "the same seen from a control group namespace beside it",
            Some((Engine::Containerd, Some(UID))),
            None,
        ),
        (
            format!("12:pids:/kubepods/besteffort/pod{UID}/{A}\n1:name=systemd:/kubepods/besteffort/pod{UID}/{A}\n"),
            "Kubernetes, cgroupfs driver, version 1",
            Some((Engine::Other, Some(UID))),
            None,
        ),
        (
            format!(
                "11:memory:/system.slice/containerd.service/\
                 kubepods-burstable-pod{with_underscores}.slice:cri-containerd:{A}\n0::/\n"
            ),
            "Kubernetes, kubelet with systemd's driver and containerd with cgroupfs",
            Some((Engine::Containerd, Some(UID))),
            None,
        ),
        (
            format!(
                "0::/docker/{A}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/\
                 kubelet-kubepods-besteffort-pod{with_underscores}.slice/cri-containerd-{A}.scope\n"
            ),
            "kind: a cluster in a container of Docker",
            Some((Engine::Containerd, Some(UID))),
            None,
        ),
        (
            format!("0::/kubepods.slice/kubepods-pod{}.slice/cri-containerd-{A}.scope\n", "0a".repeat(16)),
            "a static pod: its UID is a hash without dashes",
            Some((Engine::Containerd, Some("0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"))),
            None,
        ),
        (format!("0::/system.slice/docker-{A}.scope\n"), "Docker, systemd driver", Some((Engine::Docker, None)), None),
        (format!("4:cpu:/docker/{A}\n0::/docker/{A}\n"), "Docker, cgroupfs", Some((Engine::Docker, None)), None),
        (
            format!("0::/docker/{A}/system.slice/shop.service\n"),
            "systemd in a container of Docker",
            Some((Engine::Docker, None)),
            Some("shop.service"),
        ),
        (format!("0::/machine.slice/libpod-{A}.scope/container\n"), "Podman 4", Some((Engine::Podman, None)), None),
        (
            format!("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope\n"),
            "Podman without root",
            Some((Engine::Podman, None)),
            None,
        ),
        (
            format!("0::/machine.slice/libpod-conmon-{A}.scope\n"),
            "Podman's monitor is not in the container",
            None,
            Some("libpod-conmon-8c1e5f6b2d3a4958b7c6d5e4f3a2b1c08c1e5f6b2d3a4958b7c6d5e4f3a2b1c0.scope"),
        ),
        (
            format!("9:cpuset:/ecs/{}/{}-1234567890\n", "5e".repeat(16), "5e".repeat(16)),
            "Amazon ECS",
            Some((Engine::Other, None)),
            None,
        ),
        ("0::/system.slice/shop.service\n".to_owned(), "systemd", None, Some("shop.service")),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service\n".to_owned(),
            "a user's own unit",
            None,
            Some("shop.service"),
        ),
        ("0::/user.slice/user-0.slice/session-3.scope\n".to_owned(), "a login", None, Some("session-3.scope")),
        (
            "0::/system.slice/_cpu.service\n".to_owned(),
            "systemd escapes names of kernel files",
            None,
            Some("cpu.service"),
        ),
        ("0::/system.slice/shop.service (deleted)\n".to_owned(), "removed under it", None, Some("shop.service")),
        (
            "9:name=systemd:/system.slice/shop.service\n4:memory:/system.slice\n0::/\n".to_owned(),
            "both versions, units in systemd's own hierarchy",
            None,
            Some("shop.service"),
        ),
        (
            "9:name=systemd:/\n4:memory:/api/8b344af37817947a29ea13efe04bc6e8\n0::/\n".to_owned(),
            "a group of nobody's making that looks like an id and is too short",
            None,
            None,
        ),
        ("0::/\n".to_owned(), "the root", None, None),
        (String::new(), "no control groups", None, None),
        ("0::\nx\n::::\n:\n7:a".to_owned(), "lines that are cut", None, None),
        (format!("0::/docker/{A}g\n"), "a digit that is none", None, None),
        ("0::/cri-containerd-xyz.scope\n".to_owned(), "no id", None, Some("cri-containerd-xyz.scope")),
        ("0::/pod/podshop/pod-x/.service/.scope\n".to_owned(), "names that begin or end alike", None, None),
    ];
    for (file, reason, container, unit) in rows {
        let read = Cgroup::parse(&file);
        let found = read.container.as_ref().map(|found| (found.engine, found.pod.as_deref()));
        assert_eq!(found, container, "{reason}");
        assert_eq!(read.unit.as_deref(), unit, "{reason}");
        let has_id = read.container.as_ref().is_none_or(|found| found.id.contains(A) || reason == "Amazon ECS");
        assert!(has_id, "{reason}: {read:?}");
    }
}

#[test]
fn the_path_that_says_most_is_kept() {
    let rows = [
        ("9:name=systemd:/\n4:memory:/api/1\n0::/\n", "/api/1", "another hierarchy than the root's"),
        ("4:memory:/a\n9:name=systemd:/b\n0::/c\n", "/c", "version 2 before systemd's"),
        ("4:memory:/a\n9:name=systemd:/b\n0::/\n", "/b", "systemd's before others"),
        ("0::/\n", "/", "the root"),
        ("0::/a:b:c\n", "/a:b:c", "a path with colons"),
    ];
    for (file, path, reason) in rows {
        assert_eq!(Cgroup::parse(file).path, path, "{reason}");
    }
    assert!(Cgroup::parse(&format!("0::/{}", "ä".repeat(10_000))).path.len() <= MAX_PATH);
}

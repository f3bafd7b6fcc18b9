//! What `/proc/PID/cgroup` says (cgroups(7)): the path, the container, its pod, the systemd unit. Pure.

use std::sync::Arc;

use crate::label;

/// Bytes of a path that are kept.
const MAX_PATH: usize = 4096;
/// Digits of the ids that engines give to containers.
const ID: usize = 64;
/// Fewer digits than these are no id, even behind an engine's prefix.
const SHORTEST_ID: usize = 12;

/// Where a process is among the control groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cgroup {
    /// The path that says most of it; `/` or empty where none says anything.
    pub path: String,
    /// The container it runs in: the innermost, where containers run in containers.
    pub container: Option<Container>,
    /// The systemd unit it belongs to; within a container, one of that container's own systemd.
    pub unit: Option<String>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its id, as its engine spells it: 64 hexadecimal digits mostly.
    pub id: Arc<str>,
    /// Which engine runs it, as far as the path says so.
    pub engine: Engine,
    /// The UID of its Kubernetes pod.
    pub pod: Option<Arc<str>>,
}

/// What runs a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// containerd.
    Containerd,
    /// CRI-O.
    Crio,
    /// Docker.
    Docker,
    /// Podman and other users of libpod.
    Podman,
    /// The path has an id and names no engine.
    Other,
}

label!(Engine {
    Containerd => "containerd",
    Crio => "cri-o",
    Docker => "docker",
    Podman => "podman",
    Other => "other",
});

/// What stands before an id in the name of a group.
const PREFIXES: [(&str, Engine); 6] = [
    ("cri-containerd-", Engine::Containerd),
    ("crio-", Engine::Crio),
    ("docker-", Engine::Docker),
    ("libpod-", Engine::Podman),
    ("nerdctl-", Engine::Containerd),
    ("containerd-", Engine::Containerd),
];

impl Cgroup {
    /// Reads all lines of the file. Of several hierarchies (version 1, or both versions side by side), the one with a
    /// container counts most, then version 2, then systemd's own.
    #[must_use]
    pub fn parse(file: &str) -> Self {
        let mut best: Option<(u8, Self)> = None;
        for line in file.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            let read = Self::of_path(path);
            let is_root = read.path.trim_matches('/').is_empty();
            let weight = match (number, controllers) {
                _ if read.container.is_some() => 4,
                _ if is_root => 0,
                ("0", "") => 3,
                (_, "name=systemd") => 2,
                _ => 1,
            };
            if best.as_ref().is_none_or(|(known, _)| weight > *known) {
                best = Some((weight, read));
            }
        }
        best.map(|(_, read)| read).unwrap_or_default()
    }

    /// One path.
    fn of_path(path: &str) -> Self {
        // The kernel adds this where the group was removed under the process.
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        let path = path.get(..path.floor_char_boundary(MAX_PATH)).unwrap_or_default();
        let (mut container, mut pod, mut unit, mut parent) = (None, None, None, "");
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if let Some(uid) = pod_uid(part) {
                pod = Some(uid);
                // Pods of a cluster that runs in a container are not in that container.
                container = None;
            }
            if let Some((id, engine)) = container_id(part, parent) {
                container = Some((id, engine));
                unit = None;
            } else if is_unit(part) {
                unit = Some(part.strip_prefix('_').unwrap_or(part).to_owned());
            }
            parent = part;
        }
        let container = container.map(|(id, engine)| Container { id: id.into(), engine, pod: pod.map(Into::into) });
        Self { path: path.to_owned(), container, unit }
    }
}

/// The id in the name of a group, and the engine that spells it so.
fn container_id<'a>(part: &'a str, parent: &str) -> Option<(&'a str, Engine)> {
    // The systemd driver of containerd and runc, asked for a path that is none: `SLICE:cri-containerd:ID`.
    if let Some((before, id)) = part.rsplit_once(':') {
        let engine = if before.ends_with("cri-containerd") { Engine::Containerd } else { Engine::Other };
        return is_id(id, ID).then_some((id, engine));
    }
    let name = part.strip_suffix(".scope").unwrap_or(part);
    for (prefix, engine) in PREFIXES {
        if let Some(id) = name.strip_prefix(prefix).filter(|id| is_id(id, SHORTEST_ID)) {
            return Some((id, engine));
        }
    }
    if is_id(name, ID) {
        return Some((name, if parent == "docker" { Engine::Docker } else { Engine::Other }));
    }
    // Amazon ECS: the id of the task, and a number.
    let (task, number) = name.split_once('-')?;
    let is_task = task.len() == 32 && is_id(task, 32) && number.bytes().all(|byte| byte.is_ascii_digit());
    is_task.then_some((name, Engine::Other))
}

fn is_id(text: &str, shortest: usize) -> bool {
    (shortest..=ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The UID of the pod whose group this is: `podUID` by the cgroupfs driver, `kubepods-burstable-podUID.slice` by
/// systemd's, where dashes are underscores. Static pods have a hash of 32 digits instead.
fn pod_uid(part: &str) -> Option<String> {
    let slice = part.split(':').next()?;
    let uid = match slice.strip_suffix(".slice") {
        Some(slice) => slice.contains("kubepods").then(|| slice.rsplit_once("-pod"))??.1.replace('_', "-"),
        None => slice.strip_prefix("pod")?.to_owned(),
    };
    let digits = uid.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes = uid.bytes().filter(|byte| *byte == b'-').count();
    (digits == 32 && (dashes == 4 || dashes == 0) && digits + dashes == uid.len()).then_some(uid)
}

/// Services, and the scopes of sessions. The manager of a user is a service whose own units lie below it.
fn is_unit(part: &str) -> bool {
    (part.ends_with(".service") && part.len() > ".service".len()) || (part.ends_with(".scope") && part.len() > 6)
}

#[cfg(test)]
mod tests;

//! On a made-up `/proc`, and on this process.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::workload::cgroup::Engine;
use crate::workload::names::NamedBy;
use crate::workload::runtime::Runtime;

/// Ids that no process of this test has.
const BASE: u32 = 5_000_000;

/// A made-up `/proc`.
struct Machine(tempfile::TempDir);

/// A made-up process.
struct Made<'a> {
    pid: u32,
    /// In seconds, beside those of its id.
    later: u32,
    parent: u32,
    exe: &'a str,
    command: &'a str,
    cgroup: &'a str,
    environment: &'a str,
    /// Inodes of the sockets it holds.
    sockets: &'a [u64],
}

const PLAIN: Made<'static> =
    Made { pid: BASE, later: 0, parent: 1, exe: "shop", command: "shop", cgroup: "/", environment: "", sockets: &[] };

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("stat"), "cpu 1 2\nbtime 1700000000\n").unwrap();
        Self(folder)
    }

    fn path(&self, pid: u32) -> std::path::PathBuf {
        self.0.path().join(pid.to_string())
    }

    /// A process that started as many seconds after the machine as its id is above the base, and some.
    fn start(&self, made: &Made<'_>) {
        let folder = self.path(made.pid);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::create_dir_all(folder.join("ns")).unwrap();
        let started = (made.pid.saturating_sub(BASE) + made.later) * 100;
        let stat = format!("{} (x) S {} 0 0 0 0 4194304 0 0 0 0 0 0 0 0 20 0 1 0 {started} 0 0", made.pid, made.parent);
        fs::write(folder.join("stat"), stat).unwrap();
        fs::write(folder.join("cmdline"), made.command.replace(' ', "\0") + "\0").unwrap();
        fs::write(folder.join("cgroup"), format!("0::{}\n", made.cgroup)).unwrap();
        fs::write(folder.join("environ"), made.environment).unwrap();
        fs::write(folder.join("maps"), "").unwrap();
        let exe = self.0.path().join(made.exe);
        fs::write(&exe, "#!").unwrap();
        symlink(exe, folder.join("exe")).unwrap();
        symlink("net:[4026531840]", folder.join("ns/net")).unwrap();
        for (at, inode) in made.sockets.iter().enumerate() {
            symlink(format!("socket:[{inode}]"), folder.join("fd").join(at.to_string())).unwrap();
        }
        fs::create_dir_all(folder.join("net")).unwrap();
        if let Ok(table) = fs::read_to_string(self.0.path().join("table")) {
            fs::write(folder.join("net/tcp"), table).unwrap();
        }
    }

    /// The sockets that listen, by inode and port; seen by processes that were there before, too.
    fn listen(&self, sockets: &[(u64, u16)]) {
        let mut table = "  sl  local_address rem_address   st\n".to_owned();
        for (inode, port) in sockets {
            table += &format!("   0: 0100007F:{port:04X} 00000000:0000 0A 0:0 00:0 0 0 0 {inode} 1\n");
        }
        fs::write(self.0.path().join("table"), &table).unwrap();
        for entry in fs::read_dir(self.0.path()).unwrap().flatten().filter(|entry| entry.path().join("net").exists()) {
            fs::write(entry.path().join("net/tcp"), &table).unwrap();
        }
    }

    fn end(&self, pid: u32) {
        fs::remove_dir_all(self.path(pid)).unwrap();
    }

    fn workloads(&self, targets: &[&str]) -> Workloads {
        let targets = targets.iter().map(|target| target.parse().unwrap()).collect();
        let config = WorkloadConfig { targets, ..WorkloadConfig::default() };
        Workloads::in_proc(config, Proc::at(self.0.path()).unwrap()).unwrap()
    }
}

/// The ids that are to be watched, and those that no longer are.
fn told(workloads: &mut Workloads) -> (Vec<u32>, Vec<u32>) {
    let (mut watch, mut forget) = (Vec::new(), Vec::new());
    for change in workloads.changes() {
        match change {
            Change::Watch(identity) => watch.push(identity.process.pid - BASE),
            Change::Forget(pid) => forget.push(pid - BASE),
        }
    }
    watch.sort_unstable();
    (watch, forget)
}

#[test]
fn pre_fork_workers_are_one_service() {
    let machine = Machine::new();
    machine.listen(&[(77, 8000)]);
    let gunicorn = |pid| Made {
        pid,
        parent: if pid == BASE + 1 { 1 } else { BASE + 1 },
        exe: "python3.11",
        command: "python /venv/bin/gunicorn shop.wsgi:application",
        cgroup: "/system.slice/web.service",
        sockets: &[77],
        ..PLAIN
    };
    for pid in [BASE + 1, BASE + 2, BASE + 3] {
        machine.start(&gunicorn(pid));
    }
    machine.start(&Made { pid: BASE + 9, ..PLAIN });
    let mut workloads = machine.workloads(&["port:8000"]);
    assert_eq!(told(&mut workloads), (vec![1, 2, 3], vec![]));
    assert_eq!(told(&mut workloads), (vec![], vec![]), "once");
    let worker = workloads.of(BASE + 3).unwrap();
    let master = workloads.of(BASE + 1).unwrap();
    assert!(worker.is_sibling_of(&master) && worker.leader == master.process && worker.epoch == master.epoch);
    assert_eq!((&*worker.service, worker.named_by), ("web", NamedBy::Unit), "systemd started its leader");
    assert_eq!((worker.runtime, &worker.ports[..], worker.parent), (Runtime::Python, &[8000][..], BASE + 1));
    assert_eq!(worker.process.started, 1_700_000_003_000_000_000);
    assert!(worker.epoch.ends_with(" 1700000001000000000"), "{}", worker.epoch);

    machine.start(&gunicorn(BASE + 4));
    workloads.forked(BASE + 1, BASE + 4);
    assert_eq!(told(&mut workloads), (vec![4], vec![]));
    let forked = workloads.of(BASE + 4).unwrap();
    assert!(forked.is_sibling_of(&master) && forked.process.started == 1_700_000_004_000_000_000);
    workloads.scan();
    assert_eq!(told(&mut workloads), (vec![], vec![]), "what is looked at again is told once");
    assert_eq!(workloads.of(BASE + 4).unwrap(), forked, "and is who it was");
    assert_eq!(workloads.targets().len(), 4);
}

#[test]
fn what_a_process_runs_decides_anew() {
    let machine = Machine::new();
    machine.start(&PLAIN);
    let mut workloads = machine.workloads(&["exe:shop", "exe:cart"]);
    assert_eq!(told(&mut workloads), (vec![0], vec![]));
    // A fork of a target is one until it runs something else.
    let child = Made { pid: BASE + 1, parent: BASE, ..PLAIN };
    machine.start(&child);
    workloads.forked(BASE, BASE + 1);
    machine.start(&Made { exe: "curl", command: "curl x", ..child });
    workloads.started(BASE + 1);
    assert_eq!(told(&mut workloads), (vec![1], vec![1]));
    assert!(workloads.of(BASE + 1).is_some(), "what it did before is still told of it");
    machine.start(&Made { exe: "cart", command: "cart", ..child });
    workloads.started(BASE + 1);
    assert_eq!(told(&mut workloads), (vec![1], vec![]));
    assert_eq!(&*workloads.of(BASE + 1).unwrap().service, "cart");
}

#[test]
fn ends_and_ids_that_are_used_again() {
    let machine = Machine::new();
    let cart = Made { pid: BASE + 1, exe: "cart", command: "cart", ..PLAIN };
    machine.start(&PLAIN);
    machine.start(&cart);
    let mut workloads = machine.workloads(&["all"]);
    assert_eq!(told(&mut workloads), (vec![0, 1], vec![]));
    let before = workloads.of(BASE + 1).unwrap();
    machine.end(BASE + 1);
    workloads.ended(BASE + 1);
    assert_eq!(told(&mut workloads), (vec![], vec![1]));
    assert_eq!(workloads.of(BASE + 1), Some(Arc::clone(&before)), "for a while");
    // It ends before it is looked at.
    workloads.started(BASE + 2);
    assert_eq!(told(&mut workloads), (vec![], vec![]));
    assert_eq!(workloads.counts().gone, 1);
    // The end was missed, and the id is another process's.
    machine.end(BASE);
    machine.start(&Made { later: 9, exe: "new", command: "new", ..PLAIN });
    workloads.scan();
    assert_eq!(told(&mut workloads), (vec![0], vec![0]), "forgotten, and watched anew");
    assert_eq!(&*workloads.of(BASE).unwrap().service, "new");
    machine.end(BASE);
    workloads.scan();
    assert_eq!(told(&mut workloads), (vec![], vec![0]), "an end that was not told is found");
}

#[test]
fn who_starts_to_listen_later_is_found() {
    let machine = Machine::new();
    machine.listen(&[(5, 22)]);
    machine.start(&Made { sockets: &[77], ..PLAIN });
    let mut workloads = machine.workloads(&["port:8080"]);
    assert_eq!(told(&mut workloads), (vec![], vec![]));
    assert!(!workloads.last.is_outdated(&workloads.proc));
    machine.listen(&[(5, 22), (77, 8080)]);
    assert!(workloads.last.is_outdated(&workloads.proc));
    workloads.last.at = workloads.last.at.map(|at| at - LISTENING_EVERY);
    workloads.rescan();
    assert_eq!(told(&mut workloads), (vec![], vec![]), "nobody said that others listen");
    workloads.listeners_changed();
    workloads.rescan();
    assert_eq!(told(&mut workloads), (vec![0], vec![]));
    assert_eq!(workloads.of(BASE).unwrap().ports, [8080]);
}

#[test]
fn a_process_that_is_heard_at_a_new_port_is_looked_at_once() {
    let machine = Machine::new();
    machine.listen(&[(5, 22)]);
    machine.start(&Made { sockets: &[77], ..PLAIN });
    let rule =
        crate::config::workload::NameRule { when: vec!["port:8080".parse().unwrap()], name: "cart".parse().unwrap() };
    let mut workloads = machine.workloads(&["exe:shop"]);
    workloads.configure(WorkloadConfig { names: vec![rule], ..workloads.config.clone() });
    // It begins to listen and forks a worker before anybody looks again.
    machine.listen(&[(5, 22), (77, 8080)]);
    machine.start(&Made { pid: BASE + 1, parent: BASE, sockets: &[77], ..PLAIN });
    workloads.forked(BASE, BASE + 1);
    assert_eq!(&*workloads.of(BASE + 1).unwrap().service, "shop");
    assert_eq!(&*workloads.heard_at(BASE + 1, 8080).unwrap().service, "cart");
    assert!(workloads.of(BASE + 1).unwrap().leader.pid == BASE);
    // At a port that no socket of it has, it is looked at no more for a while.
    let before = workloads.heard_at(BASE, 9).unwrap();
    machine.end(BASE);
    assert_eq!(workloads.heard_at(BASE, 9), Some(before));
    assert_eq!((workloads.heard_at(BASE + 7, 9), told(&mut workloads)), (None, (vec![0, 1], vec![])));
}

#[test]
fn the_collector_and_this_process_are_never_watched() {
    let machine = Machine::new();
    machine.listen(&[(77, 4318)]);
    machine.start(&Made { sockets: &[77], exe: "otelcol", ..PLAIN });
    machine.start(&Made { pid: BASE + 1, parent: BASE, sockets: &[77], exe: "otelcol", ..PLAIN });
    machine.start(&Made { pid: BASE + 2, ..PLAIN });
    machine.start(&Made { pid: std::process::id(), ..PLAIN });
    let mut workloads = machine.workloads(&["all"]);
    assert_eq!(workloads.targets().len(), 3);
    let excluded = vec!["127.0.0.1:4318".parse().unwrap()];
    workloads.configure(WorkloadConfig { excluded, ..workloads.config.clone() });
    let left: Vec<u32> = workloads.targets().iter().map(|identity| identity.process.pid).collect();
    assert_eq!(left, [BASE + 2]);
}

#[test]
fn containers_names_and_rules() {
    let machine = Machine::new();
    let id = "8c".repeat(32);
    let cgroup = format!("/kubepods/podb6d5c0de-1f2a-4b3c-8d4e-5f60718293a4/{id}");
    machine.start(&Made { cgroup: &cgroup, environment: "KEY=secret\0OTEL_SERVICE_NAME=cart\0", ..PLAIN });
    let mut workloads = machine.workloads(&["container:8c*"]);
    let cart = workloads.of(BASE).unwrap();
    assert_eq!((&*cart.service, cart.named_by), ("cart", NamedBy::Environment));
    let container = cart.container.clone().unwrap();
    assert_eq!((container.engine, &*container.id), (Engine::Other, id.as_str()));
    assert!(!format!("{workloads:?}").contains("secret"), "nothing else of an environment is kept");
    let rule = crate::config::workload::NameRule {
        when: vec!["container:8c*".parse().unwrap()],
        name: "{exe}-{container}".parse().unwrap(),
    };
    workloads.configure(WorkloadConfig { names: vec![rule], ..workloads.config.clone() });
    assert_eq!(&*workloads.of(BASE).unwrap().service, "shop-8c8c8c8c8c8c");
    assert_eq!(told(&mut workloads), (vec![0], vec![]), "a new name is no new process");
}

#[test]
fn too_many_new_processes_are_found_by_going_through_all() {
    let machine = Machine::new();
    machine.start(&PLAIN);
    let mut workloads = machine.workloads(&["exe:cart"]);
    machine.start(&Made { pid: BASE + 9_000, exe: "cart", command: "cart", ..PLAIN });
    for pid in 0..=MAX_PENDING as u32 {
        workloads.started(BASE + 10_000 + pid);
    }
    assert_eq!(told(&mut workloads), (vec![9_000], vec![]));
    assert_eq!(workloads.counts().overrun, 1);
}

#[test]
fn what_is_missing_or_cut_is_no_panic() {
    let machine = Machine::new();
    for file in ["stat", "cmdline", "cgroup", "environ", "maps", "exe", "ns", "fd", "net"] {
        machine.start(&PLAIN);
        let path = machine.path(BASE).join(file);
        if Path::is_dir(&path) { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        let workloads = machine.workloads(&["all"]);
        assert_eq!(workloads.of(BASE).is_some(), !matches!(file, "stat" | "cmdline"), "{file}");
    }
    machine.start(&PLAIN);
    fs::write(machine.path(BASE).join("stat"), "5000000 (x").unwrap();
    assert!(machine.workloads(&["all"]).targets().is_empty());
    assert!(Proc::at(machine.0.path().join("nowhere")).is_err());
}

#[test]
fn this_machine_is_gone_through_quickly() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let target = format!("pid:{}", child.id()).parse().unwrap();
    let begun = Instant::now();
    let config = WorkloadConfig { targets: vec![target], ..WorkloadConfig::default() };
    let mut workloads = Workloads::new(config).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let sleep = workloads.of(child.id()).unwrap();
    assert_eq!((&*sleep.service, sleep.named_by, &*sleep.command), ("sleep", NamedBy::Executable, "sleep 60"));
    assert!(matches!(sleep.runtime, Runtime::Native | Runtime::Rust) && sleep.parent == std::process::id());
    assert_eq!(workloads.changes(), [Change::Watch(Arc::clone(&sleep))]);
    let own = crate::workload::identify(std::process::id()).unwrap();
    assert!(own.ports.contains(&listener.local_addr().unwrap().port()) && own.runtime == Runtime::Rust, "{own:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(crate::workload::identify(child.id()).is_err());
    workloads.ended(child.id());
    assert_eq!(workloads.changes(), [Change::Forget(child.id())]);
}

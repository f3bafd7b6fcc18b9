//! Who real processes are: servers that fork workers, interpreters and what they run, control groups.

#![expect(clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "who was found is worth reading where a test fails")]

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use throughline::config::WorkloadConfig;
use throughline::workload::names::NamedBy;
use throughline::workload::runtime::Runtime;
use throughline::workload::telemetry::Telemetry;
use throughline::workload::{Change, Identity, Workloads, identify};
use throughline_tests::binary::Binary;
use throughline_tests::eventually;
use throughline_tests::real::{program, python, skipped};
use throughline_tests::upstream::nobody;

/// What is found at this port once as many processes as this listen there.
async fn at(addr: SocketAddr, processes: usize) -> Workloads {
    let target = format!("port:{}", addr.port()).parse().expect("a selector");
    let config = WorkloadConfig { targets: vec![target], ..WorkloadConfig::default() };
    eventually("processes to listen", || {
        let workloads = Workloads::new(config.clone()).expect("there is /proc");
        Some(workloads).filter(|found| found.targets().len() == processes && TcpStream::connect(addr).is_ok())
    })
    .await
}

/// The targets, which have to be one service of this name.
fn siblings(workloads: &Workloads, service: &str, runtime: Runtime) -> Vec<Arc<Identity>> {
    let targets = workloads.targets();
    for target in &targets {
        println!(
            "{} {} {} by {:?}: {} {:?} leader {} {:?}",
            target.process.pid,
            target.service,
            target.epoch,
            target.named_by,
            target.command,
            target.ports,
            target.leader.pid,
            target.telemetry
        );
        assert_eq!((&*target.service, target.runtime), (service, runtime));
        assert!(target.is_sibling_of(&targets[0]) && target.epoch == targets[0].epoch);
    }
    targets
}

#[tokio::test(flavor = "multi_thread")]
async fn gunicorn_and_its_workers_are_one_service() {
    const TEST: &str = "gunicorn_and_its_workers_are_one_service";
    let Some(python) = python() else { return skipped(TEST, "no Python with the packages") };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = "def app(environ, start):\n    start('200 OK', [])\n    return []\n";
    std::fs::write(folder.path().join("shop.py"), script).expect("the folder is writable");
    let addr = nobody();
    let mut command = Command::new(python);
    command.args(["-m", "gunicorn", "--workers", "2", "--bind", &addr.to_string(), "shop:app"]);
    command.current_dir(folder.path());
    let gunicorn = Binary::of(command);
    let mut workloads = at(addr, 3).await;
    let family = siblings(&workloads, "shop", Runtime::Python);
    assert!(family.iter().all(|one| one.leader.pid == gunicorn.id() && one.named_by == NamedBy::Script));
    workloads.changes();

    // A worker that dies is replaced by another, and the service stays the same.
    let epoch = Arc::clone(&family[0].epoch);
    let worker = family.iter().find(|one| one.process.pid != gunicorn.id()).expect("a worker");
    Command::new("kill").args(["-KILL", &worker.process.pid.to_string()]).status().expect("kill runs");
    let new = eventually("another worker", || {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", gunicorn.id())).ok()?;
        let pids = children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok());
        pids.into_iter().find(|pid| family.iter().all(|one| one.process.pid != *pid))
    });
    let new = new.await;
    workloads.ended(worker.process.pid);
    workloads.forked(gunicorn.id(), new);
    let changes = workloads.changes();
    assert!(
        matches!(&changes[..], [Change::Forget(pid), Change::Watch(who)]
        if *pid == worker.process.pid && who.process.pid == new && who.epoch == epoch),
        "{changes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_and_its_workers_are_one_service() {
    let Some(nginx) = program("nginx") else { return skipped("nginx_and_its_workers_are_one_service", "no nginx") };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let addr = nobody();
    let root = folder.path().display();
    let settings = format!(
        "daemon off; worker_processes 2; pid {root}/pid; error_log stderr; events {{ worker_connections 64; }}
         http {{
           access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
           fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
           server {{ listen {addr}; }}
         }}"
    );
    std::fs::write(folder.path().join("nginx.conf"), settings).expect("the folder is writable");
    let mut command = Command::new(nginx);
    command.args(["-e", "stderr", "-p"]).arg(folder.path()).arg("-c").arg(folder.path().join("nginx.conf"));
    let nginx = Binary::of(command);
    let workloads = at(addr, 3).await;
    let family = siblings(&workloads, "nginx", Runtime::Nginx);
    assert!(family.iter().all(|one| one.leader.pid == nginx.id() && one.ports == [addr.port()]));
    assert!(family.iter().any(|one| one.command.starts_with("nginx: worker process")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_node_is_one_service() {
    let Some(node) = program("node") else { return skipped("a_cluster_of_node_is_one_service", "no node in PATH") };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = "const cluster = require('cluster');\n\
                  if (cluster.isPrimary) { cluster.fork(); cluster.fork(); }\n\
                  else require('http').createServer((q, a) => a.end()).listen(process.argv[2], '127.0.0.1');\n";
    std::fs::write(folder.path().join("cart.js"), script).expect("the folder is writable");
    let addr = nobody();
    let mut command = Command::new(node);
    command.arg(folder.path().join("cart.js")).arg(addr.port().to_string()).env("OTEL_SERVICE_NAME", "basket");
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let node = Binary::of(command);
    let workloads = at(addr, 3).await;
    let family = siblings(&workloads, "basket", Runtime::Node);
    assert!(family.iter().all(|one| one.leader.pid == node.id() && one.named_by == NamedBy::Environment));
    assert!(family.iter().all(|one| one.telemetry == Some(Telemetry::Environment)));
}

#[tokio::test(flavor = "multi_thread")]
async fn java_is_named_by_what_it_runs() {
    let Some(java) = program("java") else { return skipped("java_is_named_by_what_it_runs", "no java in PATH") };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = "import com.sun.net.httpserver.*; import java.net.*;\n\
                  public class Billing { public static void main(String[] words) throws Exception {\n\
                    HttpServer.create(new InetSocketAddress(\"127.0.0.1\", Integer.parseInt(words[0])), 0).start(); } }\n";
    std::fs::write(folder.path().join("Billing.java"), source).expect("the folder is writable");
    let addr = nobody();
    let mut command = Command::new(java);
    command.arg("-Xshare:auto").arg(folder.path().join("Billing.java")).arg(addr.port().to_string());
    let java = Binary::of(command);
    let workloads = at(addr, 1).await;
    let family = siblings(&workloads, "Billing", Runtime::Jvm);
    assert_eq!((family.len(), family[0].process.pid), (1, java.id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_in_python_is_seen() {
    let Some(python) = python() else { return skipped("an_agent_in_python_is_seen", "no Python with the packages") };
    let instrument = python.with_file_name("opentelemetry-instrument");
    if !instrument.exists() {
        return skipped("an_agent_in_python_is_seen", "no opentelemetry-instrument");
    }
    let addr = nobody();
    let mut command = Command::new(instrument);
    let port = addr.port().to_string();
    command.arg(&python).args(["-m", "http.server", "--bind", "127.0.0.1", &port]);
    command.env("OTEL_TRACES_EXPORTER", "none").env("OTEL_METRICS_EXPORTER", "none").env("OTEL_LOGS_EXPORTER", "none");
    let _server = Binary::of(command);
    let workloads = at(addr, 1).await;
    let family = siblings(&workloads, "http", Runtime::Python);
    assert_eq!(family[0].telemetry, Some(Telemetry::PythonInstrument), "it left its folder in PYTHONPATH");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_a_network_of_its_own_is_found_by_its_port() {
    const TEST: &str = "a_server_in_a_network_of_its_own_is_found_by_its_port";
    let Some(python) = python() else { return skipped(TEST, "no Python with the packages") };
    let may = Command::new("unshare").args(["--net", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        return skipped(TEST, "network namespaces may not be made");
    }
    let port = nobody().port();
    let mut command = Command::new("unshare");
    command.arg("--net").arg(python).args(["-m", "http.server", "--bind", "0.0.0.0", &port.to_string()]);
    let server = Binary::of(command);
    let target = format!("port:{port}").parse().expect("a selector");
    let config = WorkloadConfig { targets: vec![target], ..WorkloadConfig::default() };
    let found = eventually("the server to listen", || {
        let workloads = Workloads::new(config.clone()).expect("there is /proc");
        workloads.targets().pop()
    });
    let found = found.await;
    let own = identify(std::process::id()).expect("this process runs");
    assert_eq!((found.process.pid, &found.ports[..]), (server.id(), &[port][..]));
    assert!(found.network != own.network && found.network != 0);
}

/// As systemd makes them, in its own hierarchy (version 1) or the only one (version 2).
#[tokio::test(flavor = "multi_thread")]
async fn a_control_group_names_unit_and_container() {
    const TEST: &str = "a_control_group_names_unit_and_container";
    let roots = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    let mounted = roots.iter().map(Path::new).find(|root| root.join("cgroup.procs").exists());
    let Some(root) = mounted else { return skipped(TEST, "no control groups") };
    let id = "8c1e5f6b2d3a4958b7c6d5e4f3a2b1c0".repeat(2);
    let own = format!("throughline-test-{}", std::process::id());
    let rows = [
        (format!("{own}/system.slice/shop.service"), Some("shop.service"), None),
        (format!("{own}/docker/{id}"), None, Some(id.as_str())),
        (format!("{own}/machine.slice/libpod-{id}.scope/container"), None, Some(id.as_str())),
    ];
    for (path, unit, container) in rows {
        let group = root.join(&path);
        if std::fs::create_dir_all(&group).is_err() {
            return skipped(TEST, "control groups may not be made");
        }
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep runs");
        let joined = std::fs::write(group.join("cgroup.procs"), child.id().to_string());
        let who = identify(child.id());
        child.kill().and_then(|()| child.wait()).expect("it can be ended");
        remove(root, &path);
        if joined.is_err() {
            return skipped(TEST, "control groups may not be joined");
        }
        let who = who.expect("it runs");
        assert!(who.cgroup.ends_with(&path), "{who:?}");
        assert_eq!(who.unit.as_deref(), unit, "{path}");
        assert_eq!(who.container.as_ref().map(|container| &*container.id), container, "{path}");
    }
}

/// Folders of control groups go one by one, from below.
fn remove(root: &Path, path: &str) {
    let mut path = Path::new(path);
    while !path.as_os_str().is_empty() {
        // One that is still in use is left to the next run.
        let _ = std::fs::remove_dir(root.join(path));
        let Some(parent) = path.parent() else { return };
        path = parent;
    }
}

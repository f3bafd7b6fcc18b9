//! nginx with one worker, which answers at once.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use throughline_tests::real::program;

use crate::machine::{self, Cores};
use crate::upstream::BODY;

/// For it to listen.
const START: Duration = Duration::from_secs(20);

/// A running nginx.
pub(crate) struct Nginx {
    master: Child,
    worker: u32,
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// Starts it on the core that proxies are measured on.
    ///
    /// # Errors
    /// There is none, or it does not listen.
    pub(crate) fn start(cores: Option<Cores>) -> anyhow::Result<Self> {
        let nginx = program("nginx").context("no nginx; `apt-get install nginx` brings it")?;
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let at = folder.path().display();
        let body = String::from_utf8_lossy(BODY);
        let configuration = format!(
            "daemon off;\nuser root;\nworker_processes 1;\npid {at}/pid;\nerror_log stderr warn;\n\
             worker_rlimit_nofile 32768;\nevents {{ worker_connections 16384; }}\n\
             http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;\n\
             client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;\n\
             uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n\
             server {{ listen {address} backlog=4096; location / {{ return 200 '{body}'; }} }} }}\n"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration)?;
        let mut command = match cores {
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &cores.proxy.to_string()]).arg(nginx);
                command
            }
            None => Command::new(nginx),
        };
        command.args(["-e", "stderr", "-p"]).arg(folder.path()).arg("-c").arg(&file).stdin(Stdio::null());
        let mut master = command.spawn().context("nginx does not start")?;
        let worker = match listens(address).and_then(|()| worker_of(master.id())) {
            Ok(worker) => worker,
            Err(error) => {
                let _ = master.kill();
                let _ = master.wait();
                return Err(error);
            }
        };
        Ok(Self { master, worker, address, _folder: folder })
    }

    /// CPU time of its worker so far.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn cpu_nanoseconds(&self) -> anyhow::Result<u64> {
        machine::cpu_nanoseconds(self.worker)
    }
}

/// Told to end, so that its worker ends too.
impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "TERM", &self.master.id().to_string()]).status();
        let _ = self.master.wait();
    }
}

fn listens(address: SocketAddr) -> anyhow::Result<()> {
    let deadline = Instant::now() + START;
    while let Err(error) = TcpStream::connect(address) {
        anyhow::ensure!(Instant::now() < deadline, "nginx does not listen on {address}: {error}");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn worker_of(master: u32) -> anyhow::Result<u32> {
    let children = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children"))?;
    children.split_whitespace().next().context("nginx has no worker")?.parse().context("no number")
}

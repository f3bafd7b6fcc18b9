//! Processes, the real `throughline` binary above all: started with a clean environment, watched, signalled, measured.

use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::wait::{DEADLINE, eventually, eventually_within};

/// A process. It is killed when it is dropped.
#[derive(Debug)]
pub struct Binary {
    child: Child,
    stdout: Stream,
    stderr: Stream,
}

/// What a process left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
}

#[derive(Debug)]
struct Stream {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Binary {
    /// Starts `throughline` with these arguments and no `OTEL_*` or `THROUGHLINE_*` variable.
    pub fn start(args: &[&str]) -> Self {
        Self::with_env(args, &[])
    }

    /// The same with these variables.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn with_env(args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::of(command(Command::new(path()), args, env))
    }

    /// The same by way of another program, whose words come first and which then becomes it (`exec`).
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn within(wrapper: &[&str], args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut outer = Command::new(wrapper[0]);
        outer.args(&wrapper[1..]).arg(path());
        Self::of(command(outer, args, env))
    }

    /// The same with a standard output that nobody reads.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn unread(args: &[&str]) -> Self {
        let mut child = spawn(command(Command::new(path()), args, &[]));
        let stderr = Stream::of(child.stderr.take().expect("stderr is piped"));
        Self { child, stdout: Stream::of(std::io::empty()), stderr }
    }

    /// Starts any program.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn of(command: Command) -> Self {
        let mut child = spawn(command);
        let stdout = Stream::of(child.stdout.take().expect("stdout is piped"));
        let stderr = Stream::of(child.stderr.take().expect("stderr is piped"));
        Self { child, stdout, stderr }
    }

    /// The address of the proxy, once it is printed.
    ///
    /// # Panics
    /// When it is not.
    pub async fn proxy(&mut self) -> SocketAddr {
        self.listening("proxy").await
    }

    /// The address of the proxy before this service, once it is printed; the last one that was.
    ///
    /// # Panics
    /// When it is not.
    pub async fn proxy_of(&mut self, service: &str) -> SocketAddr {
        self.listening(&format!("service {service:?}")).await
    }

    /// The address of the admin port, once it is printed.
    ///
    /// # Panics
    /// When it is not.
    pub async fn admin(&mut self) -> SocketAddr {
        self.listening("admin").await
    }

    /// Everything on standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Everything on standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, for example `TERM`.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, name: &str) {
        let signal: Signal = format!("SIG{name}").parse().expect("a signal's name");
        let sent = kill(Pid::from_raw(self.child.id().cast_signed()), signal);
        assert_eq!(sent, Ok(()), "process {} takes SIG{name}", self.child.id());
    }

    /// The most memory it has ever held, in bytes (`VmHWM`).
    ///
    /// # Panics
    /// When the process is gone.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process lives");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM is there");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
    }

    /// Whether it still runs.
    ///
    /// # Panics
    /// When the system does not know.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the process can be asked").is_none()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn finished(self) -> Finished {
        self.finished_within(DEADLINE).await
    }

    /// The same for a process that takes long by design.
    ///
    /// # Panics
    /// When it does not end within `limit`.
    pub async fn finished_within(mut self, limit: Duration) -> Finished {
        let check = || self.child.try_wait().expect("it can be asked");
        let status = eventually_within(limit, "the process to end", check).await;
        Finished { status, stdout: self.stdout.end(), stderr: self.stderr.end() }
    }

    async fn listening(&mut self, what: &str) -> SocketAddr {
        eventually(&format!("the binary to say where its {what} listens"), || {
            let text = self.stderr.text();
            let found =
                text.lines().rev().filter(|line| line.contains("listening") && line.contains(what)).find_map(address);
            let ended = found.is_none() && !self.is_running();
            assert!(!ended, "the binary ended before its {what} listened: {}", self.stderr.text());
            found
        })
        .await
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        // With all it started: the workers of a server outlive a master that is killed. One that has been waited for may
        // have left its number to another.
        if matches!(self.child.try_wait(), Ok(None)) {
            let group = Pid::from_raw(self.child.id().cast_signed());
            let _ = killpg(group, Signal::SIGKILL);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Stream {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(len @ 1..) = pipe.read(&mut buffer) {
                shared.lock().unwrap().extend_from_slice(&buffer[..len]);
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    fn end(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends with its pipe");
        }
        self.text()
    }
}

/// The command with these arguments and variables, and none of the caller's that would change it.
fn command(mut command: Command, args: &[&str], env: &[(&str, &str)]) -> Command {
    for (name, _) in std::env::vars_os() {
        let own = name.to_string_lossy();
        if own.starts_with("OTEL_") || own.starts_with("THROUGHLINE_") || own.to_lowercase().ends_with("_proxy") {
            command.env_remove(&name);
        }
    }
    command.args(args).envs(env.iter().copied());
    command
}

fn spawn(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0);
    command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}

/// The sum of one metric over all its labels, as the admin port tells it.
///
/// # Panics
/// When there is no such metric.
pub async fn metric(admin: SocketAddr, name: &str) -> u64 {
    let text = crate::client::ask(admin, &crate::client::get("/metrics", &[])).await.text();
    let values: Vec<u64> = text
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])))
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect();
    assert!(!values.is_empty(), "there is no metric {name} in {text}");
    values.iter().sum()
}

/// Runs `throughline` to its end.
pub async fn run(args: &[&str], env: &[(&str, &str)]) -> Finished {
    Binary::with_env(args, env).finished().await
}

/// The first `ADDRESS:PORT` of a line.
fn address(line: &str) -> Option<SocketAddr> {
    let words = line.split(|c: char| c.is_whitespace() || matches!(c, '"' | ',' | '=' | '/'));
    words.filter_map(|word| word.trim_end_matches(['.', ';', ')']).parse().ok()).next()
}

/// Where the binary lies. `THROUGHLINE_BIN` names it; otherwise it is brought up to date first, with the features of
/// the whole workspace, because those are the ones that the suites were built with.
///
/// # Panics
/// When it does not build.
pub fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = std::env::var_os("THROUGHLINE_BIN") {
            return PathBuf::from(path);
        }
        let own = std::env::current_exe().expect("a running test has a file");
        let folder = own.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps/TEST").to_owned();
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--workspace", "--bins"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo is there").success(), "the binary builds");
        folder.join("throughline")
    })
}

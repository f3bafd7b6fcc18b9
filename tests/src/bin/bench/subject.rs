//! A proxy under measurement: a process of its own, pinned to its core, ended when dropped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::machine::{self, Cores};

/// For a proxy to answer its first connection.
const START: Duration = Duration::from_secs(20);
/// Places in the agent's export queue. At the full speed of one core a queue of the default size would fill while
/// the exporter waits for its turn on that core, and requests would go unrecorded.
pub(crate) const QUEUE: &str = "4096";

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The yardstick.
    Bare,
    /// The agent.
    Agent,
    /// The agent, while it feeds a report: it writes a recording.
    Observing,
}

/// What every subject meets.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) upstream: SocketAddr,
    pub(crate) collector: SocketAddr,
    pub(crate) cores: Option<Cores>,
    /// Whether the agent admits as many traces as by default, instead of all.
    pub(crate) admission: bool,
    /// Programs of the same profile.
    pub(crate) bare: PathBuf,
    pub(crate) agent: PathBuf,
}

/// A running proxy.
pub(crate) struct Subject {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    admin: Option<SocketAddr>,
    /// Where it writes, if it does.
    _folder: Option<tempfile::TempDir>,
}

/// A running proxy that counts its allocations.
pub(crate) struct Counted {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// What became of spans, by the agent's own metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SpanNumbers {
    pub(crate) started: u64,
    pub(crate) in_flight: u64,
    pub(crate) lost: u64,
}

impl Stage {
    /// Programs beside this one, or the agent that `THROUGHLINE_BIN` names.
    pub(crate) fn new(upstream: SocketAddr, collector: SocketAddr, cores: Option<Cores>) -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let beside = |name: &str| own.with_file_name(name);
        let agent = std::env::var_os("THROUGHLINE_BIN").map_or_else(|| beside("throughline"), PathBuf::from);
        Ok(Self { upstream, collector, cores, admission: false, bare: beside("bare_pingora"), agent })
    }

    fn command(&self, program: &PathBuf) -> anyhow::Result<Command> {
        anyhow::ensure!(program.exists(), "{} is missing; `cargo xtask bench` builds it", program.display());
        let mut command = match self.cores {
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &cores.proxy.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.env_clear().stdin(Stdio::null());
        Ok(command)
    }
}

impl Subject {
    /// Starts a proxy with one thread before the stage's upstream, and waits until it listens.
    ///
    /// # Errors
    /// It does not start; its messages are on standard error.
    pub(crate) fn start(kind: Kind, stage: &Stage) -> anyhow::Result<Self> {
        match kind {
            Kind::Bare => {
                let address = free_address()?;
                let mut command = stage.command(&stage.bare)?;
                command.args([address.to_string(), stage.upstream.to_string()]);
                let subject = Self { child: command.spawn()?, address, admin: None, _folder: None };
                listens(address)?;
                Ok(subject)
            }
            Kind::Agent => start_agent(stage, None),
            Kind::Observing => start_agent(stage, Some(tempfile::tempdir()?)),
        }
    }

    /// CPU time so far, in nanoseconds.
    pub(crate) fn cpu_nanoseconds(&self) -> anyhow::Result<u64> {
        machine::cpu_nanoseconds(self.child.id())
    }

    /// CPU time of the threads that serve requests so far, in nanoseconds.
    pub(crate) fn serving_nanoseconds(&self) -> anyhow::Result<u64> {
        machine::cpu_nanoseconds_of(self.child.id(), |name| name.starts_with("proxy-"))
    }

    /// Resident memory now, in kibibytes.
    pub(crate) fn rss_kib(&self) -> anyhow::Result<u64> {
        machine::rss_kib(self.child.id())
    }

    /// Waits until no span is in flight.
    ///
    /// # Errors
    /// When that takes unreasonably long.
    pub(crate) async fn flushed(&self) -> anyhow::Result<SpanNumbers> {
        let deadline = Instant::now() + START;
        loop {
            // The collector lives on this runtime; it must go on while the agent waits for it.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let admin = self.admin.context("no admin address")?;
            let numbers = tokio::task::spawn_blocking(move || span_numbers(admin)).await??;
            if numbers.in_flight == 0 {
                return Ok(numbers);
            }
            anyhow::ensure!(Instant::now() < deadline, "spans stay in flight: {numbers:?}");
        }
    }
}

impl Counted {
    /// Starts this program once more as a proxy of `kind` that counts.
    pub(crate) fn start(kind: Kind, stage: &Stage) -> anyhow::Result<Self> {
        let listen = free_address()?;
        let name = match kind {
            Kind::Bare => "bare",
            Kind::Agent => "agent",
            Kind::Observing => "observing",
        };
        let mut command = stage.command(&std::env::current_exe()?)?;
        let addresses = [listen, stage.upstream, stage.collector].map(|address| address.to_string());
        command.arg(crate::counted::FLAG).arg(name).args(addresses);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (ask, answers) = (child.stdin.take().context("no stdin")?, child.stdout.take().context("no stdout")?);
        let counted = Self { child, ask, answers: BufReader::new(answers), address: listen };
        listens(listen)?;
        Ok(counted)
    }

    /// Calls of the allocator so far: allocations and reallocations.
    pub(crate) fn allocations(&mut self) -> anyhow::Result<u64> {
        writeln!(self.ask)?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.trim().parse().with_context(|| format!("the counting proxy answered {line:?}"))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn start_agent(stage: &Stage, folder: Option<tempfile::TempDir>) -> anyhow::Result<Subject> {
    let mut command = stage.command(&stage.agent)?;
    command.args(["proxy", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--threads", "1"]);
    if !stage.admission {
        command.arg("--no-admission");
    }
    command.args(["--upstream", &format!("http://{}", stage.upstream), "--service", "shop"]);
    if let Some(folder) = &folder {
        command.arg("--observe").arg(folder.path().join("recording"));
    }
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", stage.collector));
    command.env("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE);
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("no stderr")?);
    let mut listening = |what: &str| {
        let start = format!("throughline: {what} listening on ");
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                bail!("the agent did not start: {said}");
            }
            if let Some(rest) = line.strip_prefix(&start) {
                let address = rest.split([',', '\n']).next().unwrap_or_default();
                return address.parse::<SocketAddr>().with_context(|| format!("{address:?} is no address"));
            }
            said.push_str(&line);
        }
    };
    let addresses = listening("proxy").and_then(|address| Ok((address, listening("admin")?)));
    let (address, admin) = match addresses {
        Ok(addresses) => addresses,
        Err(error) => {
            end(&mut child);
            return Err(error);
        }
    };
    // What the agent still says is shown, so that nothing that went wrong is hidden.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::stderr()));
    Ok(Subject { child, address, admin: Some(admin), _folder: folder })
}

fn span_numbers(admin: SocketAddr) -> anyhow::Result<SpanNumbers> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(START))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let sum = |name: &str| {
        let values = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum::<u64>()
    };
    Ok(SpanNumbers {
        started: sum("throughline_spans_started_total"),
        in_flight: sum("throughline_spans_in_flight"),
        lost: sum("throughline_spans_dropped_total") + sum("throughline_spans_rejected_total"),
    })
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn listens(address: SocketAddr) -> anyhow::Result<()> {
    let deadline = Instant::now() + START;
    while let Err(error) = TcpStream::connect(address) {
        if Instant::now() > deadline {
            return Err(error).with_context(|| format!("no proxy listens on {address}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

//! An agent that watches services: as root, or as a user with nothing but the capabilities it says it needs.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::{self, Binary, Finished};
use crate::client::{ask, get};
use crate::real::program;
use crate::wait::{DEADLINE, eventually, eventually_within};

/// Attaching takes less than a second; on an emulated processor, much longer.
const ATTACHING: Duration = Duration::from_secs(120);
/// At its end an agent judges what it has not judged yet; after a flood that takes a while, without optimisation.
const STOPPING: Duration = Duration::from_secs(120);
/// The user that owns nothing.
const NOBODY: &str = "65534";

/// What an agent may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Everything this process may.
    Own,
    /// Another user's processes are out of its sight: CAP_BPF and CAP_PERFMON, and services of the same user.
    Named,
}

/// What is watched, and how.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// Services by the port that they listen at, and their names.
    pub services: Vec<(SocketAddr, String)>,
    /// Processes, by their number.
    pub processes: Vec<u32>,
    /// More processes, as the configuration describes them.
    pub described: Vec<String>,
    /// More lines of the section `probe`, indented by two.
    pub settings: String,
    /// Whether no recording is written.
    pub unrecorded: bool,
}

/// An agent with its probe attached.
#[derive(Debug)]
pub struct Watching {
    agent: Binary,
    admin: SocketAddr,
    /// Its recording.
    recording: PathBuf,
    attached_after: Duration,
    _folder: tempfile::TempDir,
}

/// Why there is no such agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl Privilege {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "as root",
            Self::Named => "with CAP_BPF and CAP_PERFMON",
        }
    }

    /// The words that start the agent with it.
    fn agent(self) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Own => &[],
            Self::Named => {
                &["--inh-caps", CAPABILITIES, "--ambient-caps", CAPABILITIES, "--bounding-set", CAPABILITIES]
            }
        };
        self.user(words)
    }

    /// The words that start a service it can see.
    #[must_use]
    pub fn service(self) -> Vec<String> {
        self.user(&["--inh-caps", "-all", "--bounding-set", "-all"])
    }

    fn user(self, capabilities: &[&str]) -> Vec<String> {
        if self == Self::Own {
            return Vec::new();
        }
        let setpriv = program("setpriv").map_or_else(|| "setpriv".to_owned(), |file| file.display().to_string());
        let words = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
        let all = words.iter().chain(capabilities).map(|word| (*word).to_owned());
        std::iter::once(setpriv).chain(all).collect()
    }

    /// A command for a service under this privilege.
    #[must_use]
    pub fn command(self, words: &[String]) -> Command {
        let all: Vec<String> = self.service().into_iter().chain(words.iter().cloned()).collect();
        let mut command = Command::new(&all[0]);
        command.args(&all[1..]);
        command
    }

    /// Why it cannot be tried on this machine.
    #[must_use]
    pub fn lacking(self) -> Option<String> {
        if !cfg!(target_os = "linux") {
            return Some("not Linux".to_owned());
        }
        let root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        if !root {
            return Some("not root".to_owned());
        }
        if self == Self::Named {
            let tried = Command::new(&self.agent()[0]).args(&self.agent()[1..]).arg("true").output();
            let Ok(output) = tried else { return Some("no setpriv".to_owned()) };
            if !output.status.success() {
                return Some(format!("setpriv: {}", String::from_utf8_lossy(&output.stderr).trim()));
            }
        }
        None
    }
}

const CAPABILITIES: &str = "-all,+bpf,+perfmon";

impl Watching {
    /// Starts an agent and waits until its probe is attached and watches.
    ///
    /// # Errors
    /// The kernel, or whoever guards it, does not let it; the agent said why.
    ///
    /// # Panics
    /// When it fails otherwise.
    pub async fn start(privilege: Privilege, watch: &Watch) -> Result<Self, Refused> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        open_to_all(folder.path());
        let (file, recording) = (folder.path().join("agent.yaml"), folder.path().join("recording.ndjson"));
        std::fs::write(&file, watch.configuration(&recording)).expect("the folder is writable");
        let (words, file) = (privilege.agent(), file.display().to_string());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let arguments = ["agent", "--config", &file];
        let began = Instant::now();
        let mut agent =
            if words.is_empty() { Binary::start(&arguments) } else { Binary::within(&words, &arguments, &[]) };
        let said = eventually_within(ATTACHING, "the probe to attach, or the agent to say why not", || {
            let text = agent.stderr();
            let tells = ["probe attached", "probe: ", "the probe does not run"];
            let line = text.lines().find(|line| tells.iter().any(|words| line.contains(words)));
            let ended = line.is_none() && !agent.is_running();
            assert!(!ended, "the agent ended: {text}");
            line.map(str::to_owned)
        })
        .await;
        let attached_after = began.elapsed();
        if !said.contains("probe attached") {
            return Err(Refused(said));
        }
        let admin = agent.admin().await;
        let watching = Self { agent, admin, recording, attached_after, _folder: folder };
        watching.sees(watch.services.len() + watch.processes.len() + watch.described.len()).await;
        Ok(watching)
    }

    /// Waits until this many processes are watched.
    async fn sees(&self, processes: usize) {
        let end = tokio::time::Instant::now() + DEADLINE;
        loop {
            let watched = self.metric("throughline_probe_targets").await;
            if watched >= processes as u64 {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "{watched} of {processes} are watched: {}", self.agent.stderr());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The sum of one metric over its labels; 0 where there is none.
    pub async fn metric(&self, name: &str) -> u64 {
        self.labelled(name, "").await
    }

    /// The sum of one metric's lines that hold `label`; 0 where there is none.
    pub async fn labelled(&self, name: &str, label: &str) -> u64 {
        let text = self.metrics().await;
        let lines = text.lines().filter(|line| {
            line.contains(label) && line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']))
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
    }

    /// All metrics, as text.
    pub async fn metrics(&self) -> String {
        ask(self.admin, &get("/metrics", &[])).await.text()
    }

    /// The report on everything observed so far, by `throughline report`: the agent's own page leaves out the last half
    /// minute, of which more may come.
    ///
    /// # Panics
    /// When there is none.
    pub async fn report(&self) -> Value {
        let finished = binary::run(&["report", &format!("http://{}", self.admin), "-o", "json"], &[]).await;
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
    }

    /// How long it took from its start until the probe was attached.
    #[must_use]
    pub const fn attached_after(&self) -> Duration {
        self.attached_after
    }

    /// The process.
    pub fn process(&mut self) -> &mut Binary {
        &mut self.agent
    }

    /// Ends it, and gives what it had recorded: one observation a line, without the first.
    ///
    /// # Panics
    /// When it does not end well.
    pub async fn stop(self) -> (Finished, Vec<Value>) {
        self.agent.signal("TERM");
        let finished = self.agent.finished_within(STOPPING).await;
        assert!(finished.status.success(), "{finished:?}");
        let text = std::fs::read_to_string(&self.recording).unwrap_or_default();
        if let Some(folder) = std::env::var_os("THROUGHLINE_TEST_KEEP") {
            let _ = std::fs::write(Path::new(&folder).join("recording.ndjson"), &text);
        }
        (finished, text.lines().skip(1).filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}

impl Watch {
    fn configuration(&self, recording: &Path) -> String {
        let mut text = "file_format: \"1\"\nprobe:\n  enabled: auto\n  targets:\n".to_owned();
        for (address, _) in &self.services {
            let _ = writeln!(text, "    - port:{}", address.port());
        }
        for process in &self.processes {
            let _ = writeln!(text, "    - pid:{process}");
        }
        for described in &self.described {
            let _ = writeln!(text, "    - \"{described}\"");
        }
        if !self.services.is_empty() {
            text.push_str("  names:\n");
        }
        for (address, name) in &self.services {
            let _ = writeln!(text, "    - when: port:{}\n      name: {name}", address.port());
        }
        let _ = write!(text, "{}export:\n  to: none\nadmin:\n  listen: 127.0.0.1:0\n", self.settings);
        if !self.unrecorded {
            let _ = writeln!(text, "observe:\n  file: {}", recording.display());
        }
        text
    }
}

/// Lets every user write there.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777));
}

/// The program of a service of this workspace.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn beside_agent(name: &str) -> String {
    let file = binary::path().with_file_name(name);
    assert!(file.exists(), "{} is missing; `cargo build --workspace --bins` makes it", file.display());
    file.display().to_string()
}

/// Waits for a process to write where it listens.
pub async fn until_listening(process: &mut Binary) -> SocketAddr {
    eventually("a service to say where it listens", || {
        let found = process.stdout().lines().find_map(|line| line.strip_prefix("listening on ")?.parse().ok());
        let ended = found.is_none() && !process.is_running();
        assert!(!ended, "it ended: {}", process.stderr());
        found
    })
    .await
}

//! The demonstration's processes: started, listened to, and ended by handle on every way out.
//!
//! Three things end a child: its stdin is closed (services and proxies watch it, so even a killed demonstration leaves
//! nothing running), it is killed by handle, or [`Drop`] does that during a panic. No process is ever sought by name.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Error, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::DemoError;

/// For a process to say where it listens, on a loaded machine.
const START: Duration = Duration::from_secs(20);
/// For a process to finish by itself once its stdin is closed: a proxy drains and flushes.
const FINISH: Duration = Duration::from_secs(10);
/// How often an ending process is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Processes in the order they were started.
#[derive(Default)]
pub(super) struct Children(Vec<Child>);

struct Child {
    name: String,
    process: std::process::Child,
}

/// A process to start.
pub(super) struct Process<'a> {
    /// How it is called in messages.
    pub(super) name: &'a str,
    pub(super) executable: &'a Path,
    pub(super) arguments: &'a [String],
    /// Its whole environment.
    pub(super) variables: &'a [(&'a str, String)],
    /// Where what it prints on stderr is kept.
    pub(super) log: &'a Path,
    /// Addresses it may name without listening there.
    pub(super) known: &'a [SocketAddr],
    /// How many addresses it will listen on.
    pub(super) listeners: usize,
}

impl Children {
    /// Starts it and waits until it has printed on stderr where it listens; gives the addresses in their order.
    pub(super) async fn start(&mut self, process: &Process<'_>) -> Result<Vec<SocketAddr>, DemoError> {
        let Process { name, executable, arguments, variables, log, known, listeners } = *process;
        let cannot = |cause| DemoError::Start { what: name.to_owned(), cause };
        let log = File::create(log).map_err(cannot)?;
        let mut process = Command::new(executable)
            .args(arguments)
            .env_clear()
            .envs(variables.iter().map(|(key, value)| (*key, value.as_str())))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C reaches the demonstration alone, which then ends its children in order.
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        let stderr = process.stderr.take();
        self.0.push(Child { name: name.to_owned(), process });

        let (announce, announced) = oneshot::channel();
        let known = known.to_vec();
        std::thread::spawn(move || watch(stderr, log, &known, listeners, announce));
        match tokio::time::timeout(START, announced).await {
            Ok(Ok(Ok(addresses))) => Ok(addresses),
            Ok(Ok(Err(last))) => Err(cannot(Error::other(format!("it ended at once; its last words: {last}")))),
            Ok(Err(_)) => Err(cannot(Error::other("it ended at once"))),
            Err(_) => Err(cannot(Error::new(ErrorKind::TimedOut, "it did not say where it listens"))),
        }
    }

    /// Writes a line to a process's stdin.
    pub(super) fn tell(&mut self, name: &str, line: &str) -> Result<(), DemoError> {
        let stdin = self.0.iter_mut().find(|child| child.name == name).and_then(|child| child.process.stdin.as_mut());
        let Some(stdin) = stdin else { return Ok(()) };
        writeln!(stdin, "{line}").map_err(|cause| DemoError::Start { what: name.to_owned(), cause })
    }

    /// The id of a process.
    pub(super) fn id(&self, name: &str) -> Option<u32> {
        self.0.iter().find(|child| child.name == name).map(|child| child.process.id())
    }

    /// Ends one process without notice, as a crash would.
    pub(super) fn kill(&mut self, name: &str) {
        self.0.retain(|child| child.name != name);
    }

    /// Asks these processes to end and waits until they have. Returns those that had to be killed.
    pub(super) async fn finish(&mut self, chosen: impl Fn(&str) -> bool) -> Vec<String> {
        let mut ending: Vec<Child> = self.0.extract_if(.., |child| chosen(&child.name)).collect();
        for child in &mut ending {
            drop(child.process.stdin.take());
        }
        let deadline = Instant::now() + FINISH;
        while Instant::now() < deadline {
            ending.retain_mut(|child| !matches!(child.process.try_wait(), Ok(Some(_))));
            if ending.is_empty() {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        ending.iter().map(|child| child.name.clone()).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Copies stderr to the log; sends the addresses once there are enough, or the last line where there are not.
fn watch(
    stderr: Option<std::process::ChildStderr>,
    mut log: File,
    known: &[SocketAddr],
    listeners: usize,
    announce: oneshot::Sender<Result<Vec<SocketAddr>, String>>,
) {
    let mut announce = Some(announce);
    let mut found = Vec::new();
    let mut last = String::new();
    for line in stderr.into_iter().flat_map(|pipe| BufReader::new(pipe).lines()).map_while(Result::ok) {
        let _ = writeln!(log, "{line}");
        found.extend(addresses(&line).into_iter().find(|addr| addr.port() != 0 && !known.contains(addr)));
        if found.len() == listeners {
            announce.take().map(|announce| announce.send(Ok(found.clone())));
        }
        last = line;
    }
    announce.take().map(|announce| announce.send(Err(last)));
}

/// Every socket address in a line, in words, in URLs and after `=`.
fn addresses(line: &str) -> Vec<SocketAddr> {
    line.split(|c: char| c.is_whitespace() || matches!(c, '=' | '/' | ',' | ';' | '"' | '(' | ')'))
        .filter_map(|word| word.trim_end_matches('.').parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn addresses_are_found() {
        for (line, expected, reason) in [
            ("127.0.0.1:80", &["127.0.0.1:80"][..], "alone"),
            ("proxy: listening on 127.0.0.1:80", &["127.0.0.1:80"], "in a sentence"),
            (
                "addr=127.0.0.1:80, upstream=\"http://127.0.0.1:81/\"",
                &["127.0.0.1:80", "127.0.0.1:81"],
                "fields and URLs",
            ),
            ("listening on [::1]:80.", &["[::1]:80"], "IPv6 and a full stop"),
            ("port 80 of 127.0.0.1", &[], "no socket address"),
        ] {
            let found: Vec<String> = addresses(line).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{reason}");
        }
    }
}

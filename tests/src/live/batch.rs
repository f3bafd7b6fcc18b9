//! Running cells: services, an agent that watches them all, a load for each at the same time, and the judgement.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::agent::{Privilege, Refused, Watch, Watching, beside_agent, until_listening};
use super::cell::{Cell, Server};
use super::drive::{Driven, Load, drive, plan};
use super::judge::{Outcome, header, judge, recall};
use crate::binary::Binary;
use crate::random::Random;
use crate::real::{program, python, real_script, skipped};
use crate::wait::DEADLINE;

/// Cells that run at the same time, under one agent.
#[derive(Debug, Clone)]
pub struct Batch {
    /// They.
    pub cells: Vec<Cell>,
    /// What the agent may do.
    pub privilege: Privilege,
    /// What each of them is sent.
    pub load: Load,
}

/// The name of the service that all call.
pub const STOCK: &str = "stock";

/// Runs batches one after the other, prints a line for each cell, and says what was wrong or missed. What is missed may be
/// chance: noise at the times of the marked requests, or a process that was given too few to show how it works. Such cells
/// are run once more, and fail when they miss it again; what is wrong fails at once. What this machine does not permit is
/// said to be skipped.
///
/// # Errors
/// What was wrong, and what was missed.
#[expect(clippy::print_stdout, reason = "the table is for whoever reads the output")]
pub async fn shown(test: &str, privilege: Privilege, batches: Vec<Batch>) -> Result<(), String> {
    if let Some(reason) = privilege.lacking() {
        skipped(test, &reason);
        return Ok(());
    }
    let mut random = Random::for_suite(test);
    println!("| {}, {}", header(), privilege.name());
    let (mut wrong, mut missed) = (Vec::new(), Vec::new());
    let mut left: VecDeque<(Batch, bool)> = batches.into_iter().map(|batch| (batch, false)).collect();
    while let Some((batch, is_again)) = left.pop_front() {
        match batch.run(&mut random).await {
            Ok(outcomes) => {
                let mut again = Vec::new();
                for outcome in outcomes {
                    println!("| {}{}", outcome.line, if is_again { "  again" } else { "" });
                    wrong.extend(outcome.wrong);
                    match outcome.missed {
                        Some(_) if !is_again => again.push(outcome.cell),
                        Some(what) => missed.push(format!("{}: {what}", outcome.cell.name())),
                        None => {}
                    }
                }
                if !again.is_empty() {
                    left.push_back((Batch { cells: again, ..batch }, true));
                }
            }
            Err(Refused(reason)) if std::env::var_os("THROUGHLINE_TEST_LIVE").is_none() => {
                skipped(test, &reason);
                return Ok(());
            }
            Err(Refused(reason)) => return Err(reason),
        }
    }
    if wrong.is_empty() && missed.is_empty() {
        return Ok(());
    }
    Err(format!("wrong: {wrong:#?}\nmissed: {missed:#?}"))
}

impl Batch {
    /// Runs them.
    ///
    /// # Errors
    /// The probe was refused.
    ///
    /// # Panics
    /// When a service does not start.
    pub async fn run(&self, random: &mut Random) -> Result<Vec<Outcome>, Refused> {
        let (_stock, stock) = self.own(&["--model", "threads"]).await;
        let (mut processes, mut addresses) = (Vec::new(), Vec::new());
        for cell in &self.cells {
            let (process, address) = self.service(cell, stock).await;
            processes.push(process);
            addresses.push(address);
        }
        let names = self.cells.iter().map(Cell::name);
        let mut services: Vec<(SocketAddr, String)> = addresses.iter().copied().zip(names).collect();
        services.push((stock, STOCK.to_owned()));
        let watching = Watching::start(self.privilege, &Watch { services, ..Watch::default() }).await?;
        let mut loads = Vec::new();
        for address in addresses {
            loads.push(tokio::spawn(drive(address, plan(random, self.load))));
        }
        let mut driven = Vec::new();
        for load in loads {
            driven.push(load.await.expect("a load ends"));
        }
        let report = self.settled(&watching).await;
        if std::env::var_os("THROUGHLINE_TEST_KEEP").is_some() {
            self.keep(&report, &driven);
        }
        let (_, recording) = watching.stop().await;
        let each = self.cells.iter().zip(&driven);
        Ok(each.map(|(cell, driven)| judge(cell, &report, driven, recall(&recording, &cell.name(), driven))).collect())
    }

    /// A service of this workspace.
    async fn own(&self, words: &[&str]) -> (Binary, SocketAddr) {
        let mut all = vec![beside_agent("live_service")];
        all.extend(words.iter().map(|word| (*word).to_owned()));
        let mut process = Binary::of(self.privilege.command(&all));
        let address = until_listening(&mut process).await;
        (process, address)
    }

    async fn service(&self, cell: &Cell, stock: SocketAddr) -> (Binary, SocketAddr) {
        let (own, url) = (format!("{stock}/stock"), format!("http://{stock}/stock"));
        let script = match cell.server {
            Server::Own(_) => {
                let options = cell.mode.options();
                let mut words = vec!["--model", cell.server.name(), "--calls", &own];
                words.extend(options.iter().map(String::as_str));
                return self.own(&words).await;
            }
            Server::Flask => "calls/flask_service.py",
            Server::Gunicorn => "calls/gunicorn_service.py",
            Server::Aiohttp => "calls/aiohttp_service.py",
            Server::NodeHttp | Server::NodeFetch => "calls/node_service.js",
            Server::Jdk => "calls/JdkService.java",
            Server::Nginx => "calls/nginx_relay.py",
        };
        let interpreter = match cell.server {
            Server::NodeHttp | Server::NodeFetch => program("node"),
            Server::Jdk => program("java"),
            _ => python(),
        };
        let interpreter = interpreter.expect("asked for before").display().to_string();
        let mut words = vec![interpreter, real_script(script).display().to_string(), format!("--calls={url}")];
        // With an equals sign, which all of them understand.
        let mut options = cell.mode.options().into_iter().peekable();
        while let Some(option) = options.next() {
            match options.next_if(|value| !value.starts_with("--")) {
                Some(value) => words.push(format!("{option}={value}")),
                None => words.push(option),
            }
        }
        if cell.server == Server::NodeHttp {
            words.push("--client=http".to_owned());
        }
        let mut command = self.privilege.command(&words);
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
        let mut process = Binary::of(command);
        let address = until_listening(&mut process).await;
        (process, address)
    }

    /// The report, once no more is observed: the number of observations is the same twice, half a second apart.
    async fn settled(&self, watching: &Watching) -> serde_json::Value {
        let end = tokio::time::Instant::now() + DEADLINE;
        let mut before = 0;
        loop {
            let now = watching.metric("throughline_observations_total").await;
            if now == before || tokio::time::Instant::now() > end {
                return watching.report().await;
            }
            before = now;
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    }

    /// Keeps what was reported and what is true, where `THROUGHLINE_TEST_KEEP` says.
    fn keep(&self, report: &serde_json::Value, driven: &[Driven]) {
        let Some(folder) = std::env::var_os("THROUGHLINE_TEST_KEEP") else { return };
        let folder = std::path::Path::new(&folder);
        let _ = std::fs::create_dir_all(folder);
        let first = self.cells.first().map(Cell::name).unwrap_or_default();
        let _ = std::fs::write(folder.join(format!("{first}-report.json")), format!("{report:#}\n"));
        for (cell, driven) in self.cells.iter().zip(driven) {
            let _ = driven.write(&folder.join(format!("{}-truth.txt", cell.name())));
        }
    }
}

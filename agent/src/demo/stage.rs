//! Sets the stage, sends the requests and clears everything away: services, the agent with its proxies, and collector,
//! in the order they need each other. Judges nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::DemoError;
use super::children::{Children, Process};
use super::collector::{Collector, Received};
use super::plan::{Manners, Request, SERVICES};
use super::traffic::{Place, Traffic, unix_now};
use super::verify::{self, verdicts};
use crate::gap::challenge::Challenge;
use crate::gap::observation::{Observation, SourceKind};
use crate::gather::{self, Gathering, Options};
use crate::report::ledger::ProbeLedger;

/// For the agent to have seen every arrival, on a loaded machine.
const SETTLE: Duration = Duration::from_secs(10);
/// How often it is asked.
const ASK: Duration = Duration::from_millis(100);

/// What the stage is set with.
pub(super) struct Cast<'a> {
    /// Where files go.
    pub(super) folder: &'a Path,
    /// For the services' delays.
    pub(super) seed: u64,
    /// What each service does with the context.
    pub(super) manners: Manners,
    /// The service to kill before the first request.
    pub(super) killed: Option<&'static str>,
    /// Requests that are sent at once. More follow only while the report is not sure of everything.
    pub(super) round: usize,
}

/// What was seen.
pub(super) struct Seen {
    /// Service, its own address and that of the proxy before it.
    pub(super) places: Vec<Place>,
    /// How many of the requests were sent, from the first.
    pub(super) sent: usize,
    /// The status each request was answered with, by its number.
    pub(super) answers: BTreeMap<u32, u16>,
    /// What each service wrote.
    pub(super) logs: BTreeMap<&'static str, String>,
    /// What the collector received.
    pub(super) received: Received,
    /// What proxies and probe observed.
    pub(super) observations: Vec<Observation>,
    /// What the probe said of itself.
    pub(super) probe: Option<ProbeLedger>,
    /// When the marked requests were sent, each with the time at which none was.
    pub(super) challenge: Challenge,
    /// Processes that did not end when asked.
    pub(super) stubborn: Vec<String>,
}

/// Services and agent that run.
struct Set {
    places: Vec<Place>,
    admin: SocketAddr,
}

/// Plays all of it. However it ends, no process is left.
pub(super) async fn play(
    cast: &Cast<'_>,
    requests: &[Request],
    progress: &mut dyn FnMut(usize),
) -> Result<Seen, DemoError> {
    let interrupted = interruption()?;
    let mut children = Children::default();
    tokio::select! {
        seen = perform(cast, requests, progress, &mut children) => seen,
        () = interrupted => Err(DemoError::Interrupted),
    }
}

async fn perform(
    cast: &Cast<'_>,
    requests: &[Request],
    progress: &mut dyn FnMut(usize),
    children: &mut Children,
) -> Result<Seen, DemoError> {
    let collector = Collector::start().await?;
    let Set { places, admin } = start(cast, collector.addr, children).await?;
    if let Some(name) = cast.killed {
        children.kill(name);
    }
    let mut traffic = Traffic::new(&places);
    let mut sent = 0;
    let (challenge, observations, probe) = loop {
        let round = requests.get(sent..requests.len().min(sent + cast.round)).unwrap_or_default();
        traffic.send(round, progress).await;
        sent += round.len();
        let so_far = requests.get(..sent).unwrap_or_default();
        let arrivals = so_far.iter().map(|request| verify::reached(request, cast.killed).len()).sum();
        let (challenge, (observations, probe)) = (traffic.challenge(), observed(admin, arrivals).await);
        let judgement = verdicts::judge(&challenge, &observations);
        let marked = challenge.pairs.len();
        let is_sure = verdicts::check(&judgement, cast.manners, cast.killed, marked).is_empty();
        if sent == requests.len() || marked < verdicts::ENOUGH || is_sure {
            break (challenge, observations, probe);
        }
    };
    let answers = traffic.answers();

    // The proxies deliver what they hold before they end, so what has arrived after that is all there is.
    let mut stubborn = children.finish(|name| name == AGENT).await;
    stubborn.extend(children.finish(|_| true).await);
    let received = collector.received();
    let mut logs = BTreeMap::new();
    for service in SERVICES {
        logs.insert(service, read(&cast.folder.join(format!("{service}.log"))).await?);
    }
    for (n, body) in (1..).zip(&received.bodies) {
        write(&cast.folder.join(format!("otlp-{n:03}.bin")), body)?;
    }
    Ok(Seen { places, sent, answers, logs, received, observations, probe, challenge, stubborn })
}

const AGENT: &str = "the agent";

/// Services first, since the agent's configuration names them; then each service is told where the others can be
/// reached: at the proxies before them.
async fn start(cast: &Cast<'_>, collector: SocketAddr, children: &mut Children) -> Result<Set, DemoError> {
    let executable = std::env::current_exe()
        .map_err(|cause| DemoError::Start { what: "a copy of this program".to_owned(), cause })?;
    let mut services = Vec::new();
    for (n, service) in (0..).zip(SERVICES) {
        let log = cast.folder.join(format!("{service}.log"));
        let manner = cast.manners.at(service).name();
        let seed = cast.seed.wrapping_add(n).to_string();
        let mut arguments = strings(&["demo-service", service, "--manner", manner, "--seed", &seed]);
        arguments.extend(["--log".to_owned(), log.display().to_string()]);
        let process = Process {
            name: service,
            executable: &executable,
            arguments: &arguments,
            variables: &[],
            log: &cast.folder.join(format!("{service}.stderr")),
            known: &[],
            listeners: 1,
        };
        services.extend(children.start(&process).await?.first().map(|addr| (service, *addr)));
    }

    let config = cast.folder.join("agent.yaml");
    let watched: Vec<u32> = SERVICES.iter().filter_map(|service| children.id(service)).collect();
    write(&config, configuration(&services, &watched, collector).as_bytes())?;
    let mut arguments = strings(&["agent", "--until-stdin-closes", "--config"]);
    arguments.push(config.display().to_string());
    let mut known: Vec<SocketAddr> = services.iter().map(|(_, addr)| *addr).collect();
    known.push(collector);
    let process = Process {
        name: AGENT,
        executable: &executable,
        arguments: &arguments,
        variables: &[],
        log: &cast.folder.join("agent.stderr"),
        known: &known,
        listeners: SERVICES.len() + 1,
    };
    let listening = children.start(&process).await?;
    let places: Vec<_> = services.iter().zip(&listening).map(|((name, addr), proxy)| (*name, *addr, *proxy)).collect();
    let targets: Vec<String> = places.iter().map(|(service, _, proxy)| format!("{service}={proxy}")).collect();
    for service in SERVICES {
        children.tell(service, &targets.join(" "))?;
    }
    let admin = listening.last().copied().unwrap_or(collector);
    Ok(Set { places, admin })
}

/// What a user would write for three services on one machine.
fn configuration(services: &[(&str, SocketAddr)], watched: &[u32], collector: SocketAddr) -> String {
    let mut text = "file_format: \"1\"\nthreads: 1\nproxies:\n".to_owned();
    for (service, addr) in services {
        text.push_str(&format!(
            "  - listen: 127.0.0.1:0\n    upstream: http://{addr}\n    service: {service}\n    admission: off\n"
        ));
    }
    text.push_str(&format!("export:\n  endpoint: http://{collector}\n  queue:\n    delay: 200ms\n"));
    text.push_str("admin:\n  listen: 127.0.0.1:0\nprobe:\n  targets:\n");
    for pid in watched {
        text.push_str(&format!("    - pid:{pid}\n"));
    }
    text
}

/// What the agent has seen, once its proxies have seen as many arrivals as there should be; later what there is.
async fn observed(admin: SocketAddr, arrivals: usize) -> (Vec<Observation>, Option<ProbeLedger>) {
    let deadline = Instant::now() + SETTLE;
    let Ok(place) = gather::Place::agent(&format!("http://{admin}")) else {
        return (Vec::new(), None);
    };
    loop {
        let options = Options { now: unix_now(), ..Options::default() };
        let mut gathering = Gathering::open(std::slice::from_ref(&place), &options).await;
        let mut observations = Vec::new();
        while let Some(observation) = gathering.next().await {
            observations.push(observation);
        }
        let seen = observations.iter().filter(|observation| observation.origin.kind == SourceKind::Proxy).count();
        if seen >= arrivals || Instant::now() > deadline {
            let probe = gathering.finish().await.into_iter().find_map(|source| source.probe);
            return (observations, probe);
        }
        sleep(ASK).await;
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DemoError> {
    std::fs::write(path, bytes).map_err(|cause| DemoError::File { what: path.display().to_string(), cause })
}

async fn read(path: &Path) -> Result<String, DemoError> {
    std::fs::read_to_string(path).map_err(|cause| DemoError::File { what: path.display().to_string(), cause })
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Ready when the user or the system wants an end.
fn interruption() -> Result<impl Future<Output = ()>, DemoError> {
    let listen = |kind| signal(kind).map_err(|cause| DemoError::Start { what: "signal handling".to_owned(), cause });
    let mut signals =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    Ok(async move {
        tokio::select! {
            _ = signals.0.recv() => {}
            _ = signals.1.recv() => {}
            _ = signals.2.recv() => {}
        }
    })
}

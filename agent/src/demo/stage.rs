//! Sets the stage, sends the requests and clears everything away: services, proxies and collector, in the order they
//! need each other. Judges nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::children::Children;
use super::collector::{Collector, Received};
use super::plan::{Request, SERVICES};
use super::{DemoError, client};

/// Requests under way at once.
const AT_ONCE: usize = 4;

/// What the stage is set with.
pub(super) struct Cast<'a> {
    /// Where files go.
    pub(super) folder: &'a Path,
    /// For the services' delays.
    pub(super) seed: u64,
    /// The service to kill before the first request.
    pub(super) killed: Option<&'static str>,
}

/// What was seen.
pub(super) struct Seen {
    /// Service, its own address and that of the proxy before it; callers first.
    pub(super) places: Vec<(&'static str, SocketAddr, SocketAddr)>,
    /// The status each request was answered with, by its number.
    pub(super) answers: BTreeMap<u32, u16>,
    /// What each service wrote.
    pub(super) logs: BTreeMap<&'static str, String>,
    /// What the collector received.
    pub(super) received: Received,
    /// Processes that did not end when asked.
    pub(super) stubborn: Vec<String>,
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
    let places = start(cast, collector.addr, children).await?;
    let Some(&(_, _, entry)) = places.first() else { return Err(DemoError::UnknownService(String::new())) };
    if let Some(name) = cast.killed {
        children.kill(name);
    }
    let answers = send(entry, requests, progress).await;

    // The proxies deliver what they hold before they end, so what has arrived after that is all there is.
    let mut stubborn = children.finish(|name| name.starts_with(PROXY)).await;
    stubborn.extend(children.finish(|_| true).await);
    let received = collector.received();
    let mut logs = BTreeMap::new();
    for service in SERVICES {
        logs.insert(service, read(&cast.folder.join(format!("{service}.log"))).await?);
    }
    for (n, body) in (1..).zip(&received.bodies) {
        let path = cast.folder.join(format!("otlp-{n:03}.bin"));
        std::fs::write(&path, body).map_err(|cause| DemoError::File { what: path.display().to_string(), cause })?;
    }
    Ok(Seen { places, answers, logs, received, stubborn })
}

/// What the names of proxies start with, which those of services do not.
const PROXY: &str = "proxy before ";

/// Callees first, since a caller is told their proxies' addresses.
async fn start(
    cast: &Cast<'_>,
    collector: SocketAddr,
    children: &mut Children,
) -> Result<Vec<(&'static str, SocketAddr, SocketAddr)>, DemoError> {
    let executable = std::env::current_exe()
        .map_err(|cause| DemoError::Start { what: "a copy of this program".to_owned(), cause })?;
    let export = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "200".to_owned()),
    ];
    let mut places = Vec::new();
    for (n, service) in (0..).zip(SERVICES).collect::<Vec<(u64, _)>>().into_iter().rev() {
        let log = cast.folder.join(format!("{service}.log"));
        let mut arguments = strings(&["demo-service", service, "--seed", &cast.seed.wrapping_add(n).to_string()]);
        arguments.extend(["--log".to_owned(), log.display().to_string()]);
        for (callee, _, proxy) in &places {
            arguments.extend(["--call".to_owned(), format!("{callee}={proxy}")]);
        }
        let stderr = cast.folder.join(format!("{service}.stderr"));
        let addr = children.start(service, (&executable, &arguments), &[], &stderr).await?;

        let upstream = format!("http://{addr}");
        let arguments = strings(&[
            "proxy",
            "--listen",
            "127.0.0.1:0",
            "--upstream",
            &upstream,
            "--service",
            service,
            "--threads",
            "1",
            "--until-stdin-closes",
        ]);
        let stderr = cast.folder.join(format!("proxy-{service}.stderr"));
        let name = format!("{PROXY}{service}");
        let proxy = children.start(&name, (&executable, &arguments), &export, &stderr).await?;
        places.insert(0, (service, addr, proxy));
    }
    Ok(places)
}

async fn send(entry: SocketAddr, requests: &[Request], progress: &mut dyn FnMut(usize)) -> BTreeMap<u32, u16> {
    let mut under_way = JoinSet::new();
    let mut answers = BTreeMap::new();
    let mut done = 0;
    let mut waiting = requests.iter();
    loop {
        while under_way.len() < AT_ONCE {
            let Some(request) = waiting.next() else { break };
            let (number, path) = (request.number, request.path());
            let mut headers: Vec<_> = request.traceparent.iter().map(|line| ("traceparent", line.clone())).collect();
            headers.extend(request.tracestate.iter().map(|line| ("tracestate", line.clone())));
            under_way.spawn(async move { (number, client::get(entry, &path, &headers).await) });
        }
        match under_way.join_next().await {
            Some(Ok((number, Ok(status)))) => drop(answers.insert(number, status)),
            // No answer: what is missing is found when the answers are compared with the requests.
            Some(Ok((_, Err(_))) | Err(_)) => {}
            None => return answers,
        }
        done += 1;
        progress(done);
    }
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

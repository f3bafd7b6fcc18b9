//! Three real services without any tracing that call each other behind an agent's proxies, Flask with requests, Node.js
//! and nginx: one copies the context by hand, one drops it, one copies `traceparent` alone. `throughline test` says of
//! each what it does, and is sure.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use throughline_tests::Upstream;
use throughline_tests::binary::Binary;
use throughline_tests::real::{program, python, script, skipped};

/// What a service does with the context, as its option says it, and the finding that this is.
const CONTEXTS: [(&str, Option<&str>); 3] = [("forward", None), ("drop", Some("G101")), ("traceparent", Some("G103"))];

/// A test takes half a minute by design.
const PATIENCE: Duration = Duration::from_secs(180);

/// A service: its name, its script, what runs it.
struct Service {
    name: &'static str,
    script: &'static str,
    interpreter: PathBuf,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_confirms_what_each_service_does() {
    let test = "a_test_confirms_what_each_service_does";
    let Some(python) = python() else { return skipped(test, "no Python with the packages of tests/real") };
    let Some(node) = program("node") else { return skipped(test, "no node") };
    if program("nginx").is_none() {
        return skipped(test, "no nginx");
    }
    let services = [
        Service { name: "shop", script: "calls/flask_service.py", interpreter: python.clone() },
        Service { name: "cart", script: "calls/node_service.js", interpreter: node },
        Service { name: "relay", script: "calls/nginx_relay.py", interpreter: python },
    ];
    let turns = std::env::var("THROUGHLINE_TEST_TURNS").ok().and_then(|turns| turns.parse().ok()).unwrap_or(1);
    for turn in 0..CONTEXTS.len().min(turns) {
        judge_all(&services, turn).await;
    }
}

/// Each service calls the next, the last one a stock that calls nobody. `turn` says who does what.
async fn judge_all(services: &[Service], turn: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stock = Upstream::ok().await;
    let proxies: Vec<SocketAddr> = (0..=services.len()).map(|_| reserved()).collect();
    let (mut running, mut configuration) = (Vec::new(), "file_format: \"1\"\nthreads: 1\nproxies:\n".to_owned());
    let mut proxy = |name: &str, listen: &SocketAddr, upstream: SocketAddr| {
        let lines = [("listen", listen.to_string()), ("upstream", format!("http://{upstream}"))];
        configuration.push_str(&format!("  - service: {name}\n    admission: off\n"));
        lines.iter().for_each(|(key, value)| configuration.push_str(&format!("    {key}: {value}\n")));
    };
    let context = |place: usize| CONTEXTS.iter().cycle().nth(place + turn).expect("a cycle has no end");
    for ((place, service), (own, next)) in services.iter().enumerate().zip(proxies.iter().zip(proxies.iter().skip(1))) {
        let calls = format!("http://{next}/item");
        let args = ["--calls", &calls, "--context", context(place).0];
        let (process, addr) = script(&service.interpreter, service.script, &args).await;
        proxy(service.name, own, addr);
        running.push(process);
    }
    proxy("stock", proxies.last().expect("one more than services"), stock.addr());
    configuration.push_str("export:\n  to: none\nadmin:\n  listen: 127.0.0.1:0\n");
    let mut agent = agent(folder.path(), &configuration);
    let admin = format!("http://{}", agent.admin().await);

    for (place, (service, addr)) in services.iter().zip(&proxies).enumerate() {
        let url = format!("http://{addr}/order/7");
        let (code, result) = tested(&url, &admin).await;
        let (does, finding) = context(place);
        let peer = services.get(place + 1).map_or("stock", |next| next.name);
        let why = format!("{} {does}s: {result:#}", service.name);
        let hop = hop(&result, service.name, peer).unwrap_or_else(|| panic!("no call is seen: {why}"));
        let (verdict, errors) = (hop["verdict"].as_str().unwrap_or_default(), errors(hop));
        match finding {
            None => assert_eq!((verdict, errors), ("forwards", vec![]), "{why}"),
            Some(found) => {
                assert_eq!(verdict, "breaks", "{why}");
                assert_eq!(errors, [((*found).to_owned(), "confirmed".to_owned())], "{why}");
                assert_eq!(code, Some(1), "{why}");
            }
        }
    }
}

/// Where a proxy will listen: at an address where nothing else takes a port meanwhile.
fn reserved() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.2:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address")
}

fn agent(folder: &Path, configuration: &str) -> Binary {
    let file = folder.join("agent.yaml");
    std::fs::write(&file, configuration).expect("the folder is writable");
    Binary::start(&["agent", "--config", &file.display().to_string()])
}

async fn tested(url: &str, admin: &str) -> (Option<i32>, Value) {
    let test = Binary::start(&["test", url, "--agent", admin, "-o", "json"]);
    let finished = test.finished_within(PATIENCE).await;
    let value = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    (finished.status.code(), value)
}

/// The call of `service` to `peer`.
fn hop<'a>(result: &'a Value, service: &str, peer: &str) -> Option<&'a Value> {
    let stops = result["services"].as_array()?;
    let mut calls = stops.iter().filter_map(|stop| stop["calls"].as_array()).flatten();
    calls.find(|hop| hop["service"] == service && hop["peer"] == peer)
}

/// Code and confidence of the findings of severity error.
fn errors(hop: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = hop["findings"].as_array().into_iter().flatten();
    let errors = findings.filter(|found| found["severity"] == "error");
    errors.map(|found| (text(&found["code"]), text(&found["confidence"]))).collect()
}

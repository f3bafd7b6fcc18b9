//! One of the demonstration's services: a small HTTP server as many are written by hand. It copies the context headers
//! it received to its own call and writes each arrival to its log. It knows nothing of tracing: no id is read or made.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;

use super::plan::{self, Random};
use super::stdin::stdin_closed;
use super::{DemoError, client};
use crate::trace::ids::RandomSource as _;

/// The headers a hand-written service copies.
const COPIED: [&str; 2] = ["traceparent", "tracestate"];

/// What the hidden subcommand `demo-service` was told.
#[derive(Debug, Clone)]
pub struct ServiceOptions {
    /// `shop`, `cart` or `stock`.
    pub name: String,
    /// Where arrivals are written, one JSON object a line.
    pub log: PathBuf,
    /// Where to reach the services it calls.
    pub calls: Vec<(String, SocketAddr)>,
    /// For the artificial delays.
    pub seed: u64,
}

struct Service {
    name: String,
    log: Mutex<File>,
    calls: Vec<(String, SocketAddr)>,
    random: Mutex<Random>,
}

/// Serves on a free loopback port, which is printed on stderr, until stdin is closed: when the demonstration ends,
/// however it ends, its services end too.
///
/// # Errors
/// The log cannot be written, or there is no port.
pub fn run_service(options: ServiceOptions) -> Result<(), DemoError> {
    let cannot = |cause| DemoError::Start { what: format!("service {}", options.name), cause };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let log = File::create(&options.log).map_err(cannot)?;
    let service = Arc::new(Service {
        name: options.name.clone(),
        log: Mutex::new(log),
        calls: options.calls,
        random: Mutex::new(Random(options.seed)),
    });
    let served: Result<(), std::io::Error> = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(std::io::stderr(), "{} listens on {}", service.name, listener.local_addr()?)?;
        let router = Router::new().fallback(answer).with_state(service);
        tokio::select! {
            served = axum::serve(listener, router).into_future() => served,
            () = stdin_closed() => Ok(()),
        }
    });
    served.map_err(cannot)
}

async fn answer(State(service): State<Arc<Service>>, request: Request) -> (StatusCode, String) {
    let path = request.uri().path();
    let Some(call) = plan::call(&service.name, path) else {
        return (StatusCode::NOT_FOUND, format!("{} has no {path}\n", service.name));
    };
    service.note(path, request.headers());
    service.work().await;
    if let Some(hop) = call {
        let Some(&(_, addr)) = service.calls.iter().find(|(name, _)| name == hop.service) else {
            return (StatusCode::INTERNAL_SERVER_ERROR, format!("no address for {}\n", hop.service));
        };
        match client::get(addr, &hop.path, &copied(request.headers())).await {
            Ok(200) => service.work().await,
            Ok(status) => return (StatusCode::BAD_GATEWAY, format!("{} answered {status}\n", hop.service)),
            Err(error) => return (StatusCode::BAD_GATEWAY, format!("{}: {error}\n", hop.service)),
        }
    }
    (StatusCode::OK, format!("{} is done\n", service.name))
}

impl Service {
    /// One line a request: what arrived, as it arrived.
    fn note(&self, path: &str, headers: &HeaderMap) {
        let [traceparent, tracestate] = COPIED.map(|name| lines(headers, name));
        let entry = serde_json::json!({
            "service": self.name, "path": path, "traceparent": traceparent, "tracestate": tracestate,
        });
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        // A line that cannot be written is missing, and the demonstration counts lines.
        let _ = log.write_all(format!("{entry}\n").as_bytes());
    }

    /// 2 to 15 ms.
    async fn work(&self) {
        let random = self.random.lock().unwrap_or_else(PoisonError::into_inner).next_u64();
        tokio::time::sleep(Duration::from_millis(2 + random % 14)).await;
    }
}

fn copied(headers: &HeaderMap) -> Vec<(&'static str, String)> {
    COPIED.iter().flat_map(|&name| lines(headers, name).into_iter().map(move |line| (name, line))).collect()
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect()
}

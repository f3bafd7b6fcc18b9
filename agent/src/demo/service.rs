//! One of the demonstration's services: a small HTTP server as many are written by hand. It treats the context headers
//! it received in its own manner when it makes a call, and writes each arrival to its log. It knows nothing of tracing:
//! no id is read or made.

use std::fs::File;
use std::io::{Error, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;

use super::plan::{self, Lines, Manner, Random};
use super::stdin::stdin_closed;
use super::{DemoError, client};
use crate::trace::ids::RandomSource as _;

/// What the hidden subcommand `demo-service` was told.
#[derive(Debug, Clone)]
pub struct ServiceOptions {
    /// `shop`, `cart` or `stock`.
    pub name: String,
    /// Where arrivals are written, one JSON object a line.
    pub log: PathBuf,
    /// What it does with context headers: `copies`, `drops` or `unmarks`.
    pub manner: String,
    /// For the artificial delays.
    pub seed: u64,
}

struct Service {
    name: String,
    log: Mutex<File>,
    manner: Manner,
    calls: Vec<(String, SocketAddr)>,
    random: Mutex<Random>,
}

/// Serves on a free loopback port, which is printed on stderr, until stdin is closed: when the demonstration ends,
/// however it ends, its services end too. The first line of stdin says where to reach the others:
/// `cart=127.0.0.1:4001 stock=127.0.0.1:4002`.
///
/// # Errors
/// A manner that is none, a log that cannot be written, no port, or a first line that cannot be used.
pub fn run_service(options: ServiceOptions) -> Result<(), DemoError> {
    let cannot = |cause| DemoError::Start { what: format!("service {}", options.name), cause };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let manner = Manner::named(&options.manner).ok_or_else(|| cannot(Error::other("there is no such manner")))?;
    let log = Mutex::new(File::create(&options.log).map_err(cannot)?);
    let served: Result<(), Error> = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(std::io::stderr(), "{} listens on {}", options.name, listener.local_addr()?)?;
        // Nobody is served before that is known, so nothing waits while this thread does.
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line)? == 0 {
            return Ok(());
        }
        let calls = targets(&line).ok_or_else(|| Error::other(format!("{line:?} names no addresses")))?;
        let random = Mutex::new(Random(options.seed));
        let service = Arc::new(Service { name: options.name.clone(), log, manner, calls, random });
        let router = Router::new().fallback(answer).with_state(service);
        tokio::select! {
            served = axum::serve(listener, router).into_future() => served,
            () = stdin_closed() => Ok(()),
        }
    });
    served.map_err(cannot)
}

/// `name=address` for each service that may be called.
fn targets(line: &str) -> Option<Vec<(String, SocketAddr)>> {
    let target = |word: &str| {
        let (name, address) = word.split_once('=')?;
        Some((name.to_owned(), address.parse().ok()?))
    };
    line.split_whitespace().map(target).collect()
}

async fn answer(State(service): State<Arc<Service>>, request: Request) -> (StatusCode, String) {
    let path = request.uri().path();
    let Some(call) = plan::call(&service.name, path) else {
        return (StatusCode::NOT_FOUND, format!("{} has no {path}\n", service.name));
    };
    let received = context(request.headers());
    service.note(path, &received);
    service.work().await;
    if let Some(hop) = call {
        let Some(&(_, addr)) = service.calls.iter().find(|(name, _)| name == hop.service) else {
            return (StatusCode::INTERNAL_SERVER_ERROR, format!("no address for {}\n", hop.service));
        };
        match client::get(addr, &hop.path, &service.manner.sends(&received)).await {
            Ok(200) => service.work().await,
            Ok(status) => return (StatusCode::BAD_GATEWAY, format!("{} answered {status}\n", hop.service)),
            Err(error) => return (StatusCode::BAD_GATEWAY, format!("{}: {error}\n", hop.service)),
        }
    }
    (StatusCode::OK, format!("{} is done\n", service.name))
}

impl Service {
    /// One line a request: what arrived, as it arrived.
    fn note(&self, path: &str, received: &Lines) {
        let Lines { traceparent, tracestate } = received;
        let entry = serde_json::json!({
            "service": self.name, "path": path, "traceparent": traceparent, "tracestate": tracestate,
        });
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        // A line that cannot be written is missing, and the demonstration counts lines.
        let _ = log.write_all(format!("{entry}\n").as_bytes());
    }

    /// 1 to 6 ms.
    async fn work(&self) {
        let random = self.random.lock().unwrap_or_else(PoisonError::into_inner).next_u64();
        tokio::time::sleep(Duration::from_millis(1 + random % 6)).await;
    }
}

fn context(headers: &HeaderMap) -> Lines {
    Lines { traceparent: lines(headers, "traceparent"), tracestate: lines(headers, "tracestate") }
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect()
}

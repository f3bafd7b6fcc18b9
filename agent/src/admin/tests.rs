//! The admin server over a real socket.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{AdminState, Readiness, serve};
use crate::trace::bypass::Bypass;
use crate::trace::counts::{Counter, Sample};

struct Admin {
    addr: std::net::SocketAddr,
    readiness: Arc<Readiness>,
    bypass: Arc<Bypass>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn admin() -> Admin {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let readiness = Arc::new(Readiness::default());
    let bypass = Arc::new(Bypass::default());
    let requests = Counter::default();
    requests.add(3);
    let samples = move || vec![Sample::counter("throughline_requests", "Requests.", &requests)];
    let state =
        AdminState { readiness: Arc::clone(&readiness), bypass: Arc::clone(&bypass), samples: Arc::new(samples) };
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(serve(listener, state, async { stopped.await.unwrap() }));
    Admin { addr, readiness, bypass, stop, served }
}

impl Admin {
    /// Status and whole answer of one request.
    async fn ask(&self, method: &str, path: &str, headers: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(10), self.served).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn readiness_follows_the_phase_and_liveness_does_not() {
    let admin = admin().await;
    for (step, status, body) in
        [("starting", 503, "starting\n"), ("ready", 200, "ready\n"), ("draining", 503, "draining\n")]
    {
        match step {
            "ready" => admin.readiness.ready(),
            "draining" => admin.readiness.draining(),
            _ => {}
        }
        let (got, answer) = admin.ask("GET", "/readyz", "").await;
        assert_eq!(got, status, "{step}");
        assert!(answer.ends_with(body), "{step}: {answer}");
        assert_eq!(admin.ask("GET", "/livez", "").await.0, 200, "alive while {step}");
    }
    admin.stop().await;
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let admin = admin().await;
    let (status, answer) = admin.ask("GET", "/metrics", "").await;
    assert_eq!(status, 200);
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
    assert!(answer.ends_with("# TYPE throughline_requests_total counter\nthroughline_requests_total 3\n"), "{answer}");
    admin.stop().await;
}

#[tokio::test]
async fn the_switch_turns_and_says_so() {
    let admin = admin().await;
    let rows = [
        ("GET", "", 200, "off\n", false, "off at first"),
        ("PUT", "", 200, "untouched\n", true, "on"),
        ("PUT", "", 200, "untouched\n", true, "on again is still on"),
        ("DELETE", "Origin: http://localhost\r\n", 403, "refused\n", true, "a page in a browser must not turn it"),
        ("GET", "", 200, "untouched\n", true, "and it can be read"),
        ("POST", "", 405, "", true, "other methods are refused"),
        ("DELETE", "", 200, "off\n", false, "off"),
    ];
    for (method, headers, status, body, on, reason) in rows {
        let (got, answer) = admin.ask(method, "/v1/bypass", headers).await;
        assert_eq!(got, status, "{reason}");
        assert!(answer.ends_with(body), "{reason}: {answer}");
        assert_eq!(admin.bypass.is_on(), on, "{reason}");
    }
    admin.stop().await;
}

#[tokio::test]
async fn an_unknown_path_lists_what_exists() {
    let admin = admin().await;
    let (status, answer) = admin.ask("GET", "/healthz", "").await;
    assert_eq!(status, 404);
    for path in ["/livez", "/readyz", "/metrics", "/v1/bypass"] {
        assert!(answer.contains(path), "{path}: {answer}");
    }
    admin.stop().await;
}

#[tokio::test]
async fn a_client_that_sends_nothing_does_not_hold_up_the_stop() {
    let admin = admin().await;
    let mut idle = TcpStream::connect(admin.addr).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost:").await.unwrap();
    admin.stop().await;
}

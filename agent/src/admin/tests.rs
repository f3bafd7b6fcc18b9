//! The admin server over a real socket.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{AdminState, Readiness, serve};
use crate::config::export::Secret;
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
    guarded(None, Router::new()).await
}

async fn guarded(token: Option<&str>, more: Router) -> Admin {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let readiness = Arc::new(Readiness::default());
    let bypass = Arc::new(Bypass::default());
    let requests = Counter::default();
    requests.add(3);
    let samples = move || vec![Sample::counter("throughline_requests", "Requests.", &requests)];
    let state = AdminState {
        readiness: Arc::clone(&readiness),
        bypass: Arc::clone(&bypass),
        samples: Arc::new(samples),
        token: token.map(|token| Secret::new(token.to_owned())),
        more,
    };
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
async fn a_token_guards_everything_but_health() {
    const TOKEN: &str = "Authorization: Bearer 0123456789abcdef\r\n";
    let more = Router::new().route("/v1/more", get(|| async { "more\n" }));
    let admin = guarded(Some("0123456789abcdef"), more).await;
    for (method, path, headers, status, reason) in [
        ("GET", "/livez", "", 200, "supervisors have no token"),
        ("GET", "/readyz", "", 503, "nor have load balancers; it says that it starts"),
        ("GET", "/metrics", "", 401, "numbers are guarded"),
        ("GET", "/metrics", TOKEN, 200, "and seen with the token"),
        ("GET", "/metrics", "Authorization: Bearer 0123456789abcdeg\r\n", 401, "not with another"),
        ("PUT", "/v1/bypass", "", 401, "the switch is guarded"),
        ("PUT", "/v1/bypass", TOKEN, 200, "and turned with the token"),
        ("DELETE", "/v1/bypass", &format!("{TOKEN}Origin: http://localhost\r\n"), 403, "but not by a web page"),
        ("GET", "/v1/more", "", 401, "pages of others are guarded"),
        ("GET", "/v1/more", TOKEN, 200, "and seen"),
        ("GET", "/nothing", "", 401, "what is not there is no secret with the token only"),
        ("GET", "/nothing", TOKEN, 404, "with it"),
        ("GET", "/livez/../metrics", "", 401, "no way round"),
    ] {
        let (got, answer) = admin.ask(method, path, headers).await;
        assert_eq!(got, status, "{reason}: {answer}");
        assert_eq!(got == 401, answer.contains("www-authenticate: Bearer\r\n"), "{reason}: {answer}");
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

//! Upstreams that are down, slow, resetting or speak nonsense: a clear status with a short plain body, the cause on the
//! span, and the next request works.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use throughline_tests::client::Response;
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::upstream::nobody;
use throughline_tests::{Answer, Client, Scene, Upstream};

use super::assert_serves;

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_answer_becomes_502_or_504() {
    let rows: &[(&str, Answer, u16, &str)] = &[
        ("closed without an answer", Answer::Close, 502, "upstream_closed"),
        ("reset without an answer", Answer::Reset, 502, "upstream_closed"),
        ("no answer in time", Answer::Hang, 504, "read_timeout"),
        ("not HTTP", raw_close("hello, this is no HTTP\r\n\r\n"), 502, "invalid_response"),
        ("another protocol's greeting", raw_close("220 mail.example ESMTP\r\n"), 502, ""),
        ("half a head", raw_close("HTTP/1.1 200 OK\r\nContent-Le"), 502, ""),
        ("no status", raw_close("HTTP/1.1 abc OK\r\n\r\n"), 502, "invalid_response"),
        ("a length that is none", raw_close("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), 502, ""),
        ("300 header lines", raw_close(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-A: 1\r\n".repeat(300))), 502, ""),
    ];
    let answers: Vec<Answer> = rows.iter().map(|row| row.1.clone()).collect();
    let upstream = Upstream::start(move |head| {
        head.path()[1..].parse().ok().and_then(|row: usize| answers.get(row).cloned()).unwrap_or_else(Answer::ok)
    });
    let scene =
        Scene::before(upstream.await, |config| config.proxies[0].timeouts.read = Duration::from_millis(300)).await;
    for (number, (why, _, status, cause)) in rows.iter().enumerate() {
        let context = Traceparent::fresh(1);
        let answer = ask(&scene, &marked_get(&format!("/{number}"), &context)).await;
        assert_plain(why, &answer, *status);
        let (server, attempts) = scene.collector.request(&context.trace_id, 2).await;
        assert_eq!(server.int("http.response.status_code"), Some(i64::from(*status)), "{why}");
        let told = attempts[0].text("error.type");
        assert!(if cause.is_empty() { !told.is_empty() } else { told == *cause }, "{why}: error.type is {told:?}");
        assert_serves(&scene, why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_cut_short_is_cut_short_and_never_completed() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this";
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this";
    let bad_chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnonsense\r\n";
    let answers = [
        ("a length not reached", raw_close(cut)),
        ("a length not reached, then reset", Answer::RawThenReset(cut.into())),
        ("a chunk not ended", raw_close(chunk)),
        ("a malformed chunk", raw_close(bad_chunk)),
        ("a pause past the limit", Answer::Raw(cut.into())),
    ];
    for (why, answer) in answers {
        let scripted = answer.clone();
        let upstream = Upstream::start(move |head| match head.path().as_str() {
            "/next" => Answer::ok(),
            _ => scripted.clone(),
        });
        let scene =
            Scene::before(upstream.await, |config| config.proxies[0].timeouts.read = Duration::from_millis(300)).await;
        let mut client = Client::connect(scene.agent.addr()).await;
        client.send(&throughline_tests::client::get("/", &[])).await;
        if let Ok(answer) = client.try_answer(false).await {
            assert!(answer.status() == 502 || !answer.body.complete, "{why}: {answer:?}");
        }
        assert_serves(&scene, why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_cannot_be_reached_becomes_502_or_504() {
    let full = FullBacklog::new();
    let unresolvable = "a".repeat(70);
    let rows: &[(&str, String, u16, u16, &str)] = &[
        ("nobody listens", "127.0.0.1".to_owned(), nobody().port(), 502, "connect_refused"),
        ("nobody accepts", "127.0.0.1".to_owned(), full.addr.port(), 504, "connect_timeout"),
        ("a name without address", unresolvable, 80, 502, "resolve"),
    ];
    for (why, host, port, status, cause) in rows {
        let scene = Scene::with(|config| {
            config.proxies[0].upstream.host.clone_from(host);
            config.proxies[0].upstream.port = *port;
            config.proxies[0].timeouts.connect = Duration::from_millis(200);
        })
        .await;
        let context = Traceparent::fresh(1);
        let answer = ask(&scene, &marked_get("/", &context)).await;
        assert_plain(why, &answer, *status);
        let server = scene.server_span("/").await;
        assert_eq!(server.text("error.type"), *cause, "{why}");
        let attempts = scene.collector.trace(&context.trace_id).len() - 1;
        assert!(attempts <= 2, "{why}: at most one retry, not {attempts} attempts");
        assert_eq!(ask(&scene, &marked_get("/", &Traceparent::fresh(1))).await.status(), *status, "{why}, again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_begins_when_the_upstream_comes_up() {
    let addr = nobody();
    let scene = Scene::with(|config| config.proxies[0].upstream.port = addr.port()).await;
    assert_eq!(ask(&scene, &throughline_tests::client::get("/", &[])).await.status(), 502);
    let listener = tokio::net::TcpListener::bind(addr).await.expect("the port is still free");
    let answering = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let (mut stream, _) = listener.accept().await.expect("the proxy connects");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup").await.expect("the proxy reads");
        stream
    });
    assert_eq!(ask(&scene, &throughline_tests::client::get("/", &[])).await.text(), "up");
    drop(answering.await);
}

async fn ask(scene: &Scene, request: &[u8]) -> Response {
    throughline_tests::ask(scene.agent.addr(), request).await
}

fn raw_close(text: &str) -> Answer {
    Answer::RawThenClose(text.as_bytes().to_vec())
}

fn assert_plain(why: &str, answer: &Response, status: u16) {
    assert_eq!(answer.status(), status, "{why}: {:?}", answer.head);
    assert!(answer.head.value("content-type").starts_with("text/plain"), "{why}: {:?}", answer.head);
    assert!((1..300).contains(&answer.body.len), "{why}: a short body, not {:?}", answer.text());
    assert!(!answer.text().contains("127.0.0.1"), "{why}: no address for the client: {}", answer.text());
}

/// A port whose queue of connections is full, so that no connection to it is ever completed.
struct FullBacklog {
    addr: SocketAddr,
    _listener: socket2::Socket,
    _waiting: Vec<TcpStream>,
}

impl FullBacklog {
    fn new() -> Self {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        listener.listen(0).expect("a listening socket");
        let addr = listener.local_addr().ok().and_then(|addr| addr.as_socket()).expect("an address");
        let connect = || TcpStream::connect_timeout(&addr, Duration::from_millis(100)).ok();
        let waiting = std::iter::from_fn(connect).take(8).collect();
        Self { addr, _listener: listener, _waiting: waiting }
    }
}

//! Bodies of every framing, in both directions, and answers that have none.

use throughline_tests::client::{get, head};
use throughline_tests::{Answer, Client, Scene, Upstream, ask};

#[tokio::test(flavor = "multi_thread")]
async fn bodies_come_back_whole_in_every_framing() {
    let upstream = Upstream::start(|head| match head.path().as_str() {
        "/chunked" => Answer::EchoChunked,
        _ => Answer::Echo,
    });
    let scene = Scene::before(upstream.await, |_| ()).await;
    let mut client = Client::connect(scene.agent.addr()).await;
    for len in [0, 1, 999, 1000, 1001, 70_000, 500_000] {
        let body: Vec<u8> = (0..len).map(|n: usize| (n % 251) as u8).collect();
        for path in ["/length", "/chunked"] {
            let with_length = [head("POST", path, &[("Content-Length", &len.to_string())]), body.clone()].concat();
            let chunks: Vec<u8> = body.chunks(333).flat_map(chunk).collect();
            let chunked =
                [head("POST", path, &[("Transfer-Encoding", "chunked")]), chunks, b"0\r\n\r\n".to_vec()].concat();
            for request in [with_length, chunked] {
                client.send(&request).await;
                let answer = client.answer().await;
                assert!(answer.body.complete && answer.body.bytes == body, "{len} bytes for {path}");
            }
        }
    }
    assert_eq!(scene.upstream.connections(), 1, "one client's requests in a row need one upstream connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_passed_on_while_it_comes() {
    let partial = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
    let scene = Scene::before(Upstream::start(|_| Answer::Raw(partial.to_vec())).await, |_| ()).await;
    let mut client = Client::connect(scene.agent.addr()).await;
    client.send(&get("/", &[])).await;
    let mut got = Vec::new();
    while !got.windows(3).any(|window| window == b"one") {
        let bytes = client.some().await.expect("the connection stands");
        assert!(!bytes.is_empty(), "closed after {}", got.escape_ascii());
        got.extend(bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_come_before_the_request_has_ended() {
    let early = |status| Answer::Early(Box::new(Answer::text(status, "no")));
    let scene = Scene::before(Upstream::start(move |_| early(413)).await, |_| ()).await;
    let request = head("POST", "/", &[("Content-Length", "1000000")]);
    assert_eq!(ask(scene.agent.addr(), &request).await.status(), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_a_body_leave_the_connection_in_step() {
    let upstream = Upstream::start(|head| match head.path().as_str() {
        "/204" => Answer::text(204, ""),
        "/304" => Answer::Raw(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\n".to_vec()),
        _ => Answer::ok(),
    });
    let scene = Scene::before(upstream.await, |_| ()).await;
    let mut client = Client::connect(scene.agent.addr()).await;
    let rows =
        [("HEAD", "/", 200), ("GET", "/204", 204), ("GET", "/304", 304), ("HEAD", "/304", 304), ("GET", "/", 200)];
    for (method, path, status) in rows {
        let request = head(method, path, &[]);
        client.send(&request).await;
        let answer = client.answer_to(&request).await;
        assert_eq!(answer.status(), status, "{method} {path}");
        if method == "HEAD" && status == 200 {
            assert_eq!(answer.head.value("content-length"), "5", "HEAD tells the length of the body that GET has");
        }
        assert_eq!(answer.text(), if method == "GET" && status == 200 { "hello" } else { "" }, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_ends_with_its_connection_arrives_whole() {
    let raw = b"HTTP/1.1 200 OK\r\n\r\nuntil the end".to_vec();
    let scene = Scene::before(Upstream::start(move |_| Answer::RawThenClose(raw.clone())).await, |_| ()).await;
    for version in ["1.1", "1.0"] {
        let request = format!("GET / HTTP/{version}\r\nHost: service.test\r\nConnection: close\r\n\r\n");
        let answer = ask(scene.agent.addr(), request.as_bytes()).await;
        assert_eq!((answer.text().as_str(), answer.body.complete), ("until the end", true), "HTTP/{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_answers_are_passed_on_even_a_flood_of_them() {
    let upstream = Upstream::start(|head| Answer::Interim(head.path()[1..].parse().unwrap_or_default()));
    let scene = Scene::before(upstream.await, |_| ()).await;
    for count in [0, 1, 3, 20_000] {
        let answer = ask(scene.agent.addr(), &get(&format!("/{count}"), &[])).await;
        assert_eq!((answer.interim.len(), answer.status()), (count, 200), "{count} interim answers");
        assert!(answer.interim.iter().all(|head| head.status() == 103), "{count} interim answers");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_first_is_told_to_go_on_or_not() {
    let upstream = Upstream::start(|head| match head.path().as_str() {
        "/no" => Answer::Early(Box::new(Answer::text(417, "no"))),
        _ => Answer::Echo,
    });
    let scene = Scene::before(upstream.await, |_| ()).await;
    let expecting = [("Content-Length", "5"), ("Expect", "100-continue")];
    let mut client = Client::connect(scene.agent.addr()).await;
    client.send(&head("POST", "/yes", &expecting)).await;
    let first = client.some().await.expect("the connection stands");
    assert!(first.starts_with(b"HTTP/1.1 100"), "{}", first.escape_ascii());
    client.send(b"hello").await;
    assert_eq!(client.answer().await.text(), "hello");

    let refused = ask(scene.agent.addr(), &head("POST", "/no", &expecting)).await;
    assert_eq!(refused.status(), 417, "an expectation that the upstream refuses");
}

fn chunk(part: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat()
}

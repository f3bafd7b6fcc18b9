//! Requests that the proxy answers or closes itself: a clear status, a counter, nothing forwarded, and service goes on.

use throughline_tests::{Client, Scene, eventually};

use super::assert_serves;

/// The reason, the bytes, the status (`None`: closed without one), the label of the counter.
type Row<'a> = (&'a str, Vec<u8>, Option<u16>, &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn bad_heads_are_refused_and_counted() {
    let request = |lines: &str| format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n").into_bytes();
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: service.test\r\n\r\n").into_bytes();
    let long = format!("Host: service.test\r\nX-Long: {}", "a".repeat(70 * 1024));
    let many: Vec<String> = (0..300).map(|n| format!("X-{n}: 1")).collect();
    let many = format!("Host: service.test\r\n{}", many.join("\r\n"));
    let hello = [&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03][..], &[7; 506]].concat();
    let rows: Vec<Row<'_>> = vec![
        (
            "two lengths that differ",
            request("Host: a\r\nContent-Length: 1\r\nContent-Length: 2"),
            Some(400),
            "malformed_head",
        ),
        ("a length twice", request("Host: a\r\nContent-Length: 1\r\nContent-Length: 1"), Some(400), "several_lengths"),
        ("a list of lengths", request("Host: a\r\nContent-Length: 5, 5"), Some(400), "several_lengths"),
        (
            "length and encoding",
            request("Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"),
            Some(400),
            "length_and_encoding",
        ),
        (
            "encoding and length",
            request("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5"),
            Some(400),
            "length_and_encoding",
        ),
        ("no Host", request("X-A: 1"), Some(400), "no_host"),
        ("a long head", request(&long), Some(431), "head_too_long"),
        ("more than 256 lines", request(&many), Some(400), "malformed_head"),
        ("a folded line", request("Host: a\r\nX-A: 1\r\n  2"), Some(400), "malformed_head"),
        ("a space before the colon", request("Host: a\r\nX-A : 1"), Some(400), "malformed_head"),
        ("NUL in a value", request("Host: a\r\nX-A: \0"), Some(400), "malformed_head"),
        ("brackets in the path", get("/<x>"), Some(400), "malformed_head"),
        ("no HTTP", b"hello there\r\n\r\n".to_vec(), Some(400), "malformed_head"),
        ("a tunnel", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n".to_vec(), Some(405), "connect"),
        ("clear-text HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(), None, "http2"),
        ("TLS", hello, None, "tls"),
    ];
    let scene = Scene::start().await;
    let mut wrong = Vec::new();
    for (why, bytes, status, reason) in rows {
        let refused = || scene.agent.count("throughline_refusals", &[]);
        let for_reason = || scene.agent.count("throughline_refusals", &[("reason", reason)]);
        let (before, before_for_reason) = (refused(), for_reason());
        let mut client = Client::connect(scene.agent.addr()).await;
        let _ = client.try_send(&bytes).await;
        let answer = client.try_answer(false).await;
        let got = answer.as_ref().ok().map(|answer| answer.status());
        if got != status {
            wrong.push(format!("{why}: {got:?} instead of {status:?}"));
        }
        if answer.is_ok_and(|answer| answer.body.len >= 300) {
            wrong.push(format!("{why}: the body is long"));
        }
        eventually(&format!("{why} to be counted"), || (refused() == before + 1).then_some(())).await;
        if for_reason() != before_for_reason + 1 {
            wrong.push(format!("{why}: not counted as {reason}"));
        }
        assert_serves(&scene, why).await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let forwarded: Vec<_> = scene.upstream.seen().into_iter().filter(|seen| seen.head.path() != "/next").collect();
    assert!(forwarded.is_empty(), "nothing refused is forwarded: {forwarded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_a_head_is_a_setting() {
    let scene = Scene::with(|config| config.proxies[0].max_header_bytes = 4096).await;
    for (len, status) in [(3000, 200), (5000, 431), (100_000, 431)] {
        let value = "a".repeat(len);
        let mut client = Client::connect(scene.agent.addr()).await;
        let _ = client.try_send(&throughline_tests::client::get("/", &[("x-long", &value)])).await;
        assert_eq!(client.answer().await.status(), status, "a header of {len} bytes");
    }
    assert_serves(&scene, "long heads").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_never_stop_the_proxy() {
    let mut random = throughline_tests::random::Random::for_suite("refusals");
    let scene = Scene::start().await;
    for round in 0..200 {
        let len = random.below(300);
        let noise = random.text(b"GET / HTP1.\r\n:\0\xff aHost\t", len);
        let mut client = Client::connect(scene.agent.addr()).await;
        let _ = client.try_send(&noise).await;
        if round % 20 == 0 {
            assert_serves(&scene, &format!("noise {}", noise.escape_ascii())).await;
        }
    }
    assert_serves(&scene, "noise").await;
}

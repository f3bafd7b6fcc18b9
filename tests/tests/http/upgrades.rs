//! Connections that become something else: WebSocket and other upgrades.

use throughline_tests::client::head;
use throughline_tests::{Answer, Client, Scene, Upstream, eventually};

use super::assert_serves;

async fn scene() -> Scene {
    let upstream = Upstream::start(|head| match head.value("upgrade").to_ascii_lowercase().as_str() {
        "websocket" => Answer::Tunnel("websocket"),
        "foo" => Answer::Tunnel("foo"),
        _ => Answer::ok(),
    });
    Scene::before(upstream.await, |_| ()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_flow_both_ways_after_an_upgrade() {
    let scene = scene().await;
    for protocol in ["websocket", "foo"] {
        let headers = [
            ("Connection", "Upgrade"),
            ("Upgrade", protocol),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut client = Client::connect(scene.agent.addr()).await;
        client.send(&head("GET", "/socket", &headers)).await;
        let answer = client.answer().await;
        assert_eq!(answer.status(), 101, "{protocol}: {:?}", answer.head);
        assert_eq!(answer.head.value("upgrade"), protocol);
        let arrived = scene.upstream.last().await.head;
        assert_eq!(arrived.values("upgrade"), [protocol], "the upstream sees the wish");
        assert_eq!(arrived.values("sec-websocket-key").len(), 1);
        for frame in [b"\x81\x85\x01\x02\x03\x04ideli".to_vec(), vec![0; 100_000], b"\r\n\r\nGET / HTTP/1.1".to_vec()] {
            client.send(&frame).await;
            let mut back = Vec::new();
            while back.len() < frame.len() {
                let bytes = client.some().await.expect("the tunnel stands");
                assert!(!bytes.is_empty(), "{protocol}: closed after {} of {} bytes", back.len(), frame.len());
                back.extend(bytes);
            }
            assert!(back == frame, "{protocol}: an echo of {} bytes", frame.len());
        }
    }
    eventually("the tunnels to be closed behind their clients", || {
        (scene.agent.count("throughline_connections_open", &[]) == 0).then_some(())
    })
    .await;
    assert_serves(&scene, "two tunnels").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_the_upstream_does_not_grant_is_an_ordinary_request() {
    let scene = scene().await;
    let mut client = Client::connect(scene.agent.addr()).await;
    for protocol in ["bar", "h2c"] {
        client.send(&head("GET", "/", &[("Connection", "Upgrade"), ("Upgrade", protocol)])).await;
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"), "{protocol}");
    }
    let arrived = scene.upstream.last().await.head;
    assert!(arrived.values("upgrade").is_empty(), "h2c is never offered to an HTTP/1 upstream: {arrived:?}");
}

//! File descriptors used up: whoever is connected is answered where a connection to the upstream is lacking, and service
//! resumes when there are descriptors again.

use throughline_tests::binary::Binary;
use throughline_tests::client::get;
use throughline_tests::real::{program, skipped};
use throughline_tests::{Client, Upstream, ask, eventually};

/// Room for the process itself and some connections.
const LIMIT: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn service_resumes_after_descriptors_were_used_up() {
    let test = "service_resumes_after_descriptors_were_used_up";
    let Some(prlimit) = program("prlimit") else { return skipped(test, "no prlimit in PATH") };
    let upstream = Upstream::ok().await;
    let (url, limit) = (format!("http://{}", upstream.addr()), format!("--nofile={LIMIT}"));
    let wrapper = [prlimit.to_str().expect("a path of text"), &limit];
    let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--export", "none", "--threads", "1"];
    let mut binary = Binary::within(&wrapper, &args, &[]);
    let proxy = binary.proxy().await;

    let mut connected = Client::connect(proxy).await;
    let mut crowd = Vec::new();
    for _ in 0..LIMIT {
        crowd.push(Client::connect(proxy).await);
    }
    eventually("the descriptors to be used up", || binary.stderr().contains("cannot be accepted").then_some(())).await;
    connected.send(&get("/crowded", &[])).await;
    let answer = connected.answer().await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert!(answer.head.value("content-type").starts_with("text/plain") && answer.body.len < 300, "{answer:?}");
    assert_eq!(upstream.count(), 0);
    let told = "raise the limit of open files";
    assert!(binary.stderr().contains(told), "the remedy is told: {}", binary.stderr());

    drop(crowd);
    let again = ask(proxy, &get("/after", &[])).await;
    assert_eq!((again.status(), again.text().as_str()), (200, "hello"), "{}", binary.stderr());
    for _ in 0..20 {
        assert_eq!(ask(proxy, &get("/on", &[])).await.status(), 200);
    }
    binary.signal("TERM");
    assert!(binary.finished().await.status.success());
}

//! Bodies are passed on, not held: a gigabyte each way in little memory, measured on the real process.

use throughline_tests::binary::Binary;
use throughline_tests::client::{get, head};
use throughline_tests::{Answer, Client, Upstream};

const GIBIBYTE: u64 = 1 << 30;
const MOST_MEMORY: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_up_and_down_needs_little_memory() {
    let upstream = Upstream::start(|head| match head.word(0).as_str() {
        "GET" => Answer::Zeros(GIBIBYTE),
        _ => Answer::ok(),
    })
    .await;
    let url = format!("http://{}", upstream.addr());
    let mut binary = Binary::start(&["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--export", "none"]);
    let mut client = Client::connect(binary.proxy().await).await;

    client.send(&head("POST", "/up", &[("Content-Length", &GIBIBYTE.to_string())])).await;
    client.send_zeros(GIBIBYTE).await.expect("the proxy takes the body");
    assert_eq!(client.answer().await.status(), 200);
    assert_eq!(upstream.last().await.body_len, GIBIBYTE, "the whole upload arrives");

    client.send(&get("/down", &[])).await;
    let answer = client.patient_answer().await.expect("an answer");
    assert_eq!((answer.body.len, answer.body.complete), (GIBIBYTE, true), "the whole download arrives");
    let peak = binary.peak_memory();
    assert!(peak < MOST_MEMORY, "{} MiB at the most", peak >> 20);
}

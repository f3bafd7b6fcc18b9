//! Unmarked traffic is never changed by default: for each of `traceparent`, `tracestate` and `baggage`, the list of
//! lines that arrives equals the list sent, whatever is in them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::Arc;

use throughline_tests::message::Head;
use throughline_tests::random::Random;
use throughline_tests::scene::CONTEXT_FIELDS;
use throughline_tests::{Answer, Client, Scene, Upstream};

/// Requests in all; `THROUGHLINE_TEST_REQUESTS` changes it.
const REQUESTS: usize = 20_000;
const CONNECTIONS: usize = 8;
/// Requests sent at once on a connection.
const PIPELINE: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn random_unmarked_contexts_arrive_as_they_were_sent() {
    let requests = std::env::var("THROUGHLINE_TEST_REQUESTS").map_or(REQUESTS, |n| n.parse().unwrap());
    let mut random = Random::for_suite("forwarding");
    let all: Arc<Vec<Vec<u8>>> = Arc::new((0..requests).map(|n| request(&mut random, n)).collect());
    let scene = Scene::before(Upstream::start(|_| Answer::text(204, "")).await, |config| {
        config.proxies[0].admission = Some(throughline::trace::admission::AdmissionConfig::default());
    })
    .await;

    let addr = scene.agent.addr();
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|first| {
            let all = Arc::clone(&all);
            tokio::spawn(async move {
                let mut client = Client::connect(addr).await;
                let own: Vec<&Vec<u8>> = all.iter().skip(first).step_by(CONNECTIONS).collect();
                for together in own.chunks(PIPELINE) {
                    client
                        .send(&together.iter().flat_map(|request| request.iter().copied()).collect::<Vec<u8>>())
                        .await;
                    for request in together {
                        assert_eq!(client.answer_to(request).await.status(), 204, "{}", request.escape_ascii());
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }

    let arrived: HashMap<String, Head> =
        scene.upstream.seen().into_iter().map(|seen| (seen.head.path(), seen.head)).collect();
    assert_eq!(arrived.len(), requests, "every request arrives");
    for sent in all.iter().map(|bytes| Head(bytes.clone())) {
        let head = &arrived[&sent.path()];
        for field in CONTEXT_FIELDS {
            assert_eq!(head.lines_of(field), sent.lines_of(field), "{field} of {sent:?}");
        }
    }
    assert_eq!(scene.agent.count("throughline_requests", &[("action", "forward"), ("mark", "none")]), requests as u64);
    scene.finish(0).await;
}

/// Request `number`: none, one or several lines of each field, among lines of other names.
fn request(random: &mut Random, number: usize) -> Vec<u8> {
    let mut lines: Vec<(String, Vec<u8>)> = Vec::new();
    for _ in 0..random.below(5) {
        let line = match random.below(8) {
            0..3 => (name(random, "traceparent"), traceparent(random)),
            3..6 => (name(random, "tracestate"), tracestate(random)),
            6 => (name(random, "baggage"), value(random, 120)),
            _ => (format!("x-other-{}", random.below(3)), value(random, 30)),
        };
        lines.push(line);
    }
    let mut bytes = format!("GET /{number} HTTP/1.1\r\nHost: service.test\r\n").into_bytes();
    for (name, value) in lines {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(if random.percent(80) { b": " } else { b":\t " });
        bytes.extend_from_slice(&value);
        bytes.extend_from_slice(if random.percent(80) { b"\r\n" } else { b" \r\n" });
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// The name in some mixture of cases.
fn name(random: &mut Random, name: &str) -> String {
    match random.below(4) {
        0 => name.to_ascii_uppercase(),
        1 => name.chars().map(|c| if random.percent(50) { c.to_ascii_uppercase() } else { c }).collect(),
        _ => name.to_owned(),
    }
}

/// A valid value, one with a mistake, or nonsense.
fn traceparent(random: &mut Random) -> Vec<u8> {
    let flags = *random.pick(&["00", "01", "02", "03", "ff", "8c"]);
    let version = *random.pick(&["00", "00", "00", "01", "cc", "ff"]);
    let mut text = format!("{version}-{}-{}-{flags}", random.hex(32), random.hex(16)).into_bytes();
    match random.below(10) {
        0 => text.truncate(random.below(text.len())),
        1 => text.extend_from_slice(b"-more"),
        2 => text.make_ascii_uppercase(),
        3 => {
            let at = random.below(text.len());
            text[at] = *random.pick(b"-+ gZ.\xff\x80");
        }
        4 => text = value(random, 80),
        _ => {}
    }
    text
}

/// A list of members; never the mark beside a valid traceparent, because the key `checkly` always has another value.
fn tracestate(random: &mut Random) -> Vec<u8> {
    let mut members: Vec<Vec<u8>> = Vec::new();
    let most = if random.percent(5) { 40 } else { 6 };
    for _ in 0..random.below(most) {
        let member = match random.below(10) {
            0 => b"checkly=truex".to_vec(),
            1 => b"xcheckly=true".to_vec(),
            2 => b"checkly=false".to_vec(),
            3 => Vec::new(),
            4 => value(random, 20).into_iter().filter(|byte| *byte != b',').collect(),
            _ => {
                let key_length = 1 + random.below(12);
                let key = random.text(b"abcdefghijklmnopqrstuvwxyz0123456789_-*/@", key_length);
                let length = 1 + random.below(20);
                [key, b"=".to_vec(), random.text(b"abcXYZ0189 ;:!~{}", length)].concat()
            }
        };
        members.push(member);
    }
    members.join(*random.pick(&[b",".as_slice(), b" , ", b",\t"]))
}

/// Any bytes that a header value may hold, without the mark.
fn value(random: &mut Random, most: usize) -> Vec<u8> {
    let length = random.below(most);
    random.text(b"abcdefgh0123456789=,;-_ /\"\\%+\t~!\xc3\xa4\xff\x80", length)
}

//! Agents as sources: scripted admin ports that answer, refuse, break off or are not there.

use std::sync::{Arc, Mutex};

use throughline_tests::recording::Behaviour;
use throughline_tests::upstream::nobody;
use throughline_tests::{Answer, Upstream};

use super::{json, report, shop_and_cart, verdicts, write};

/// An admin port that has these observations.
async fn agent(text: String) -> Upstream {
    Upstream::start(move |head| match head.path() {
        path if path.starts_with("/v1/observations") => Answer::text(200, &text),
        _ => Answer::text(404, "not found\n"),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_and_one_is_gone() {
    let alive = agent(shop_and_cart(Behaviour::Forwards, Behaviour::LosesMark)).await;
    let gone = format!("http://{}", nobody());
    let alive = format!("http://{}", alive.addr());
    let finished = report(&[&alive, &gone]).await;
    assert_eq!(finished.status.code(), Some(3), "{finished:?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    assert!(finished.stderr.starts_with(&format!("warning: {gone}: unreachable: connection refused")), "{finished:?}");
    let page = &finished.stdout;
    assert!(page.contains("G103  cart -> stock"), "what the other one saw is reported: {page}");
    assert!(page.contains(&format!("Exit code 3: source {gone} is missing: unreachable")), "{page}");
    assert!(page.contains(&format!("missing: {gone}")) && page.contains("1 of 2 complete"), "{page}");
    let (code, value) = json(&[&gone, &alive, "--fail-on", "error"]).await;
    assert_eq!(code, Some(1), "a finding wins over what is missing");
    assert_eq!((&value["sources"][0]["state"], &value["sources"][1]["state"]), (&"missing".into(), &"complete".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_asked_with_time_and_token() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let text = shop_and_cart(Behaviour::Forwards, Behaviour::Forwards);
    let agent = Upstream::start(move |head| {
        let token = String::from_utf8_lossy(&head.0).contains("authorization: Bearer secret-token\r\n");
        seen.lock().expect("no poison").push(head.start_line());
        if token { Answer::text(200, &text) } else { Answer::text(401, "a token is needed\n") }
    })
    .await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let token = write(folder.path(), "token", "secret-token\n");
    let url = format!("http://{}", agent.addr());
    let token = token.to_str().expect("a path");
    assert_eq!(report(&[&url, "--token-file", token, "--since", "1h"]).await.status.code(), Some(0));
    let asked = heads.lock().expect("no poison").clone();
    assert!(asked[0].starts_with("GET /v1/observations?since=1"), "{asked:?}");
    let refused = report(&[&url]).await;
    assert_eq!(refused.status.code(), Some(3));
    assert!(refused.stderr.contains("not authorised: answered 401; name its token with --token-file"), "{refused:?}");
    let wrong = write(folder.path(), "wrong", "another\n");
    let refused = report(&[&url, "--token-file", wrong.to_str().expect("a path")]).await;
    assert!(refused.stderr.contains("the token is refused") && !refused.stderr.contains("another"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_misbehave_are_named() {
    let text = shop_and_cart(Behaviour::Forwards, Behaviour::LosesMark);
    let half = text.get(..text.len() / 2 + 7).expect("ASCII").to_owned();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
    let rows: Vec<(Answer, &str, &str)> = vec![
        (Answer::text(404, "not found\n"), "has no /v1/observations", "another program"),
        (Answer::text(500, "oops\n"), "answered 500", "one that fails"),
        (Answer::text(302, "elsewhere\n"), "answered 302", "a redirect is not followed: it would get the token"),
        (Answer::text(200, "<html>\n</html>\n"), "no header: a recording begins with", "a web page"),
        (Answer::RawThenClose([head.as_bytes(), half.as_bytes()].concat()), "broke off", "one that dies half-way"),
        (Answer::text(200, ""), "empty: not even the line", "an answer of nothing"),
    ];
    for (answer, said, reason) in rows {
        let agent = Upstream::start(move |_| answer.clone()).await;
        let finished = report(&[&format!("http://{}", agent.addr())]).await;
        assert_eq!(finished.status.code(), Some(3), "{reason}: {finished:?}");
        assert!(finished.stderr.contains(said), "{reason}: {said:?} is missing in {:?}", finished.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_half_a_report() {
    let text = shop_and_cart(Behaviour::Forwards, Behaviour::LosesMark);
    let half = text.get(..text.len() / 2 + 7).expect("ASCII").to_owned();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
    let bytes = [head.as_bytes(), half.as_bytes()].concat();
    let agent = Upstream::start(move |_| Answer::RawThenClose(bytes.clone())).await;
    let (code, value) = json(&[&format!("http://{}", agent.addr())]).await;
    assert_eq!((code, &value["sources"][0]["state"]), (Some(3), &"partial".into()), "{value:#}");
    assert_eq!(verdicts(&value["hops"])[0], "cart -> stock: breaks G103 confirmed", "what came is judged");
}

//! SIGHUP: what is the same is left alone, what differs changes without a refused connection, and mistakes change nothing.

use std::time::Duration;

use throughline_tests::binary::{Binary, metric};
use throughline_tests::client::{Response, get};
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::load::Load;
use throughline_tests::upstream::nobody;
use throughline_tests::{Answer, Client, Collector, Upstream, ask, eventually};

use super::{File, file_of};

const DONE: &str = "the configuration was read again";
const REFUSED: &str = "nothing was changed";

/// Asks the agent to read its file again, and waits for the `count`th time that it says `said`.
async fn reload(binary: &Binary, said: &str, count: usize) -> String {
    binary.signal("HUP");
    eventually(said, || (binary.stderr().matches(said).count() >= count).then_some(())).await;
    binary.stderr().lines().rfind(|line| line.contains(said)).expect("the line is there").to_owned()
}

/// One request and its answer on a connection that stays.
async fn exchange(client: &mut Client, request: &[u8]) -> Response {
    client.send(request).await;
    client.answer().await
}

/// What a last line says of proxies: `kept=1` and so on.
fn assert_says(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.split_whitespace().any(|said| said == *word), "{word}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_come_change_and_go() {
    let (shop, old, new, extra) = (
        Upstream::ok().await,
        Upstream::start(|_| Answer::text(200, "old")).await,
        Upstream::start(|_| Answer::text(200, "new")).await,
        Upstream::ok().await,
    );
    let none = "export: {to: none}";
    let file =
        File::new(&file_of(&[("shop", shop.addr(), ""), ("cart", old.addr(), ""), ("gone", extra.addr(), "")], none));
    let mut binary = file.agent();
    let [at_shop, at_cart, at_gone] =
        [binary.proxy_of("shop").await, binary.proxy_of("cart").await, binary.proxy_of("gone").await];
    let mut kept = Client::connect(at_shop).await;
    let mut changed = Client::connect(at_cart).await;
    for client in [&mut kept, &mut changed] {
        assert_eq!(exchange(client, &get("/before", &[])).await.status(), 200);
    }
    assert_eq!(ask(at_cart, &get("/", &[])).await.text(), "old");
    assert_eq!(ask(at_gone, &get("/", &[])).await.status(), 200);

    file.write(&file_of(&[("shop", shop.addr(), ""), ("cart", new.addr(), ""), ("more", extra.addr(), "")], none));
    assert_says(&reload(&binary, DONE, 1).await, &["kept=1", "changed=1", "added=1", "removed=1", "exporter=false"]);
    let at_more = binary.proxy_of("more").await;
    assert_eq!(ask(at_more, &get("/", &[])).await.status(), 200, "the new one serves");
    assert_eq!(ask(at_cart, &get("/", &[])).await.text(), "new", "the same port sends elsewhere from now on");
    let answer = exchange(&mut kept, &get("/after", &[])).await;
    assert_eq!((answer.status(), answer.closes()), (200, false), "what is the same is not touched");
    assert!(changed.is_closed().await, "an idle connection of the old one ends");
    eventually("the old listener to close", || {
        std::net::TcpStream::connect_timeout(&at_gone, Duration::from_secs(1)).is_err().then_some(())
    })
    .await;
    assert_eq!(shop.connections(), 1, "not even the upstream's connection is");
    binary.signal("TERM");
    assert!(binary.finished().await.status.success());
}

/// The listener of a proxy that changes never closes: not one connection of many is refused, no request is lost.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_while_a_proxy_changes() {
    let (upstream, collector) = (Upstream::ok().await, Collector::start().await);
    let export = format!("export: {{endpoint: '{}', queue: {{delay: 50ms}}}}", collector.endpoint());
    let text = |keys: &str| file_of(&[("shop", upstream.addr(), keys)], &export);
    let file = File::new(&text(", admission: off"));
    let mut binary = file.agent();
    let at = binary.proxy_of("shop").await;
    // Every request comes on a connection of its own, so that the listener is what is tested.
    let load = Load::bounded(8, 3_000, |_| {
        String::from_utf8(marked_get("/", &Traceparent::fresh(1)))
            .expect("a head of text")
            .replacen("\r\n", "\r\nConnection: close\r\n", 1)
            .into_bytes()
    });
    let running = tokio::spawn(async move { load.run(at).await });
    for round in 1..=10_usize {
        let before = upstream.count();
        file.write(&text(&format!(", admission: off, timeouts: {{read: {}s}}", 60 + round)));
        assert_says(&reload(&binary, DONE, round).await, &["changed=1", "kept=0"]);
        eventually("more load", || (upstream.count() >= (before + 100).min(3_000)).then_some(())).await;
    }
    let outcome = running.await.expect("the load ends");
    assert_eq!(outcome.refused, 0, "no connection is refused");
    outcome.assert_all_ok(3_000);
    binary.signal("TERM");
    let finished = binary.finished().await;
    assert!(finished.status.success(), "{}", finished.stderr);
    assert_eq!(upstream.count(), 3_000);
    assert_eq!(collector.distinct(), 6_000, "two spans for each");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_ends_by_the_old_settings() {
    let slow = Upstream::start(|_| Answer::after(Duration::from_millis(1500), Answer::text(200, "slow"))).await;
    let quick = Upstream::start(|_| Answer::text(200, "quick")).await;
    let file = File::new(&file_of(&[("shop", slow.addr(), "")], "export: {to: none}"));
    let mut binary = file.agent();
    let at = binary.proxy_of("shop").await;
    let mut waiting = Client::connect(at).await;
    waiting.send(&get("/", &[])).await;
    eventually("the request to arrive", || (slow.count() == 1).then_some(())).await;
    file.write(&file_of(&[("shop", quick.addr(), "")], "export: {to: none}"));
    reload(&binary, DONE, 1).await;
    assert_eq!(ask(at, &get("/", &[])).await.text(), "quick");
    let answer = waiting.answer().await;
    assert_eq!((answer.status(), answer.text().as_str(), answer.closes()), (200, "slow", true), "drained, not cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_change_nothing_and_are_all_named() {
    let (upstream, taken) = (Upstream::ok().await, std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let good = file_of(&[("shop", upstream.addr(), "")], "export: {to: none}");
    let file = File::new(&good);
    let mut binary = file.agent();
    let (at, admin) = (binary.proxy_of("shop").await, binary.admin().await);
    let mut client = Client::connect(at).await;
    exchange(&mut client, &get("/", &[])).await;
    let taken = taken.local_addr().map(|address| (taken, address)).expect("an address");
    let (own, other) = (format!("{at}"), format!("{}", taken.1));
    let bad = [
        (
            file_of(&[("shop", upstream.addr(), ", record: x, inject: y")], "z: 1"),
            3,
            "there is no such key",
            "mistakes",
        ),
        ("a: [".to_owned(), 1, "this is no YAML", "no YAML"),
        (
            file_of(&[("shop", nobody(), ""), ("cart", upstream.addr(), "")], "")
                .replace("cart, listen: '127.0.0.1:0'", &format!("cart, listen: '{other}'")),
            0,
            "cannot listen on",
            "a port in use",
        ),
        (
            file_of(&[("shop", at, "")], "").replacen("listen: '127.0.0.1:0'", &format!("listen: '{own}'"), 1),
            1,
            "leads back here",
            "a loop",
        ),
        (
            good.replacen("listen: '127.0.0.1:0'", &format!("listen: ':{}'", at.port()), 1),
            0,
            "a proxy of this agent listens there until a restart",
            "another address that has this one",
        ),
    ];
    let count = bad.len();
    for (round, (text, mistakes, expected, reason)) in bad.into_iter().enumerate() {
        file.write(&text);
        let before = binary.stderr().len();
        reload(&binary, REFUSED, round + 1).await;
        let said = binary.stderr().split_off(before);
        assert!(said.contains(expected), "{reason}: {said}");
        let named = said.lines().filter(|line| line.contains("throughline.yaml:")).count();
        assert_eq!(named, mistakes, "{reason}: {said}");
        let answer = exchange(&mut client, &get("/", &[])).await;
        assert_eq!((answer.status(), answer.closes()), (200, false), "{reason}: the old settings hold");
    }
    std::fs::remove_file(&file.path).expect("the file can be removed");
    reload(&binary, REFUSED, count + 1).await;
    assert_eq!(ask(admin, &get("/readyz", &[])).await.status(), 200);
    file.write(&good);
    assert_says(&reload(&binary, DONE, 1).await, &["kept=1", "changed=0", "added=0", "removed=0"]);
    assert_eq!(exchange(&mut client, &get("/", &[])).await.status(), 200);
    binary.signal("TERM");
    assert!(binary.finished().await.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_go_elsewhere_and_none_is_lost() {
    let (upstream, first, second) = (
        Upstream::start(|head| match head.path().as_str() {
            "/slow" => Answer::after(Duration::from_millis(700), Answer::ok()),
            _ => Answer::ok(),
        })
        .await,
        Collector::start().await,
        Collector::start().await,
    );
    let text = |collector: &Collector, sections: &str| {
        file_of(
            &[("shop", upstream.addr(), ", admission: off")],
            &format!("export: {{endpoint: '{}', queue: {{delay: 10s}}}}\n{sections}", collector.endpoint()),
        )
    };
    let file = File::new(&text(&first, ""));
    let mut binary = file.agent();
    let at = binary.proxy_of("shop").await;
    let mut client = Client::connect(at).await;
    for _ in 0..20 {
        exchange(&mut client, &marked_get("/", &Traceparent::fresh(1))).await;
    }
    let slow = Traceparent::fresh(1);
    let mut waiting = Client::connect(at).await;
    waiting.send(&marked_get("/slow", &slow)).await;
    eventually("the slow request to arrive", || (upstream.count() == 21).then_some(())).await;
    assert_eq!(first.distinct(), 0, "the batch waits");
    file.write(&text(&second, "threads: 9"));
    assert_says(&reload(&binary, DONE, 1).await, &["kept=1", "exporter=true"]);
    assert!(binary.stderr().contains("setting=\"threads\""), "a restart is asked for: {}", binary.stderr());
    for _ in 0..10 {
        let answer = exchange(&mut client, &marked_get("/", &Traceparent::fresh(1))).await;
        assert!(!answer.closes(), "the proxy was not touched");
    }
    assert_eq!(waiting.answer().await.status(), 200);
    eventually("the old exporter to send what it held", || (first.distinct() == 42).then_some(())).await;
    assert_eq!(first.trace(&slow.trace_id).len(), 2, "a request's places are kept where they were reserved");
    assert_eq!(metric(binary.admin().await, "throughline_spans_started_total").await, 62);
    binary.signal("TERM");
    let finished = binary.finished().await;
    assert!(finished.status.success(), "{}", finished.stderr);
    assert_eq!((first.distinct(), second.distinct()), (42, 20), "none is lost, none comes twice");
}

/// What is seen goes to the same recording before and after, by a proxy that came with the change, too.
#[tokio::test(flavor = "multi_thread")]
async fn observations_go_on_through_a_change() {
    let upstream = Upstream::ok().await;
    let sections = "export: {to: none}\nobserve: {file: seen.ndjson}";
    let file = File::new(&file_of(&[("shop", upstream.addr(), "")], sections));
    let mut binary = file.agent();
    let at = binary.proxy_of("shop").await;
    assert_eq!(ask(at, &get("/before", &[])).await.status(), 200);
    let later = [("shop", upstream.addr(), ", timeouts: {read: 9s}"), ("late", upstream.addr(), "")];
    file.write(&file_of(&later, sections));
    assert_says(&reload(&binary, DONE, 1).await, &["changed=1", "added=1"]);
    for (address, path) in [(at, "/after"), (binary.proxy_of("late").await, "/late")] {
        assert_eq!(ask(address, &get(path, &[])).await.status(), 200, "{path}");
    }
    binary.signal("TERM");
    assert!(binary.finished().await.status.success());
    let recording = std::fs::read_to_string(file.folder.path().join("seen.ndjson")).expect("there is a recording");
    let routes = |path: &str| recording.lines().filter(|line| line.contains(&format!("\"route\":\"{path}\""))).count();
    assert_eq!((routes("/before"), routes("/after"), routes("/late")), (1, 1, 1), "{recording}");
}

/// SIGHUP means nothing to `proxy` but what it means to any process whose terminal is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_without_a_file_ends_by_a_hangup() {
    let url = format!("http://{}", nobody());
    let args = ["proxy", "--listen", "127.0.0.1:0", "--upstream", &url, "--export", "none"];
    // Whoever runs the tests by nohup has it ignored by all children.
    let mut binary = Binary::within(&["env", "--default-signal=HUP"], &args, &[]);
    binary.proxy().await;
    binary.signal("HUP");
    assert!(!binary.finished().await.status.success());
}

//! One process, several proxies, and an admin port with and without a token.

use std::os::unix::fs::PermissionsExt as _;

use throughline_tests::binary::{Binary, metric, run};
use throughline_tests::client::get;
use throughline_tests::context::{Traceparent, marked_get};
use throughline_tests::{Collector, Upstream, ask};

use super::{File, file_of};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test(flavor = "multi_thread")]
async fn several_proxies_serve_their_own_services() {
    let (shop, cart, collector) = (Upstream::ok().await, Upstream::ok().await, Collector::start().await);
    let export = format!("export: {{endpoint: '{}', queue: {{delay: 50ms}}}}", collector.endpoint());
    let cart_keys = ", instrumented: true, same_backend: true, timeouts: {upstream_idle: 1s}";
    let file = File::new(&file_of(&[("shop", shop.addr(), ""), ("cart", cart.addr(), cart_keys)], &export));
    // The agent's own name is not the services'.
    let mut binary = Binary::with_env(&["agent", "--config", file.path()], &[("OTEL_SERVICE_NAME", "agent-7")]);
    let (at_shop, at_cart, admin) =
        (binary.proxy_of("shop").await, binary.proxy_of("cart").await, binary.admin().await);
    assert_ne!(at_shop, at_cart);
    assert_eq!(ask(admin, &get("/readyz", &[])).await.status(), 200);

    let (first, second) = (Traceparent::fresh(1), Traceparent::fresh(1));
    for (address, context, path) in [(at_shop, &first, "/a"), (at_cart, &second, "/b"), (at_shop, &second, "/c")] {
        assert_eq!(ask(address, &marked_get(path, context)).await.status(), 200, "{path}");
    }
    assert_eq!(shop.seen().iter().map(|seen| seen.head.path()).collect::<Vec<_>>(), ["/a", "/c"]);
    assert_eq!(cart.seen().iter().map(|seen| seen.head.path()).collect::<Vec<_>>(), ["/b"]);
    let (server, _) = collector.request(&first.trace_id, 2).await;
    assert_eq!(server.service(), "shop");
    binary.signal("TERM");
    let finished = binary.finished().await;
    assert!(finished.status.success(), "{}", finished.stderr);
    let names: std::collections::BTreeSet<String> =
        collector.spans().iter().map(|span| span.service().to_owned()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["cart-edge", "shop"], "an instrumented service keeps its name");
    assert_eq!(collector.distinct(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_one_line_and_nothing_serves() {
    let (upstream, taken) = (Upstream::ok().await, std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let taken = taken.local_addr().map(|address| (taken, address)).expect("an address");
    let text = file_of(&[("shop", upstream.addr(), ""), ("cart", upstream.addr(), "")], "export: {to: none}");
    let text = text.replace("cart, listen: '127.0.0.1:0'", &format!("cart, listen: '{}'", taken.1));
    let finished = run(&["agent", "--config", File::new(&text).path()], &[]).await;
    assert_eq!((finished.status.code(), finished.stderr.lines().count()), (Some(2), 1), "{}", finished.stderr);
    assert!(finished.stderr.contains(&format!("cannot listen on {}", taken.1)), "{}", finished.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_machines_are_asked_for_a_token() {
    let upstream = Upstream::ok().await;
    let sections = "export: {to: none}";
    let open = file_of(&[("shop", upstream.addr(), "")], sections)
        .replace("admin: {listen: '127.0.0.1:0'}", "admin: {listen: ':0'}");
    let refused = run(&["agent", "--config", File::new(&open).path()], &[]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stderr.contains("can be reached from other machines"), "{}", refused.stderr);

    let guarded = File::new(&open.replace("listen: ':0'}", "listen: ':0', token_file: token}"));
    let token = guarded.folder.path().join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).expect("the token can be written");
    let mode =
        |mode| std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).expect("its mode can be set");
    mode(0o644);
    let refused = run(&["agent", "--config", guarded.path()], &[]).await;
    assert_eq!(refused.status.code(), Some(2), "a token that all can read is none");
    assert!(
        refused.stderr.contains("can be read by every user") && !refused.stderr.contains(TOKEN),
        "{}",
        refused.stderr
    );

    mode(0o640);
    let mut binary = guarded.agent();
    let port = binary.admin().await.port();
    let admin = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let with = format!("Bearer {TOKEN}");
    for (path, headers, status) in [
        ("/readyz", &[][..], 200),
        ("/livez", &[], 200),
        ("/metrics", &[], 401),
        ("/v1/bypass", &[("Authorization", "Bearer 0123456789abcdef")], 401),
        ("/metrics", &[("Authorization", with.as_str())], 200),
    ] {
        assert_eq!(ask(admin, &get(path, headers)).await.status(), status, "{path} {headers:?}");
    }
    binary.signal("TERM");
    let finished = binary.finished().await;
    assert!(finished.status.success() && !finished.stderr.contains(TOKEN), "{}", finished.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_count_more_than_the_file() {
    let upstream = Upstream::ok().await;
    let file = File::new(&file_of(&[("shop", upstream.addr(), "")], "threads: 1\nexport: {to: none}"));
    let mut binary = Binary::with_env(&["agent", "--config", file.path(), "--export", "print"], &[]);
    let context = Traceparent::fresh(1);
    assert_eq!(ask(binary.proxy().await, &marked_get("/", &context)).await.status(), 200);
    throughline_tests::eventually("two printed spans", || (binary.stdout().lines().count() == 2).then_some(())).await;
    assert_eq!(metric(binary.admin().await, "throughline_spans_started_total").await, 2);
    let away = run(&["agent", "--config", file.path(), "--admin", "0.0.0.0:0"], &[]).await;
    assert_eq!(away.status.code(), Some(2));
    assert!(away.stderr.contains("--admin: 0.0.0.0:0 can be reached"), "{}", away.stderr);
}

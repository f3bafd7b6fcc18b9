//! `X-Forwarded-For`, `-Proto` and `-Host` under each setting.

use throughline::config::proxy::Forwarded::{self, Append, Preserve, Replace};
use throughline_tests::client::get;
use throughline_tests::{Scene, ask};

/// The reason, the setting, the lines sent, and what arrives of For, Proto and Host.
type Row<'a> = (&'a str, Forwarded, &'a [(&'a str, &'a str)], [&'a str; 3]);

#[tokio::test(flavor = "multi_thread")]
async fn forwarded_headers_follow_the_setting() {
    const SENT: &[(&str, &str)] = &[
        ("X-Forwarded-For", "203.0.113.7, 198.51.100.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example"),
    ];
    let two: &[(&str, &str)] = &[("X-Forwarded-For", "203.0.113.7"), ("x-forwarded-for", "198.51.100.1")];
    let rows: &[Row<'_>] = &[
        ("absent is added", Preserve, &[], ["127.0.0.1", "http", "service.test"]),
        ("present stays", Preserve, SENT, ["203.0.113.7, 198.51.100.1", "https", "shop.example"]),
        ("each for itself", Preserve, &SENT[1..2], ["127.0.0.1", "https", "service.test"]),
        ("lines stay lines", Preserve, two, ["203.0.113.7, 198.51.100.1", "http", "service.test"]),
        ("nothing to append to", Append, &[], ["127.0.0.1", "http", "service.test"]),
        ("appended", Append, SENT, ["203.0.113.7, 198.51.100.1, 127.0.0.1", "https", "shop.example"]),
        ("appended to lines", Append, two, ["203.0.113.7, 198.51.100.1, 127.0.0.1", "http", "service.test"]),
        ("replaced", Replace, SENT, ["127.0.0.1", "http", "service.test"]),
        ("written where absent", Replace, &[], ["127.0.0.1", "http", "service.test"]),
    ];
    for (why, setting, sent, expected) in rows {
        let scene = Scene::with(|config| config.proxies[0].forwarded = *setting).await;
        assert_eq!(ask(scene.agent.addr(), &get("/", sent)).await.status(), 200);
        let arrived = scene.upstream.last().await.head;
        let fields = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
        assert_eq!(fields.map(|field| arrived.values(field).join(", ")), *expected, "{why}");
        assert_eq!(arrived.values("host"), ["service.test"], "{why}: Host is kept");
    }
}

//! Anyone can forge a mark: whose marks count, and whose word about the client's address is believed.

use ipnet::IpNet;
use throughline_tests::{Expect, Scene};

use super::{Line, lines};

const MARKED: [Line<'static>; 2] = [("traceparent", b"00-TRACE-SPAN-00"), ("tracestate", b"checkly=true")];

/// The reason, the trusted ranges, the trusted hops, the X-Forwarded-For lines, and what becomes of the context.
type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [&'a str], Expect);

#[tokio::test(flavor = "multi_thread")]
async fn marks_count_by_the_address_of_the_client() {
    let rows: &[Row<'_>] = &[
        ("no restriction", &[], &[], &[], Expect::Continue(1)),
        ("the peer is trusted", &["127.0.0.0/8"], &[], &[], Expect::Continue(1)),
        ("the peer is not", &["203.0.113.0/24"], &[], &[], Expect::Forward),
        ("one of several ranges", &["203.0.113.0/24", "127.0.0.1/32"], &[], &[], Expect::Continue(1)),
        ("X-Forwarded-For from just anyone", &["203.0.113.0/24"], &[], &["203.0.113.7"], Expect::Forward),
        (
            "X-Forwarded-For from a trusted hop",
            &["203.0.113.0/24"],
            &["127.0.0.1/32"],
            &["203.0.113.7"],
            Expect::Continue(1),
        ),
        (
            "a forged first entry",
            &["203.0.113.0/24"],
            &["127.0.0.1/32"],
            &["203.0.113.7, 198.51.100.1"],
            Expect::Forward,
        ),
        (
            "the last one before the hops",
            &["203.0.113.0/24"],
            &["127.0.0.1/32"],
            &["198.51.100.1, 203.0.113.7"],
            Expect::Continue(1),
        ),
        (
            "two hops",
            &["203.0.113.0/24"],
            &["127.0.0.1/32", "10.0.0.0/8"],
            &["203.0.113.7, 10.1.2.3"],
            Expect::Continue(1),
        ),
        ("two lines", &["203.0.113.0/24"], &["127.0.0.1/32"], &["198.51.100.1", "203.0.113.7"], Expect::Continue(1)),
        ("nonsense", &["203.0.113.0/24"], &["127.0.0.1/32"], &["nonsense"], Expect::Forward),
        ("a trusted hop is not a trusted source", &["203.0.113.0/24"], &["127.0.0.1/32"], &[], Expect::Forward),
        ("IPv6", &["2001:db8::/32"], &["127.0.0.1/32"], &["2001:db8::7"], Expect::Continue(1)),
    ];
    for (why, trust, hops, forwarded_for, expect) in rows {
        let scene = Scene::with(|config| {
            config.proxies[0].trust = nets(trust);
            config.proxies[0].trusted_hops = nets(hops);
        })
        .await;
        let mut row = lines(&MARKED);
        row.extend(forwarded_for.iter().map(|value| ("x-forwarded-for", value.as_bytes().to_vec())));
        scene.judge(why, "/", &row, *expect).await;
        let untrusted = scene.agent.count("throughline_requests", &[("mark", "untrusted")]);
        assert_eq!(untrusted, u64::from(*expect == Expect::Forward), "{why}: an ignored mark is counted");
        scene.finish(if *expect == Expect::Forward { 0 } else { 2 }).await;
    }
}

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().expect("a range of addresses")).collect()
}

//! Where calls may go, by target, by name and by address.

#![expect(clippy::unwrap_used, reason = "a failed test should stop")]

use super::*;

#[test]
fn targets_name_a_host_and_a_port() {
    type Row = (&'static str, Option<(&'static str, u16)>, &'static str);
    let rows: &[Row] = &[
        ("http://shop.internal/a", Some(("shop.internal", 80)), "the scheme's port"),
        ("HTTP://shop.internal:8080", Some(("shop.internal", 8080)), "no path, another case"),
        ("http://shop?next=http://x/", Some(("shop", 80)), "a query at once"),
        ("http://[::1]:8080/a", Some(("::1", 8080)), "version 6"),
        ("http://[::1]/a", Some(("::1", 80)), "version 6 without a port"),
        ("/a", None, "a target for a server"),
        ("https://shop/a", None, "another scheme"),
        ("http://", None, "no host"),
        ("http://:80/", None, "a port alone"),
        ("http://user@shop/", None, "a user's name"),
        ("http://user:secret@169.254.169.254/", None, "a password"),
        ("http://shop:0/", None, "no port"),
        ("http://shop:+80/", None, "a sign"),
        ("http://shop:/", None, "an empty port"),
        ("http://shop:80:80/", None, "two ports"),
        ("http://[fe80::1%25eth0]/", None, "a zone"),
        ("http://[::1/", None, "half a bracket"),
        ("http://a b/", None, "a space"),
        ("http://sh%6fp/", None, "an encoded name"),
        ("http:///a", None, "an empty authority"),
    ];
    for (target, expected, reason) in rows {
        let wanted = Wanted::of_target(target.as_bytes());
        let found = wanted.as_ref().map(|wanted| (wanted.host.as_str(), wanted.port));
        assert_eq!(found, *expected, "{reason}: {target}");
    }
    assert_eq!(Wanted::of_authority(b"shop", None), None, "CONNECT names its port");
    assert!(Wanted::of_target(format!("http://{}/", "a".repeat(256)).as_bytes()).is_none());
}

fn egress(allow: &[&str]) -> Egress {
    let own = Own {
        proxies: vec!["127.0.0.1:8080".parse().unwrap(), "0.0.0.0:9090".parse().unwrap()],
        egress: vec!["127.0.0.1:7070".parse().unwrap()],
    };
    let allow = allow.iter().map(|rule| rule.parse().unwrap()).collect();
    Egress::new(true, allow, Arc::new(ArcSwap::from_pointee(own)))
}

#[tokio::test]
async fn addresses_are_checked_after_the_name_was_looked_up() {
    type Row = (&'static [&'static str], &'static str, u16, Result<&'static str, NoWay>, &'static str);
    let rows: &[Row] = &[
        (&[], "127.0.0.1", 8080, Ok("127.0.0.1:8080"), "another proxy"),
        (&[], "localhost", 8080, Ok("127.0.0.1:8080"), "... by name; the other address of the name is left out"),
        (&[], "127.0.0.1", 9090, Ok("127.0.0.1:9090"), "a proxy on every address"),
        (&[], "127.0.0.1", 5432, Err(NoWay::Forbidden), "anything else on this machine"),
        (&[], "192.0.2.1", 8080, Err(NoWay::Forbidden), "another machine, though the port is a proxy's"),
        (&[], "192.0.2.1", 9090, Err(NoWay::Forbidden), "not an address of this machine"),
        (&["192.0.2.0/24:80"], "192.0.2.1", 80, Ok("192.0.2.1:80"), "an allowed range"),
        (&["192.0.2.0/24:80"], "192.0.2.1", 81, Err(NoWay::Forbidden), "another port"),
        (&["*"], "127.0.0.1", 7070, Err(NoWay::Forbidden), "an egress listener would be a loop"),
        (&["*", "169.254.0.0/16"], "169.254.169.254", 80, Err(NoWay::Forbidden), "metadata, however allowed"),
        (&["*"], "::ffff:169.254.169.254", 80, Err(NoWay::Forbidden), "... mapped"),
        (&["*"], "2852039166", 80, Err(NoWay::Forbidden), "... as one number, which resolvers understand"),
        (&["*"], "0xa9fea9fe", 80, Err(NoWay::Forbidden), "... in hexadecimal"),
        (&["*"], "0", 80, Err(NoWay::Forbidden), "no address"),
        (&["*"], "fe80::1", 80, Err(NoWay::Forbidden), "link-local"),
        (&["*"], "name.invalid", 80, Err(NoWay::Unknown), "a name without address"),
    ];
    for (allow, host, port, expected, reason) in rows {
        let wanted = Wanted { host: (*host).to_owned(), port: *port };
        let found = egress(allow).addresses(&wanted, Duration::from_secs(5)).await;
        let expected = expected.map(|address| vec![address.parse::<SocketAddr>().unwrap()]);
        assert_eq!(found, expected, "{reason}: {host}:{port}");
    }
}

#[test]
fn a_request_for_a_proxy_becomes_one_for_a_server() {
    type Row = (&'static str, &'static str, Option<&'static str>, &'static str, &'static str);
    let rows: &[Row] = &[
        ("GET", "http://shop:8080/a?b", None, "/a?b", "shop:8080"),
        ("GET", "http://shop", None, "/", "shop"),
        ("GET", "http://shop?b", None, "/?b", "shop"),
        ("OPTIONS", "http://shop", None, "*", "shop"),
        ("GET", "/a", Some("stock.internal"), "/a", "stock.internal"),
        ("GET", "http://shop/a", Some("stock.internal"), "/a", "stock.internal"),
        ("GET", "/a", None, "/a", "before.example"),
    ];
    for (method, target, upstream, path, host) in rows {
        let mut request = RequestHeader::build(*method, b"/", None).unwrap();
        request.set_raw_path(target.as_bytes()).unwrap();
        request.insert_header("Host", "before.example").unwrap();
        request.insert_header("Proxy-Connection", "keep-alive").unwrap();
        request.insert_header("Proxy-Authorization", "Basic c2VjcmV0").unwrap();
        request.insert_header("traceparent", "anything").unwrap();
        rewrite(&mut request, upstream.map(str::to_owned)).unwrap();
        assert_eq!(
            (request.raw_path(), request.headers.get("host").unwrap().to_str().unwrap()),
            (path.as_bytes(), *host)
        );
        assert_eq!(request.headers.len(), 2, "what was meant for the proxy is gone, and nothing else: {target}");
    }
}

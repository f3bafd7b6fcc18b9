//! Reading, showing, the example and the published schema know the same keys.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{machine, parse, with};
use crate::config::file::{EXAMPLE, Overrides, json_schema, read, show};

/// Paths of all keys in the schema, without indices.
fn published() -> BTreeSet<String> {
    fn walk(root: &Value, schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/")) {
            walk(root, root.pointer(&format!("/$defs/{name}")).unwrap(), path, found);
        }
        for (key, inside) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            walk(root, inside, &path, found);
            found.insert(path);
        }
        for inside in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten().chain(schema.get("items")) {
            walk(root, inside, path, found);
        }
    }
    let (schema, mut found) = (json_schema(), BTreeSet::new());
    walk(&schema, &schema, "", &mut found);
    found
}

/// The keys that reading knows in the section that a stranger was put into, as the message lists them.
fn known(text: &str) -> BTreeSet<String> {
    let problems = parse(text).unwrap_err();
    let stranger = problems.all.iter().find(|problem| problem.path.ends_with("zzzzzzzz")).unwrap();
    stranger.remedy.strip_prefix("there is: ").unwrap().split(", ").map(str::to_owned).collect()
}

#[test]
fn the_schema_has_the_keys_that_are_read() {
    let published = published();
    let below = |section: &str| -> BTreeSet<String> {
        let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
        let keys = published.iter().filter_map(|path| path.strip_prefix(prefix.as_str()));
        keys.filter(|key| !key.contains('.')).map(str::to_owned).collect()
    };
    for (section, text) in [
        ("", with("", "zzzzzzzz: 1")),
        ("proxies", with("zzzzzzzz: 1", "")),
        ("proxies.admission", with("admission: {zzzzzzzz: 1}", "")),
        ("proxies.timeouts", with("timeouts: {zzzzzzzz: 1}", "")),
        ("proxies.egress", with("egress: {zzzzzzzz: 1}", "")),
        ("export", with("", "export: {zzzzzzzz: 1}")),
        ("export.queue", with("", "export: {queue: {zzzzzzzz: 1}}")),
        ("stop", with("", "stop: {zzzzzzzz: 1}")),
        ("admin", with("", "admin: {zzzzzzzz: 1}")),
        ("report", with("", "report: {zzzzzzzz: 1}")),
        ("report.observations", with("", "report: {observations: {zzzzzzzz: 1}}")),
        ("observe", with("", "observe: {zzzzzzzz: 1}")),
        ("probe", with("", "probe: {zzzzzzzz: 1}")),
        ("probe.names", with("", "probe: {names: [{when: all, name: a, zzzzzzzz: 1}]}")),
    ] {
        let mut read = known(&text);
        // A kept word of which nothing can be said yet.
        read.remove("store");
        assert_eq!(read, below(section), "the section {section:?}");
    }
}

#[test]
fn the_example_names_every_key() {
    let leaf = |path: &String| path.rsplit('.').next().unwrap().to_owned();
    for key in published().iter().map(leaf) {
        assert!(EXAMPLE.contains(&format!("{key}:")), "{key}");
    }
}

/// With every `# ` before a key taken away the example is still a file without a mistake.
#[test]
fn what_the_example_comments_out_is_right() {
    let uncommented = EXAMPLE.lines().map(|line| {
        let bare = line.trim_start();
        let indent = &line[..line.len() - bare.len()];
        match bare.strip_prefix("# ") {
            Some(rest) if rest.split(':').next().is_some_and(|key| key.trim().chars().all(is_key)) => {
                format!("{indent}{rest}\n")
            }
            _ => format!("{line}\n"),
        }
    });
    let text: String = uncommented.collect();
    let text =
        text.replace("CHECKLY_KEY", "KEY").replace("checkly-ranges.txt", "ranges").replace("admin-token", "token");
    let text = text
        .replace("agent.pem", "ca.pem")
        .replace("agent.key", "key.pem")
        .replace("http://127.0.0.1:5000 ", "https://a ");
    let text = text.replace("instrumented: false", "instrumented: true");
    assert!(text.lines().filter(|line| line.trim_start().starts_with('#')).count() < 20, "{text}");
    let read = parse(&text).map_err(|problems| problems.to_string());
    assert_eq!(read.as_ref().map(|file| file.proxies.len()), Ok(1), "{text}");
}

fn is_key(c: char) -> bool {
    c.is_ascii_lowercase() || c == '_' || c == '.'
}

/// What is shown can be read, and comes to the same.
#[test]
fn what_is_shown_is_a_file() {
    for (keys, sections) in [
        ("", ""),
        (
            "record: none\ninject: all\nsampled: keep\ninstrumented: true\ntrust: [10.0.0.0/8]\ntrusted_hops: '@ranges'\n\
             forwarded: append\naccess_log: true\nadmission: off\ntimeouts: {read: 90s}\nmax_header_bytes: 999\n\
             addresses: [10.1.2.3]\negress: {listen: '127.0.0.1:1', upstream: 'http://[::1]:5'}",
            "threads: 5\nexport: {protocol: grpc, endpoint: 'http://c:1', timeout: 250ms, compression: gzip, certificate: ca.pem, \
             client_certificate: ca.pem, client_key: key.pem, resource: {a: b, c.d: 'null'}, queue: {max_size: 9, max_batch: 8, \
             delay: 1m 5s, timeout: 3s}}\nstop: {delay: 1s, drain: 2s, flush: 3s}\nadmin: {listen: ':1234', token_file: token}\n\
             report: {suppress: [G104, 'G107=a*'], scope: ['*.internal', '5'], observations: {max_bytes: 2000000}}\n\
             observe: {file: out.ndjson}",
        ),
        (
            "egress: {listen: '127.0.0.1:1', allow: [a, 'b*:5', 10.0.0.0/8, '10.1.2.3:80', '[::1]:80', '2001:db8::/32']}",
            "",
        ),
        (
            "",
            "probe: {enabled: true, targets: [all, 'pid:5', 'exe:/a*', 'port:80', 'cgroup:/a', 'unit:b'], names: [{when: \
             'port:80', name: '$$a-{port}'}], head_bytes: 999, ring_bytes: 65536, budget: 0, gate: 3s, literals: [synthetic=1, checkly=true]}",
        ),
        ("service: $$x", "export: {to: print}"),
        ("", "export: {to: none}"),
        ("", "export: {traces_endpoint: 'http://c/api'}"),
    ] {
        let text = with(keys, sections);
        // A second name for the service stands for the first.
        let text = if keys.starts_with("service") { text.replace("    service: shop\n", "") } else { text };
        let (config, _) = parse(&text).unwrap().settle(Overrides::default(), &|_| None).unwrap();
        let shown = show(&config).unwrap();
        let again = read("shown", &shown, &machine()).map_err(|problems| format!("{problems}\n{shown}")).unwrap();
        let (again, _) = again.settle(Overrides::default(), &|_| None).unwrap();
        assert_eq!(format!("{again:?}"), format!("{config:?}"), "{shown}");
    }
}

#[test]
fn what_is_shown_hides_secrets() {
    let text = with("", "export: {endpoint: 'http://me:${env:KEY}@c', headers: {authorization: '${env:KEY}'}}");
    let (config, _) = parse(&text).unwrap().settle(Overrides::default(), &|_| None).unwrap();
    let shown = show(&config).unwrap();
    assert!(!shown.contains("s3cret") && shown.contains("authorization: (hidden)"), "{shown}");
}

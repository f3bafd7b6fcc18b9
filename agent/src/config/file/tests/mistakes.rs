//! One mistake a row: where it is said to be, what is said of it, and why it is one.
#![expect(clippy::expect_used, reason = "the text belongs to the failure")]

use proptest::prelude::*;

use super::{machine, parse, with};
use crate::config::file::read;

/// The only mistake of a file, without the file's name.
fn only_mistake(text: &str) -> String {
    let problems = parse(text).expect_err(text);
    let lines: Vec<String> = problems.lines().collect();
    assert_eq!(lines.len(), 1, "{text}\n{lines:#?}");
    lines.concat().strip_prefix("f:").unwrap().to_owned()
}

#[test]
fn mistakes_of_a_proxy() {
    for (keys, expected, reason) in [
        ("lisen: :80", "6:5: proxies[0].lisen: there is no such key; did you mean listen?", "a slip"),
        ("colour: red", "6:5: proxies[0].colour: there is no such key; there is: listen, upstream, ", "a stranger"),
        ("listen: :81", "6:5: proxies[0].listen: stands here a second time, after line 3; keep one", "twice"),
        ("record: markd", "6:13: proxies[0].record: \"markd\" cannot be used; did you mean marked?", "a slip"),
        (
            "inject: never",
            "6:13: proxies[0].inject: \"never\" cannot be used; write one of: recorded, all, off",
            "no such word",
        ),
        ("sampled: ${env:KEY}", "6:14: proxies[0].sampled: \"${env:KEY}\" cannot be used", "a variable is not shown"),
        (
            "record: ${env:NONE}",
            "6:13: proxies[0].record: the variable NONE is not set; set it",
            "a variable that is missing",
        ),
        (
            "record: ${env:EMPTY}",
            "6:13: proxies[0].record: the variable EMPTY is not set",
            "an empty one is as good as none",
        ),
        ("record: $${env:KEY}", "\"${env:KEY}\" cannot be used", "an escaped variable is a text"),
        ("record: [all]", "6:13: proxies[0].record: a single value belongs here", "a list"),
        ("record:", "6:11: proxies[0].record: has no value; write one, or leave the key out", "nothing"),
        ("record: ''", "6:13: proxies[0].record: \"\" cannot be used; write one of", "an empty text"),
        ("instrumented: yes", "\"yes\" cannot be used; write true or false", "no YAML 1.1"),
        ("access_log: 1", "\"1\" cannot be used; write true or false", "a number is no truth value"),
        (
            "same_backend: true",
            "proxies[0].same_backend: says where an instrumented service exports to",
            "half of a pair",
        ),
        ("trust: 10.0.0.0/33", "\"10.0.0.0/33\" cannot be used; expected an address range", "no such length"),
        ("trust: [10.0.0.0/8, all]", "6:25: proxies[0].trust[1]: \"all\" cannot be used", "the second of a list"),
        ("trust: {a: b}", "proxies[0].trust: a list belongs here; begin each member with a dash", "a section"),
        ("trust: ['@nowhere']", "proxies[0].trust[0]: \"@nowhere\" cannot be read", "a missing file"),
        ("trust: ['@no-ranges']", "the file lists no address range", "trusting nobody by mistake"),
        ("trusted_hops: ['@text']", "the file \"nothing\": expected an address range", "not a list of ranges"),
        ("addresses: here", "proxies[0].addresses: \"here\" cannot be used; expected an address range", "no address"),
        ("forwarded: keep", "write one of: preserve, append, replace", "no such word"),
        ("upstream_ca: ca.pem", "the upstream is reached in clear text, where no certificate is seen", "no TLS"),
        ("max_header_bytes: 10", "write a whole number from 256 to 1048576", "too small"),
        ("max_header_bytes: 64k", "\"64k\" cannot be used; write a whole number", "a unit"),
        ("max_header_bytes: +500", "\"+500\" cannot be used; write a whole number", "a sign"),
        ("admission: on", "write off, or the keys rate, burst, keep and per_trace below", "not off"),
        ("admission: [5]", "proxies[0].admission: a section belongs here", "a list"),
        (
            "admission: {rate: 0}",
            "proxies[0].admission.rate: \"0\" cannot be used; expected a number over 0",
            "nothing",
        ),
        ("admission: {rate: nan}", "\"nan\" cannot be used", "not a number"),
        ("admission: {burst: 0}", "write a whole number from 1 to 1000000", "nothing"),
        ("admission: {keep: 0}", "a time limit of zero would refuse everything", "no time"),
        (
            "admission: {per-trace: 5}",
            "proxies[0].admission.per-trace: there is no such key; did you mean per_trace?",
            "a dash",
        ),
        ("timeouts: 5s", "proxies[0].timeouts: a section belongs here", "which of them?"),
        (
            "timeouts: {read: 5 parsecs}",
            "proxies[0].timeouts.read: \"5 parsecs\" cannot be used; expected a duration",
            "no unit",
        ),
        ("timeouts: {read: -5}", "expected a duration", "negative"),
        ("timeouts: {idel: 5}", "did you mean idle?", "a slip"),
        ("egress: {allow: [a]}", "proxies[0].egress.listen: is missing; write a loopback address", "nowhere to listen"),
        ("egress: {listen: ':81', allow: [a]}", "write a loopback address: whoever reaches this", "open to others"),
        (
            "egress: {listen: '127.0.0.1:81', allow: a, upstream: 'http://b'}",
            "leave out one of upstream and allow",
            "both",
        ),
        ("egress: {listen: '127.0.0.1:81', allow: ['http://a']}", "write a host, *.example.org, 10.0.0.0/8", "a URL"),
        (
            "egress: {listen: '127.0.0.1:8080', allow: a}",
            "127.0.0.1:8080 is taken by proxies[0].listen (line 3)",
            "used twice",
        ),
    ] {
        let line = only_mistake(&with(keys, ""));
        assert!(line.contains(expected), "{reason}: {line}");
        assert!(!line.contains("s3cret"), "{reason}: {line}");
    }
}

#[test]
fn mistakes_of_other_sections() {
    for (sections, expected, reason) in [
        ("proxy: x", "6:1: proxy: there is no such key; did you mean proxies?", "a slip"),
        ("threads: 0", "write a whole number from 1 to 1024", "none"),
        ("threads: many", "\"many\" cannot be used", "no number"),
        ("export: otlp", "export: a section belongs here", "a value"),
        ("export: {to: zipkin}", "write one of: otlp, print, none", "not supported"),
        ("export: {protocol: http}", "write one of: http/protobuf, grpc", "half of it"),
        ("export: {endpoint: collector:4318}", "write a URL such as", "no scheme"),
        ("export: {endpoint: 'ftp://c'}", "write a URL such as", "another scheme"),
        ("export: {endpoint: 'ftp://me:s3cret@c'}", "(not shown: it may hold a password)", "a password is not shown"),
        ("export: {endpoint: 'http://c/v1/traces'}", "leave the path /v1/traces out, which is appended", "twice"),
        ("export: {headers: [a]}", "export.headers: a section belongs here", "a list"),
        ("export: {headers: {a b: s3cret}}", "export.headers.a b: this is no header name", "a space"),
        ("export: {headers: {a: \"s3cret\\n\"}}", "export.headers.a: \"(not shown)\" cannot be used", "a line feed"),
        ("export: {timeout: 0}", "a time limit of zero would refuse everything", "no time"),
        ("export: {compression: zstd}", "write one of: none, gzip", "not supported"),
        ("export: {certificate: nowhere}", "export.certificate: \"nowhere\" cannot be read", "a missing file"),
        ("export: {certificate: text}", "name a PEM file, which has -----BEGIN lines", "not PEM"),
        (
            "export: {client_key: key.pem}",
            "is set without its counterpart; set client_certificate too",
            "half of a pair",
        ),
        ("export: {resource: {service.name: x}}", "each proxy names its own service", "one name for all"),
        ("export: {queue: {max_size: 2}}", "write a whole number from 3 to", "less than one request's spans"),
        ("export: {queue: {max_batch: 4096}}", "4096 is more than the queue holds (2048)", "more than the default"),
        ("export: {queue: {max_size: 10, max_batch: 11}}", "11 is more than the queue holds (10)", "more than given"),
        ("export: {queue: {delay: 0}}", "export.queue.delay: \"0\" cannot be used; write more than zero", "no delay"),
        ("stop: {drain: soon}", "stop.drain: \"soon\" cannot be used; expected a duration", "no duration"),
        ("stop: {drian: 5}", "did you mean drain?", "a slip"),
        ("admin: {listen: nowhere}", "admin.listen: \"nowhere\" cannot be used; expected ADDRESS:PORT", "no address"),
        ("admin: {listen: '0.0.0.0:9464'}", "0.0.0.0:9464 can be reached from other machines; choose a", "no token"),
        ("admin: {token_file: nowhere}", "admin.token_file: \"nowhere\" cannot be read", "a missing file"),
        ("admin: {token_file: open-token}", "can be read by every user of this machine; chmod o-r it", "no secret"),
        ("admin: {token_file: short-token}", "holds a token of fewer than 16 characters", "can be guessed"),
        ("admin: {token_file: two-tokens}", "holds more than one line", "which of them?"),
        ("admin: {listen: '127.0.0.1:8080'}", "127.0.0.1:8080 is taken by proxies[0].listen (line 3)", "used twice"),
        (
            "report: {suppress: [G999]}",
            "report.suppress[0]: \"G999\" cannot be used; there is no finding",
            "no such code",
        ),
        ("report: {suppress: ['G104=']}", "nothing stands after the =; leave it out", "everywhere, or nowhere?"),
        ("report: {scope: ['']}", "write a name or a glob", "nothing"),
        ("report: {observations: {max_bytes: 5}}", "write a whole number from 1048576 to", "too small for anything"),
        ("observe: {path: x}", "observe.path: there is no such key; there is: file", "another word"),
        ("probe: {enabled: true}", "probe.enabled: there is nothing for the probe to watch; name what", "no target"),
        ("probe: {enabled: maybe}", "\"maybe\" cannot be used; write one of: auto, true, false", "no such word"),
        ("probe: {enabeld: true}", "probe.enabeld: there is no such key; did you mean enabled?", "a slip"),
        ("probe: {target: all}", "probe.target: there is no such key; did you mean targets?", "one of them"),
        ("probe: {targets: [8080]}", "probe.targets[0]: \"8080\" cannot be used; write all, or KIND:VALUE", "no kind"),
        ("probe: {targets: ['prot:8080']}", "cannot be used; did you mean port? write all, or KIND:VALUE", "a slip"),
        ("probe: {targets: [all, 'port:0']}", "probe.targets[1]: \"port:0\" cannot be used; write a port", "no port"),
        ("probe: {targets: ['cgroup:a']}", "write a path as in /proc/PID/cgroup", "no path"),
        ("probe: {targets: [{port: 8080}]}", "probe.targets[0]: a single value belongs here", "a section"),
        ("probe: {names: [{when: all}]}", "probe.names[0].name: is missing; write the name", "no name"),
        ("probe: {names: [{name: a}]}", "probe.names[0].when: is missing; say whose name it is", "nobody's"),
        ("probe: {names: [{when: all, name: '{prt}'}]}", "probe.names[0].name: \"{prt}\" cannot be used", "no field"),
        ("probe: {names: {a: b}}", "probe.names: a list belongs here", "a section"),
        ("probe: {names: [{when: all, name: ''}]}", "a name is missing; for example shop", "an empty name"),
        ("probe: {head_bytes: 64}", "write a whole number from 512 to 65536", "no head is so short"),
        ("probe: {ring_bytes: 5000}", "write a power of two from 4096 to 1073741824", "the kernel asks for one"),
        ("probe: {budget: -1}", "write a whole number from 0 to 1000000", "negative"),
        ("probe: {gate: 0}", "a time limit of zero would refuse everything", "never open"),
        ("probe: {literals: ['synthetic check']}", "write 8 to 64 characters of ASCII without white", "a space"),
        ("probe: {literals: [mark]}", "write 8 to 64 characters of ASCII", "found everywhere"),
        (
            "probe: {literals: [aaaaaaaa, bbbbbbbb, cccccccc, dddddddd, eeeeeeee]}",
            "probe.literals: there is room for 4, and here are 5",
            "too many",
        ),
        ("store: {path: x}", "store: keeping evidence on disk is not built yet; leave the section out", "a kept word"),
    ] {
        let line = only_mistake(&with("", sections));
        assert!(line.contains(expected), "{reason}: {line}");
        assert!(!line.contains("s3cret"), "{reason}: {line}");
    }
}

#[test]
fn mistakes_of_whole_files() {
    let proxy = "\n  - {listen: ':1', upstream: 'http://a', service: a}";
    for (text, expected, reason) in [
        ("", "1:1: file_format: is missing; write file_format: \"1\"", "nothing at all"),
        (
            "file_format: 1",
            "proxies: is missing; list at least one: - listen: 127.0.0.1:8080; or name targets",
            "nothing to do",
        ),
        ("file_format: 1\nprobe: {enabled: false, targets: all}", "proxies: is missing", "switched off"),
        ("file_format: 1\nproxies:", "2:8: proxies: lists no proxy; begin one with", "nothing to do"),
        ("file_format: 1\nproxies: []", "2:10: proxies: lists no proxy", "nothing to do"),
        ("file_format: 1\nproxies: shop", "proxies: a section belongs here", "a name is no proxy"),
        (&format!("proxies:{proxy}"), "1:1: file_format: is missing", "which form?"),
        (
            &format!("file_format: 2\nproxies:{proxy}\nnew_key: 5"),
            "\"2\" is not known to this version",
            "nothing else is said",
        ),
        ("[a, b]", "a section belongs here", "a list"),
        ("just text", "a section belongs here", "a text"),
        ("a: b: c", "1:5: this is no YAML: ", "two colons"),
        ("a: [b", "this is no YAML: ", "no end"),
        ("a:\n\tb: c", "this is no YAML: ", "a tab"),
        ("a: \"b", "this is no YAML: ", "an open quote"),
        ("a: *nowhere", "this is no YAML: ", "an alias of nothing"),
        ("a: &x [*x]", "this alias names a section it lies in", "a snake"),
        ("<<: {a: b}", "merge keys (<<) are not read; write the keys out", "a merge key"),
        ("a: !secret b", "tags such as !secret are not read; leave it out", "a tag"),
        ("? [a]\n: b", "a key is a list or a section; write a plain word", "a list as key"),
        ("a: 1\n---\nb: 2", "2:1: a second document begins here; keep one", "two documents"),
    ] {
        let problems = parse(text).expect_err(text);
        let first = problems.lines().find(|line| line.contains(expected));
        assert!(first.is_some(), "{reason}: {problems}");
    }
    assert!(parse(&format!("file_format: 2\nnew_key: 5\nproxies:{proxy}")).unwrap_err().all.len() == 1, "one line");
    let deep = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
    assert!(parse(&deep).unwrap_err().to_string().contains("more than 32 sections within each other"));
    let bomb = (0..12).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{}: &a{} [{}]\n", n + 1, n + 1, vec![format!("*a{n}"); 9].join(", "))
    });
    assert!(parse(&bomb).unwrap_err().to_string().contains("more than 100000 keys and values"), "a bomb of aliases");
}

#[test]
fn a_slip_in_a_key_that_is_needed_is_one_mistake() {
    let whole = with("", "");
    for (from, to, expected) in [
        ("listen:", "lisen:", "3:5: proxies[0].lisen: there is no such key; did you mean listen?"),
        ("upstream:", "upsteam:", "4:5: proxies[0].upsteam: there is no such key; did you mean upstream?"),
        ("proxies:", "proxy:", "2:1: proxy: there is no such key; did you mean proxies?"),
        ("file_format:", "file-format:", "1:1: file-format: there is no such key; did you mean file_format?"),
    ] {
        assert_eq!(only_mistake(&whole.replace(from, to)), expected);
    }
}

#[test]
fn mistakes_between_proxies() {
    let file = |proxies: &[(&str, &str, &str)]| {
        let member = |(listen, upstream, service): &(&str, &str, &str)| {
            format!("  - {{listen: '{listen}', upstream: 'http://{upstream}', service: {service}}}\n")
        };
        format!("file_format: 1\nproxies:\n{}", proxies.iter().map(member).collect::<String>())
    };
    type Row = (&'static [(&'static str, &'static str, &'static str)], &'static str, &'static str);
    let rows: &[Row] = &[
        (&[(":1", "a", "a"), (":1", "b", "b")], "0.0.0.0:1 is taken by proxies[0].listen (line 3)", "one address"),
        (&[(":1", "a", "a"), ("127.0.0.1:1", "b", "b")], "127.0.0.1:1 is taken by", "all addresses have this one"),
        (&[(":1", "127.0.0.1:1", "a")], "leads back here (proxies[0] -> proxies[0])", "itself"),
        (&[("127.0.0.1:1", "localhost:1", "a")], "leads back here", "itself by another name"),
        (
            &[(":1", "127.0.0.1:2", "a"), (":2", "127.0.0.1:1", "b")],
            "(proxies[0] -> proxies[1] -> proxies[0])",
            "a ring",
        ),
        (&[(":1", "127.0.0.1:2", "a"), (":2", "c", "a")], "which stands before the same service", "recorded twice"),
        (&[(":1", "127.0.0.1:9464", "a")], "is admin.listen, which is no service", "the admin port"),
    ];
    for (proxies, expected, reason) in rows {
        let problems = parse(&file(proxies)).unwrap_err();
        assert!(problems.to_string().contains(expected), "{reason}: {problems}");
    }
    type Fine = (&'static [(&'static str, &'static str, &'static str)], Option<&'static str>, &'static str);
    let fine: &[Fine] = &[
        (&[(":0", "a", "a"), (":0", "b", "b")], None, "port 0 is another each time"),
        (&[("127.0.0.1:1", "a", "a"), ("127.0.0.2:1", "b", "b")], None, "two addresses"),
        (&[(":1", "a", "a"), (":2", "a", "a")], None, "two ways to one service"),
        (&[(":1", "a", "a"), (":2", "b", "a")], Some("both are seen as one service"), "replicas, perhaps"),
        (&[(":1", "127.0.0.1:2", "a"), (":2", "b", "b")], Some("each request passes two proxies"), "a chain"),
    ];
    for (proxies, warning, reason) in fine {
        let warnings = parse(&file(proxies)).unwrap().warnings;
        assert_eq!(warnings.len(), usize::from(warning.is_some()), "{reason}: {warnings:?}");
        assert!(warning.is_none_or(|warning| warnings.concat().contains(warning)), "{reason}: {warnings:?}");
    }
}

/// Every mistake of a file is named, not only the first, in the file's order.
#[test]
fn all_mistakes_are_named_at_once() {
    let text = with("record: x\ntimeouts: {read: x, wrote: 5}\ntrust: [x, y]", "export: {to: x}\nadmni: {}");
    let problems = parse(&text).unwrap_err();
    let places: Vec<(usize, &str)> =
        problems.all.iter().map(|problem| (problem.at.line, problem.path.as_str())).collect();
    let expected = [
        (6, "proxies[0].record"),
        (7, "proxies[0].timeouts.read"),
        (7, "proxies[0].timeouts.wrote"),
        (8, "proxies[0].trust[0]"),
        (8, "proxies[0].trust[1]"),
        (9, "export.to"),
        (10, "admni"),
    ];
    assert_eq!(places, expected);
}

/// Pieces that files are made of, and what breaks them.
const PIECES: &[&str] = &[
    "file_format: \"1\"\n",
    "proxies:\n",
    "  - ",
    "listen: ",
    ":0\n",
    "upstream: ",
    "http://a\n",
    "service: ",
    "a\n",
    "    ",
    "  ",
    "timeouts: ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "read: 5s",
    "export:\n",
    "headers:\n",
    "${env:",
    "KEY}",
    "$",
    "&a ",
    "*a",
    "- ",
    "? ",
    ": ",
    "\"",
    "'",
    "|\n",
    ">\n",
    "#",
    "\n",
    "\t",
    "!!str ",
    "---\n",
    "é",
    "\u{feff}",
    "\\",
    "%",
    "admin:\n",
    "trust: ",
    "\"@ranges\"",
    "\0",
];

proptest! {
    #[test]
    fn reading_never_panics(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60), cut in 0usize..400) {
        let text = pieces.concat();
        let broken: String = with("", &text).chars().skip(cut).collect();
        for text in [text, broken] {
            if let Err(problems) = read("f", &text, &machine()) {
                prop_assert!(!problems.all.is_empty());
                prop_assert!(problems.lines().all(|line| !line.contains('\n') && !line.contains("s3cret")));
            }
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        prop_assert!(read("f", &text, &machine()).is_err());
    }
}

//! What a file says, and what counts more than the file.
#![expect(clippy::indexing_slicing, reason = "a missing proxy fails the test")]

use std::time::Duration;

use super::{machine, parse, read, with};
use crate::config::egress::Destination;
use crate::config::export::{ExportChoice, ExportConfig, ExportTarget, OtlpConfig, OtlpProtocol};
use crate::config::file::{EXAMPLE, FileConfig, Overrides};
use crate::config::probe::Enabled;
use crate::config::proxy::{Forwarded, ProxyConfig};
use crate::config::workload::{NameRule, Selector};
use crate::config::{AdminConfig, Config, ObserveConfig, ProbeConfig, ReportConfig, StopConfig, admin};
use crate::trace::decision::{InjectPolicy, RecordMode, SampledPolicy, UpstreamKind};

fn proxy(keys: &str) -> ProxyConfig {
    parse(&with(keys, "")).unwrap().proxies.remove(0)
}

fn settled(sections: &str, overrides: Overrides, env: &[(&str, &str)]) -> (Config, Vec<String>) {
    let lookup = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    parse(&with("", sections)).unwrap().settle(overrides, &lookup).unwrap()
}

fn otlp(export: &ExportConfig) -> &OtlpConfig {
    match &export.target {
        ExportTarget::Otlp(otlp) => otlp,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_file_that_says_little_has_every_default() {
    let file = parse(&with("", "")).unwrap();
    let expected = ProxyConfig::new(
        "127.0.0.1:8080".parse().unwrap(),
        crate::config::values::upstream("http://127.0.0.1:5000").unwrap(),
        "shop".to_owned(),
    );
    assert_eq!(file.proxies, [expected]);
    assert_eq!(file.admin, AdminConfig::open(admin::DEFAULT_LISTEN));
    assert_eq!(
        (file.stop, file.report, file.observe),
        (StopConfig::default(), ReportConfig::default(), ObserveConfig::default())
    );
    assert_eq!((file.threads, file.probe), (None, ProbeConfig::default()));
}

#[test]
fn every_key_of_a_proxy_is_heard() {
    let said = proxy(
        "record: all\ninject: off\nsampled: keep\ninstrumented: true\nsame_backend: true\ntrust: [10.0.0.0/8, '@ranges']\n\
         trusted_hops: 192.0.2.1\nforwarded: replace\naccess_log: true\nadmission: {rate: 0.5, burst: 2, keep: 5m, per_trace: 9}\n\
         timeouts: {connect: 1, read: 2s, write: 3000ms, idle: 4s, upstream_idle: 5s}\nmax_header_bytes: 1000\naddresses: 10.1.2.3\n\
         egress: {listen: '127.0.0.1:8081', allow: [cart, '*.internal:80', 10.0.0.0/8]}",
    );
    assert_eq!(
        (said.record, said.inject, said.sampled, said.upstream_kind, said.forwarded),
        (
            RecordMode::All,
            InjectPolicy::Off,
            SampledPolicy::Keep,
            UpstreamKind::InstrumentedSameBackend,
            Forwarded::Replace
        )
    );
    assert_eq!((said.trust.len(), said.trusted_hops.len()), (3, 1));
    assert_eq!((said.access_log, said.max_header_bytes), (true, 1000));
    let admission = said.admission.unwrap();
    assert_eq!((admission.rate, admission.burst, admission.per_trace), (0.5, 2, 9));
    assert_eq!(admission.keep, Duration::from_secs(300));
    let times = said.timeouts;
    let seconds = [times.connect, times.read, times.write, times.downstream_idle, times.upstream_idle];
    assert_eq!(seconds.map(|time| time.as_secs()), [1, 2, 3, 4, 5]);
    let egress = said.egress.unwrap();
    let allowed: Vec<Destination> = ["cart", "*.internal:80", "10.0.0.0/8"].map(|text| text.parse().unwrap()).into();
    assert_eq!(egress.allow, allowed);
    assert_eq!(said.addresses, ["10.1.2.3/32".parse().unwrap()]);
    assert_eq!(proxy("admission: off").admission, None);
}

#[test]
fn values_come_from_variables() {
    let text = with("", "admin: {listen: '127.0.0.1:${env:PORT}'}").replace(":8080", ":8000");
    assert_eq!(parse(&text).unwrap().admin.listen.port(), 8080);
    let (config, _) = settled("export: {headers: {authorization: 'Bearer ${env:KEY}'}}", Overrides::default(), &[]);
    let headers = &otlp(&config.export).headers;
    assert_eq!(headers[0].1.expose(), "Bearer s3cret-key");
    assert!(!format!("{config:?}").contains("s3cret"), "and a secret stays one");
}

#[test]
fn aliases_repeat_values() {
    let text =
        with("timeouts: &slow {read: 5m}", "  - {listen: ':1', upstream: 'http://b', service: b, timeouts: *slow}");
    let file = parse(&text).unwrap();
    assert_eq!(file.proxies[1].timeouts, file.proxies[0].timeouts);
    assert_eq!(file.proxies[1].timeouts.read, Duration::from_secs(300));
}

/// Flags before `OTEL_*` before the file before the defaults, value for value.
#[test]
fn what_counts_more() {
    let section = "export: {endpoint: 'http://file:1', timeout: 3s, protocol: grpc, headers: {a: file}, queue: {max_size: 100, \
                   max_batch: 50, delay: 7s}, resource: {from: file}}\nthreads: 3";
    let (config, warnings) = settled(section, Overrides::default(), &[]);
    let export = otlp(&config.export);
    assert_eq!((export.endpoint.as_str(), export.protocol), ("http://file:1/", OtlpProtocol::Grpc));
    assert_eq!(export.timeout, Duration::from_secs(3));
    assert_eq!(config.export.queue.delay, Duration::from_secs(7));
    assert_eq!((config.export.queue.capacity, config.export.queue.batch), (100, 50));
    assert_eq!(config.export.resource, [("from".to_owned(), "file".to_owned())]);
    assert_eq!((config.threads, warnings.len()), (3, 0), "{warnings:?}");

    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://env:2"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "b=env"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "40"),
        ("OTEL_RESOURCE_ATTRIBUTES", "from=env"),
    ];
    let overrides = Overrides { threads: Some(2), admin: "127.0.0.1:7".parse().ok(), ..Overrides::default() };
    let (config, _) = settled(section, overrides, &env);
    let export = otlp(&config.export);
    assert_eq!((export.endpoint.as_str(), export.protocol), ("http://env:2/v1/traces", OtlpProtocol::HttpProtobuf));
    assert_eq!(export.timeout, Duration::from_secs(3), "what no variable says is the file's");
    assert_eq!((export.headers.len(), export.headers[0].0.as_str()), (1, "b"), "headers are one value");
    assert_eq!((config.export.queue.capacity, config.export.queue.batch), (40, 40), "a batch fits the queue");
    assert_eq!(config.export.resource, [("from".to_owned(), "env".to_owned())]);
    assert_eq!((config.threads, config.admin.unwrap().listen.port()), (2, 7));

    for (to, overrides, env, printed, reason) in [
        ("none", None, None, false, "the file"),
        ("none", None, Some("console"), true, "a variable"),
        ("none", Some(ExportChoice::Print), Some("otlp"), true, "a flag"),
        ("print", None, None, true, "the file"),
    ] {
        let env: Vec<(&str, &str)> = env.map(|value| ("OTEL_TRACES_EXPORTER", value)).into_iter().collect();
        let overrides = Overrides { export: overrides, ..Overrides::default() };
        let (config, _) = settled(&format!("export: {{to: {to}}}"), overrides, &env);
        assert_eq!(config.export.target == ExportTarget::Print, printed, "{reason}");
    }
}

#[test]
fn endpoints_get_their_path() {
    for (keys, expected, reason) in [
        ("endpoint: 'http://c:4318'", "http://c:4318/v1/traces", "appended"),
        ("endpoint: 'http://c:4318/base/'", "http://c:4318/base/v1/traces", "to a path"),
        ("endpoint: 'http://c:4317', protocol: grpc", "http://c:4317/", "gRPC has none"),
        ("traces_endpoint: 'http://c/api/spans'", "http://c/api/spans", "as it stands"),
        ("", "http://localhost:4318/v1/traces", "the default"),
    ] {
        let (config, _) = settled(&format!("export: {{{keys}}}"), Overrides::default(), &[]);
        assert_eq!(otlp(&config.export).endpoint.as_str(), expected, "{reason}");
    }
}

#[test]
fn an_admin_flag_needs_a_token_too() {
    let overrides = Overrides { admin: "0.0.0.0:9464".parse().ok(), ..Overrides::default() };
    let open = parse(&with("", "")).unwrap().settle(overrides.clone(), &|_| None);
    assert!(open.unwrap_err().to_string().starts_with("--admin: 0.0.0.0:9464 can be reached"));
    let guarded = parse(&with("", "admin: {token_file: token}")).unwrap().settle(overrides, &|_| None);
    let (config, _) = guarded.unwrap();
    assert!(config.admin.as_ref().unwrap().token.is_some());
    assert!(!format!("{config:?}").contains("0123456789abcdef"), "the token is a secret");
}

#[test]
fn every_key_of_the_probe_is_heard() {
    let section = "probe: {enabled: true, targets: ['port:80', 'unit:a.service'], names: [{when: [all, 'pid:1'], name: 'b-{port}'}], head_bytes: \
                   1024, ring_bytes: 4096, budget: 7, gate: 2s, literals: ['a=bcdefg']}";
    let expected = ProbeConfig {
        enabled: Enabled::Always,
        targets: vec![Selector::Port(80), "unit:a.service".parse().unwrap()],
        names: vec![NameRule { when: vec![Selector::All, Selector::Pid(1)], name: "b-{port}".parse().unwrap() }],
        head_bytes: 1024,
        ring_bytes: 4096,
        budget: 7,
        gate: Duration::from_secs(2),
        literals: vec!["a=bcdefg".to_owned()],
        narrows_process: false,
    };
    assert_eq!(parse(&with("", section)).unwrap().probe, expected);
    let alone = parse("file_format: 1\nprobe: {targets: all}").unwrap();
    assert_eq!((alone.proxies.len(), alone.probe.targets), (0, vec![Selector::All]), "no proxy is needed");
}

#[test]
fn targets_of_flags_stand_instead_of_the_files() {
    let flag = Overrides { targets: vec![Selector::Pid(5)], ..Overrides::default() };
    let machine = super::Made { has_targets: true, ..machine() };
    for (text, enabled, warned, reason) in [
        ("file_format: 1", Enabled::Auto, false, "a file with nothing to do by itself"),
        ("file_format: 1\nprobe: {targets: all}", Enabled::Auto, false, "instead of all"),
        ("file_format: 1\nprobe: {enabled: true}", Enabled::Always, false, "the file's will, the flag's targets"),
        ("file_format: 1\nprobe: {enabled: false}", Enabled::Auto, true, "a flag counts more"),
    ] {
        let (config, warnings) = read("f", text, &machine).unwrap().settle(flag.clone(), &|_| None).unwrap();
        assert_eq!((config.probe.targets, config.probe.enabled), (vec![Selector::Pid(5)], enabled), "{reason}");
        assert_eq!(warnings.len(), usize::from(warned), "{reason}: {warnings:?}");
    }
    let (config, _) = FileConfig::of_targets().settle(flag, &|_| None).unwrap();
    assert_eq!((config.probe.enabled, config.export.target), (Enabled::Always, ExportTarget::None), "no file at all");
}

#[test]
fn the_example_says_nothing_but_defaults() {
    let example = parse(EXAMPLE).unwrap();
    let plain = parse(&with("", "export: {to: otlp, endpoint: 'http://localhost:4318'}")).unwrap();
    assert_eq!(example, plain);
}

#[test]
fn the_standard_name_is_the_agents() {
    let metrics = ("OTEL_METRICS_EXPORTER", "otlp");
    for (env, expected, reason) in [
        (&[metrics][..], None, "the program's"),
        (&[metrics, ("OTEL_SERVICE_NAME", "agent-7")], Some("agent-7"), "the variable"),
        (&[metrics, ("OTEL_SERVICE_NAME", "")], None, "an empty one"),
        (&[metrics, ("OTEL_RESOURCE_ATTRIBUTES", "service.name=agent-8")], Some("agent-8"), "the attribute"),
    ] {
        let (config, _) = settled("", Overrides::default(), env);
        assert_eq!(config.export.metrics.unwrap().name.as_deref(), expected, "{reason}");
        assert_eq!(config.proxies[0].service, "shop", "{reason}: the service has its own");
    }
}

#[test]
fn propagators_without_tracecontext_switch_recording_off() {
    let (config, warnings) = settled("", Overrides::default(), &[("OTEL_PROPAGATORS", "b3")]);
    assert_eq!(config.proxies[0].record, RecordMode::None);
    assert!(warnings.concat().contains("leaves tracecontext out"));
}

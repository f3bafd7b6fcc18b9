//! Every variable, with what it does and why.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

use super::*;

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn read(choice: Option<ExportChoice>, variables: Pairs<'_>) -> Result<(ExportConfig, Vec<Warning>), ConfigError> {
    let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    ExportConfig::from_settings(choice, &find)
}

fn otlp(variables: Pairs<'_>) -> (OtlpConfig, Vec<Warning>) {
    match read(None, variables).unwrap() {
        (ExportConfig { target: ExportTarget::Otlp(otlp), .. }, warnings) => (otlp, warnings),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn checklys_recipe_works_word_for_word() {
    let (config, warnings) = otlp(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel.eu-west-1.checklyhq.com"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ]);
    assert_eq!(config.endpoint.as_str(), "https://otel.eu-west-1.checklyhq.com/v1/traces");
    assert_eq!(config.headers, [("authorization".to_owned(), Secret::new("s3cret".to_owned()))]);
    assert_eq!((config.protocol, config.gzip, config.timeout.as_secs()), (OtlpProtocol::HttpProtobuf, false, 10));
    assert!(warnings.is_empty());
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn endpoints() {
    const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const GRPC: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let cases: [(Pairs<'_>, &str, usize, &str); 14] = [
        (&[], "http://localhost:4318/v1/traces", 1, "the default, with a warning"),
        (&[GRPC], "http://localhost:4317/", 1, "the default for gRPC"),
        (&[(BASE, "")], "http://localhost:4318/v1/traces", 1, "an empty value is unset"),
        (&[(BASE, "http://c:4318")], "http://c:4318/v1/traces", 0, "the path is appended"),
        (&[(BASE, "http://c:4318/")], "http://c:4318/v1/traces", 0, "one slash only"),
        (&[(BASE, "http://c/otlp")], "http://c/otlp/v1/traces", 0, "to a path too"),
        (&[(BASE, "http://c/v1/traces")], "http://c/v1/traces/v1/traces", 1, "as specified, but surely a mistake"),
        (&[(TRACES, "http://c")], "http://c/", 0, "taken as it is"),
        (&[(TRACES, "http://c/x"), (BASE, "http://d")], "http://c/x", 0, "the signal's own wins"),
        (&[(BASE, "http://c:4317"), GRPC], "http://c:4317/", 0, "no path with gRPC"),
        (&[(BASE, "http://c:4317/x"), GRPC], "http://c:4317/x", 1, "a path is ignored"),
        (&[(BASE, "c:4317"), GRPC], "https://c:4317/", 0, "gRPC without scheme is secure"),
        (&[(BASE, "c:4317"), GRPC, ("OTEL_EXPORTER_OTLP_INSECURE", "true")], "http://c:4317/", 0, "unless said so"),
        (&[(BASE, " http://c ")], "http://c/v1/traces", 0, "white space around it"),
    ];
    for (variables, endpoint, count, reason) in cases {
        let (config, warnings) = otlp(variables);
        assert_eq!((config.endpoint.as_str(), warnings.len()), (endpoint, count), "{reason}: {warnings:?}");
    }
}

#[test]
fn what_cannot_be_used_is_an_error_that_names_it() {
    for (name, value, word, reason) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "http://", "no scheme"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "URL", "no host"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://c", "http://", "a scheme that is not HTTP"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://[::1", "URL", "not a URL"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf", "not supported"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http", "http/protobuf or grpc", "no protocol"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "milliseconds", "a unit"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "milliseconds", "no time at all"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "+5", "milliseconds", "a sign"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "gzip or none", "not supported"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nonexistent/ca.pem", "exists", "no such file"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/dev/null", "PEM", "no PEM"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/dev/null", "CLIENT_CERTIFICATE", "one without the other"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret", "name=value", "no name"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=s3cret", "name", "a space in the name"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=s3cret%0a", "value", "a line feed in the value"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1", "milliseconds", "negative"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "x", "milliseconds", "not a number"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "2", "3 or more", "less than one request's spans"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "99999999999", "less", "more than memory"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096", "OTEL_BSP_MAX_QUEUE_SIZE", "more than the queue"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "otlp, console and none", "not supported"),
        ("OTEL_METRICS_EXPORTER", "prometheus", "--admin", "served, not sent"),
        ("OTEL_SDK_DISABLED", "yes", "true or false", "not a truth value"),
    ] {
        let error = read(None, &[(name, value)]).unwrap_err();
        let line = error.to_string();
        assert!(line.starts_with(name) && line.contains(word) && !line.contains('\n'), "{reason}: {line}");
        assert!(!line.contains("s3cret"), "{line}");
    }
}

#[test]
fn which_destination() {
    use ExportChoice::{None as Nowhere, Otlp, Print};
    const DISABLED: (&str, &str) = ("OTEL_SDK_DISABLED", "TRUE");
    let cases: [(Option<ExportChoice>, Pairs<'_>, ExportChoice, &str); 9] = [
        (None, &[], Otlp, "the default"),
        (None, &[("OTEL_TRACES_EXPORTER", "console")], Print, "console is print"),
        (None, &[("OTEL_TRACES_EXPORTER", "none")], Nowhere, "the variable"),
        (None, &[("OTEL_TRACES_EXPORTER", "otlp")], Otlp, "the variable"),
        (None, &[DISABLED], Nowhere, "all off"),
        (None, &[("OTEL_SDK_DISABLED", "false")], Otlp, "not off"),
        (Some(Print), &[DISABLED], Print, "the flag wins"),
        (Some(Nowhere), &[("OTEL_EXPORTER_OTLP_ENDPOINT", "bad")], Nowhere, "an endpoint not used is not read"),
        (Some(Otlp), &[("OTEL_TRACES_EXPORTER", "none")], Otlp, "the flag wins"),
    ];
    for (choice, variables, expected, reason) in cases {
        let got = match read(choice, variables).unwrap().0.target {
            ExportTarget::Otlp(_) => Otlp,
            ExportTarget::Print => Print,
            ExportTarget::None => Nowhere,
        };
        assert_eq!(got, expected, "{reason}");
    }
}

#[test]
fn queue_resource_and_the_rest() {
    let (config, warnings) = read(
        Some(ExportChoice::Print),
        &[
            ("OTEL_BSP_SCHEDULE_DELAY", "200"),
            ("OTEL_BSP_EXPORT_TIMEOUT", "7000"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "300"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod,team=a%20b"),
        ],
    )
    .unwrap();
    let queue =
        QueueConfig { capacity: 300, batch: 300, delay: Duration::from_millis(200), timeout: Duration::from_secs(7) };
    assert_eq!((config.queue, warnings.len()), (queue, 0), "the batch shrinks with the queue");
    let pairs = [("deployment.environment.name", "prod"), ("team", "a b")];
    assert_eq!(config.resource, pairs.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let (config, warnings) = read(Some(ExportChoice::None), &[("OTEL_RESOURCE_ATTRIBUTES", "a=1,b")]).unwrap();
    assert_eq!((config.resource.len(), warnings.len()), (0, 1), "a bad value is discarded whole, with a warning");
}

#[test]
fn metrics_go_where_they_are_asked_to() {
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
    assert_eq!(read(None, &[base]).unwrap().0.metrics, None, "not asked for");
    let ask = ("OTEL_METRICS_EXPORTER", "otlp");
    let own = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://m/x");
    let interval = ("OTEL_METRIC_EXPORT_INTERVAL", "5000");
    for (variables, endpoint, seconds) in
        [(&[base, ask][..], "http://c:4318/v1/metrics", 60), (&[base, ask, own, interval], "http://m/x", 5)]
    {
        let metrics = read(None, variables).unwrap().0.metrics.unwrap();
        assert_eq!((metrics.otlp.endpoint.as_str(), metrics.interval.as_secs()), (endpoint, seconds));
    }
    assert_eq!(read(None, &[ask]).unwrap().1.len(), 1, "one warning for both defaults");
}

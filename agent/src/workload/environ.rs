//! A process's environment (`/proc/PID/environ`): the name it gives to its service, and what it says of OpenTelemetry.
//! Pure. Nothing else of it is kept.

use super::telemetry::Telemetry;

/// Bytes of the file that are read.
pub(super) const MAX_READ: usize = 256 << 10;

/// What is taken from an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// `OTEL_SERVICE_NAME`, else `service.name` of `OTEL_RESOURCE_ATTRIBUTES`.
    pub service: Option<String>,
    /// What it says of an agent or SDK, the strongest first.
    pub telemetry: Option<Telemetry>,
}

/// Values of a variable that say something.
type Says = fn(&str) -> bool;

/// Variables that load an agent, and those that only SDKs read; the strongest first.
const LOADS: [(&str, Says, Telemetry); 12] = [
    ("JAVA_TOOL_OPTIONS", is_java_agent, Telemetry::JavaAgent),
    ("JDK_JAVA_OPTIONS", is_java_agent, Telemetry::JavaAgent),
    ("_JAVA_OPTIONS", is_java_agent, Telemetry::JavaAgent),
    ("NODE_OPTIONS", is_node_package, Telemetry::NodeRequire),
    ("PYTHONPATH", |value| value.contains("opentelemetry/instrumentation"), Telemetry::PythonInstrument),
    ("CORECLR_PROFILER", is_profiler, Telemetry::DotNetProfiler),
    ("COR_PROFILER", is_profiler, Telemetry::DotNetProfiler),
    ("DOTNET_STARTUP_HOOKS", |value| value.contains("OpenTelemetry"), Telemetry::DotNetProfiler),
    ("LD_PRELOAD", |value| names_telemetry(value), Telemetry::Preload),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", |value| !value.is_empty(), Telemetry::Environment),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", |value| !value.is_empty(), Telemetry::Environment),
    ("OTEL_TRACES_EXPORTER", |value| !matches!(value, "" | "none"), Telemetry::Environment),
];

impl Environment {
    /// Variables end at NUL. Where a name comes twice, the first counts, as for getenv(3).
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.get(..MAX_READ).unwrap_or(bytes);
        let value = |name: &str| {
            let mut all = bytes.split(|byte| *byte == 0);
            let value = all.find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
            value.and_then(|value| std::str::from_utf8(value).ok()).map(str::trim)
        };
        let attributes = value("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let named = attributes.split(',').find_map(|pair| pair.trim().strip_prefix("service.name="));
        let service = value("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()).or(named);
        let is_off = value("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let says = |(name, says, _): &&(&str, Says, Telemetry)| value(name).is_some_and(says);
        let telemetry = LOADS.iter().find(says).map(|(.., telemetry)| *telemetry);
        let service = service.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        Self { service, telemetry: telemetry.filter(|found| !(is_off && *found == Telemetry::Environment)) }
    }
}

/// Any of `-javaagent:PATH` with OpenTelemetry's agent.
pub(super) fn is_java_agent(options: &str) -> bool {
    options.split_whitespace().any(|option| option.strip_prefix("-javaagent:").is_some_and(names_telemetry))
}

/// A package of OpenTelemetry among what Node.js is told to load.
pub(super) fn is_node_package(options: &str) -> bool {
    let loads = ["-r", "--require", "--import", "--loader", "--experimental-loader"];
    let words: Vec<&str> = options.split([' ', '=']).filter(|word| !word.is_empty()).collect();
    words.windows(2).any(|pair| matches!(pair, [option, package] if loads.contains(option) && names_telemetry(package)))
}

/// The class id of OpenTelemetry's .NET profiler (opentelemetry-dotnet-instrumentation: docs/config.md).
fn is_profiler(class: &str) -> bool {
    class.eq_ignore_ascii_case("{918728DD-259F-4A6A-AC2B-B85E1B658318}")
}

pub(super) fn names_telemetry(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["opentelemetry", "otel"].iter().any(|name| text.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_service_is_found() {
        let rows = [
            ("PATH=/bin\0OTEL_SERVICE_NAME=shop\0", Some("shop"), "the variable"),
            (
                "OTEL_SERVICE_NAME=\0OTEL_RESOURCE_ATTRIBUTES=a=b, service.name=cart,c=d\0",
                Some("cart"),
                "empty is unset",
            ),
            ("OTEL_RESOURCE_ATTRIBUTES=service.name=cart\0OTEL_SERVICE_NAME=shop\0", Some("shop"), "it goes first"),
            ("XOTEL_SERVICE_NAME=shop\0", None, "another variable"),
            ("OTEL_SERVICE_NAME_X=shop\0", None, "a longer one"),
            ("OTEL_SERVICE_NAME=a\0OTEL_SERVICE_NAME=b\0", Some("a"), "the first counts"),
            ("OTEL_SERVICE_NAME=shop", Some("shop"), "cut"),
            ("", None, "nothing"),
        ];
        for (bytes, expected, reason) in rows {
            assert_eq!(Environment::parse(bytes.as_bytes()).service.as_deref(), expected, "{reason}");
        }
        assert_eq!(Environment::parse(b"OTEL_SERVICE_NAME=\xff\0").service, None, "not UTF-8");
    }

    #[test]
    fn what_loads_an_agent_is_found() {
        let rows = [
            ("JAVA_TOOL_OPTIONS=-Xmx1g -javaagent:/otel/opentelemetry-javaagent.jar", Some(Telemetry::JavaAgent)),
            ("JAVA_TOOL_OPTIONS=-javaagent:/jmx/jmx_exporter.jar", None),
            ("NODE_OPTIONS=--require @opentelemetry/auto-instrumentations-node/register", Some(Telemetry::NodeRequire)),
            ("NODE_OPTIONS=--import=@opentelemetry/x", Some(Telemetry::NodeRequire)),
            ("NODE_OPTIONS=--max-old-space-size=99", None),
            ("PYTHONPATH=/a/opentelemetry/instrumentation/auto_instrumentation:/b", Some(Telemetry::PythonInstrument)),
            ("CORECLR_PROFILER={918728DD-259F-4A6A-AC2B-B85E1B658318}", Some(Telemetry::DotNetProfiler)),
            ("CORECLR_PROFILER={846F5F1C-F9AE-4B07-969E-05C26BC060D8}", None),
            ("LD_PRELOAD=/opt/otel/libotelinject.so", Some(Telemetry::Preload)),
            ("LD_PRELOAD=/usr/lib/libjemalloc.so.2", None),
            ("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", Some(Telemetry::Environment)),
            ("OTEL_TRACES_EXPORTER=none", None),
            ("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318\0OTEL_SDK_DISABLED=true", None),
            ("OTEL_SERVICE_NAME=shop", None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Environment::parse(bytes.as_bytes()).telemetry, expected, "{bytes}");
        }
    }
}

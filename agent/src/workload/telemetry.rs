//! Whether an OpenTelemetry agent or SDK is loaded into a process, and what says so. Pure.

use super::command::Command;
use super::environ::{Environment, is_java_agent, is_node_package, names_telemetry};
use crate::label;

/// What says that an OpenTelemetry agent or SDK is loaded. That it is there does not mean that it propagates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Telemetry {
    /// `-javaagent:` with OpenTelemetry's agent, on the command line or in `JAVA_TOOL_OPTIONS` and its like.
    JavaAgent,
    /// `opentelemetry-instrument` on the command line, or its folder in `PYTHONPATH`.
    PythonInstrument,
    /// `--require` or `--import` of an OpenTelemetry package, on the command line or in `NODE_OPTIONS`.
    NodeRequire,
    /// OpenTelemetry's .NET profiler, or its startup hook.
    DotNetProfiler,
    /// A `LD_PRELOAD` of OpenTelemetry's injector.
    Preload,
    /// A library of OpenTelemetry is mapped.
    Library,
    /// Variables that SDKs read (`OTEL_EXPORTER_OTLP_ENDPOINT` and its like): a wish, not a proof.
    Environment,
}

label!(Telemetry {
    JavaAgent => "javaagent",
    PythonInstrument => "opentelemetry-instrument",
    NodeRequire => "node_require",
    DotNetProfiler => "dotnet_profiler",
    Preload => "ld_preload",
    Library => "library",
    Environment => "environment",
});

impl Telemetry {
    /// The strongest that is found: what stands on the command line, what variables load, what is mapped, what variables
    /// wish for. An SDK that is compiled into a program, or imported by a script, is not found: nothing says so.
    #[must_use]
    pub fn of<'a>(
        command: &Command,
        environment: &Environment,
        mapped: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        if let Some(found) = Self::on_line(command) {
            return Some(found);
        }
        if let Some(found) = environment.telemetry.filter(|found| *found != Self::Environment) {
            return Some(found);
        }
        let is_library = |file: &str| {
            let name = file.rsplit('/').next().unwrap_or(file);
            (name.contains(".so") || name.ends_with(".jar") || name.ends_with(".dll")) && names_telemetry(name)
        };
        mapped.into_iter().any(is_library).then_some(Self::Library).or(environment.telemetry)
    }

    fn on_line(command: &Command) -> Option<Self> {
        let words = command.words();
        if words.iter().any(|word| is_java_agent(word)) {
            return Some(Self::JavaAgent);
        }
        // It may be the script, or the module behind -m.
        let is_instrument = |word: &String| word.rsplit('/').next() == Some("opentelemetry-instrument");
        if words.iter().take(4).any(is_instrument) {
            return Some(Self::PythonInstrument);
        }
        let pairs = words.windows(2).any(|pair| is_node_package(&pair.join(" ")));
        (pairs || words.iter().any(|word| is_node_package(word))).then_some(Self::NodeRequire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_evidence_is_named() {
        let wish = "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318";
        let rows = [
            ("java -javaagent:/x/opentelemetry-javaagent.jar -jar a.jar", wish, "", Some(Telemetry::JavaAgent)),
            ("java -javaagent:/x/newrelic.jar -jar a.jar", "", "", None),
            ("python /venv/bin/opentelemetry-instrument flask run", "", "", Some(Telemetry::PythonInstrument)),
            ("node --require @opentelemetry/x app.js", "", "", Some(Telemetry::NodeRequire)),
            ("node --import=@opentelemetry/x app.js", "", "", Some(Telemetry::NodeRequire)),
            ("node app.js @opentelemetry/x", "", "", None),
            ("nginx", "", "/usr/lib/nginx/modules/otel_ngx_module.so", Some(Telemetry::Library)),
            ("nginx", wish, "/usr/lib/nginx/modules/otel_ngx_module.so", Some(Telemetry::Library)),
            ("nginx", "", "/home/otel/shop", None),
            ("shop", wish, "", Some(Telemetry::Environment)),
            ("shop", "LD_PRELOAD=/otel/libotelinject.so", "", Some(Telemetry::Preload)),
            ("shop", "", "", None),
        ];
        for (line, environment, mapped, expected) in rows {
            let command = Command::parse(line.replace(' ', "\0").as_bytes());
            let environment = Environment::parse(environment.as_bytes());
            assert_eq!(Telemetry::of(&command, &environment, [mapped]), expected, "{line} {environment:?} {mapped}");
        }
    }
}

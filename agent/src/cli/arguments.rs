//! What may be typed: commands, flags, their variables and their help.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

use super::check::CheckArguments;
use super::explain::ExplainArguments;
use super::report::ReportArguments;
use super::test::TestArguments;
use crate::config::export::ExportChoice;
use crate::config::file::Overrides;
use crate::config::proxy::{Forwarded, Upstream};
use crate::config::values;
use crate::config::workload::Selector;
use crate::trace::decision::{InjectPolicy, RecordMode, SampledPolicy};

/// Carries W3C trace context through services that nobody instrumented.
#[derive(Debug, Parser)]
#[command(name = "throughline", version, subcommand_required = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  throughline demo
      See it work: three services, a proxy before each, the traces as waterfalls.
  throughline proxy --listen :8080 --upstream http://127.0.0.1:5000 --service shop
      Put a proxy before a service; spans of marked requests go to localhost:4318.
  throughline agent --config throughline.yaml
      Several proxies in one process, as a file says; throughline config init prints one.
  throughline decode 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 checkly=true
      Explain a trace context.";

const PROXY_EXAMPLES: &str = "\
Examples:
  throughline proxy --listen :8080 --upstream http://127.0.0.1:5000 --service shop --export print
      Print the spans of marked requests as JSON lines.

  OTEL_EXPORTER_OTLP_ENDPOINT=https://otel.eu-west-1.checklyhq.com \\
  OTEL_EXPORTER_OTLP_HEADERS=\"authorization=<your key>\" \\
  throughline proxy --listen :8080 --upstream http://127.0.0.1:5000 --service shop
      Send them to Checkly.

Every flag has a variable: THROUGHLINE_ and its name in capitals, for example THROUGHLINE_LISTEN.
Where spans go is said by the OTEL_EXPORTER_OTLP_* variables. SIGUSR1 turns the emergency switch.";

const AGENT_EXAMPLES: &str = "\
Examples:
  throughline config init --output throughline.yaml
  throughline agent --config throughline.yaml
      Several proxies in one process.
  throughline agent --target port:8080 --target unit:cart.service
      The kernel probe alone: watch these services without a proxy before them.
  kill -HUP <pid>
      Read the file again. Proxies whose settings are the same keep their connections; a file with a mistake changes nothing.

SIGUSR1 turns the emergency switch.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Put a reverse proxy before one HTTP service.
    Proxy(Box<ProxyArguments>),
    /// Report which services pass the context on and which do not, from agents and recordings.
    Report(Box<ReportArguments>),
    /// Send marked requests at random times, and say where each of them arrived.
    Test(Box<TestArguments>),
    /// Say whether this machine and a configuration are fit, one line each, and what to do where they are not.
    Check(CheckArguments),
    /// Explain a finding by its code: what it means, what causes it, and the fix in eight languages.
    Explain(ExplainArguments),
    /// Run everything a configuration file says: proxies, the kernel probe, and the admin API.
    Agent(AgentArguments),
    /// Make, check and show configuration files of `agent`.
    Config {
        /// What to do.
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Explain a traceparent, and a tracestate if given. Exit code 1 when one is invalid.
    Decode(DecodeArguments),
    /// Show the whole of it on this machine: no account, no network, no root.
    Demo(DemoArguments),
    /// One service of the demonstration.
    #[command(hide = true)]
    DemoService(DemoServiceArguments),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print a manual page in roff: of throughline, or of one of its commands.
    Man {
        /// The command.
        #[arg(value_name = "COMMAND")]
        of: Option<String>,
    },
}

/// Flags of `proxy`.
#[derive(Debug, Args)]
#[command(after_help = PROXY_EXAMPLES)]
pub(super) struct ProxyArguments {
    /// Where to listen, for example 127.0.0.1:8080 or :8080; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", env = "THROUGHLINE_LISTEN", value_parser = values::listen)]
    pub(super) listen: SocketAddr,
    /// The service behind, for example http://127.0.0.1:5000.
    #[arg(long, value_name = "URL", env = "THROUGHLINE_UPSTREAM", value_parser = values::upstream)]
    pub(super) upstream: Upstream,
    /// The name of the service behind, on its spans [default: OTEL_SERVICE_NAME, else the upstream's host].
    #[arg(long, value_name = "NAME", env = "THROUGHLINE_SERVICE")]
    pub(super) service: Option<String>,
    /// Where spans go [default: otlp].
    #[arg(long, value_enum, env = "THROUGHLINE_EXPORT")]
    pub(super) export: Option<ExportValue>,
    /// Which requests are recorded.
    #[arg(long, value_enum, default_value = "marked", env = "THROUGHLINE_RECORD")]
    pub(super) record: RecordValue,
    /// Which requests may be given a new context.
    #[arg(long, value_enum, default_value = "recorded", env = "THROUGHLINE_INJECT")]
    pub(super) inject: InjectValue,
    /// What becomes of the sampled flag of a marked request.
    #[arg(long, value_enum, default_value = "set", env = "THROUGHLINE_SAMPLED")]
    pub(super) sampled: SampledValue,
    /// The service behind exports spans of its own: its context is left alone.
    #[arg(long, env = "THROUGHLINE_INSTRUMENTED", value_parser = clap::builder::BoolishValueParser::new())]
    pub(super) instrumented: bool,
    /// ... and it exports them to the same backend: its context is continued.
    #[arg(long, env = "THROUGHLINE_SAME_BACKEND", value_parser = clap::builder::BoolishValueParser::new())]
    pub(super) same_backend: bool,
    /// Count marks only from these sources, given as ranges or as @FILE that lists them; repeatable.
    #[arg(long, value_name = "CIDR|@FILE", env = "THROUGHLINE_TRUST", value_delimiter = ',', value_parser = values::networks)]
    pub(super) trust: Vec<Vec<IpNet>>,
    /// Believe X-Forwarded-For from these peers, given likewise; repeatable.
    #[arg(long, value_name = "CIDR|@FILE", env = "THROUGHLINE_TRUSTED_HOP", value_delimiter = ',', value_parser = values::networks)]
    pub(super) trusted_hop: Vec<Vec<IpNet>>,
    /// What happens to X-Forwarded-For, -Proto and -Host.
    #[arg(long, value_enum, default_value = "preserve", env = "THROUGHLINE_FORWARDED")]
    pub(super) forwarded: ForwardedValue,
    /// Trust these certificates (PEM) for an https upstream instead of the system's.
    #[arg(long, value_name = "FILE", env = "THROUGHLINE_UPSTREAM_CA", value_parser = values::file)]
    pub(super) upstream_ca: Option<PathBuf>,
    /// Proxy threads [default: one per core].
    #[arg(long, value_name = "N", env = "THROUGHLINE_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// Serve /livez, /readyz, /metrics and /v1/bypass on this loopback address [default: off].
    #[arg(long, value_name = "ADDR", env = "THROUGHLINE_ADMIN", value_parser = values::listen)]
    pub(super) admin: Option<SocketAddr>,
    /// Write what was seen of each request to this file, for a report: a new file, or a recording that goes on.
    #[arg(long, value_name = "FILE", env = "THROUGHLINE_OBSERVE")]
    pub(super) observe: Option<PathBuf>,
    /// Write each request to standard output as a JSON line.
    #[arg(long, env = "THROUGHLINE_ACCESS_LOG", value_parser = clap::builder::BoolishValueParser::new())]
    pub(super) access_log: bool,
    /// Stop when standard input is closed: a child of the demonstration must not outlive it.
    #[arg(long, hide = true)]
    pub(super) until_stdin_closes: bool,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
}

/// Time limits and other bounds of `proxy`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArguments {
    /// For a connection to the upstream, TLS included.
    #[arg(long, value_name = "TIME", default_value = "5s", env = "THROUGHLINE_CONNECT_TIMEOUT", value_parser = values::timeout)]
    pub(super) connect_timeout: Duration,
    /// Between two reads, of an answer from the upstream or of a body from the client; not after an upgrade.
    #[arg(long, value_name = "TIME", default_value = "60s", env = "THROUGHLINE_READ_TIMEOUT", value_parser = values::timeout)]
    pub(super) read_timeout: Duration,
    /// Between two writes, to the upstream or to the client.
    #[arg(long, value_name = "TIME", default_value = "60s", env = "THROUGHLINE_WRITE_TIMEOUT", value_parser = values::timeout)]
    pub(super) write_timeout: Duration,
    /// How long a client may take until its next request head is whole, idle time included.
    #[arg(long, value_name = "TIME", default_value = "60s", env = "THROUGHLINE_IDLE_TIMEOUT", value_parser = values::timeout)]
    pub(super) idle_timeout: Duration,
    /// How long an unused connection to the upstream is kept; keep it under the upstream's own limit.
    #[arg(long, value_name = "TIME", default_value = "1500ms", env = "THROUGHLINE_UPSTREAM_IDLE_TIMEOUT", value_parser = values::timeout)]
    pub(super) upstream_idle_timeout: Duration,
    /// The longest request head; a longer one is answered with 431.
    #[arg(long, value_name = "BYTES", default_value = "65536", env = "THROUGHLINE_MAX_HEADER_BYTES", value_parser = clap::value_parser!(u32).range(256..=1_048_576))]
    pub(super) max_header_bytes: u32,
    /// New marked traces recorded each second.
    #[arg(long, value_name = "N", default_value = "5", env = "THROUGHLINE_ADMISSION_RATE", value_parser = values::rate)]
    pub(super) admission_rate: f64,
    /// New marked traces recorded at once.
    #[arg(long, value_name = "N", default_value = "20", env = "THROUGHLINE_ADMISSION_BURST", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) admission_burst: u32,
    /// How long all requests of an admitted trace are recorded.
    #[arg(long, value_name = "TIME", default_value = "60s", env = "THROUGHLINE_ADMISSION_KEEP", value_parser = values::timeout)]
    pub(super) admission_keep: Duration,
    /// Recorded requests of one trace at most.
    #[arg(long, value_name = "N", default_value = "500", env = "THROUGHLINE_ADMISSION_PER_TRACE", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) admission_per_trace: u32,
    /// Record every marked trace, however many there are.
    #[arg(long, env = "THROUGHLINE_NO_ADMISSION", value_parser = clap::builder::BoolishValueParser::new())]
    pub(super) no_admission: bool,
    /// At a stop: between failing /readyz and closing the listener, so that load balancers notice.
    #[arg(long, value_name = "TIME", default_value = "0s", env = "THROUGHLINE_DRAIN_DELAY", value_parser = values::duration)]
    pub(super) drain_delay: Duration,
    /// At a stop: for requests in flight to finish.
    #[arg(long, value_name = "TIME", default_value = "20s", env = "THROUGHLINE_DRAIN_TIMEOUT", value_parser = values::duration)]
    pub(super) drain_timeout: Duration,
    /// At a stop: for spans to be sent.
    #[arg(long, value_name = "TIME", default_value = "5s", env = "THROUGHLINE_FLUSH_TIMEOUT", value_parser = values::duration)]
    pub(super) flush_timeout: Duration,
}

/// Flags of `agent`.
#[derive(Debug, Args)]
#[command(after_help = AGENT_EXAMPLES)]
pub(super) struct AgentArguments {
    /// The configuration file; see `throughline config init`.
    #[arg(long, value_name = "FILE", env = "THROUGHLINE_CONFIG", required_unless_present = "target")]
    pub(super) config: Option<PathBuf>,
    /// Stop when standard input is closed: a child of the demonstration must not outlive it.
    #[arg(long, hide = true)]
    pub(super) until_stdin_closes: bool,
    #[command(flatten)]
    pub(super) overrides: OverrideArguments,
}

/// What may be said instead of the file.
#[derive(Debug, Args)]
pub(super) struct OverrideArguments {
    /// Where spans go, whatever the file says.
    #[arg(long, value_enum, env = "THROUGHLINE_EXPORT")]
    pub(super) export: Option<ExportValue>,
    /// Where to serve the admin API, whatever the file says.
    #[arg(long, value_name = "ADDR", env = "THROUGHLINE_ADMIN", value_parser = values::listen)]
    pub(super) admin: Option<SocketAddr>,
    /// Proxy threads, whatever the file says.
    #[arg(long, value_name = "N", env = "THROUGHLINE_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// Watch these processes with the kernel probe, whatever the file says: all, pid:NUMBER, port:NUMBER, or a pattern as
    /// exe:PATH, command:LINE, cgroup:PATH, unit:NAME or container:ID; repeatable.
    #[arg(long, value_name = "KIND:VALUE", env = "THROUGHLINE_TARGET", value_delimiter = ',', value_parser = selector)]
    pub(super) target: Vec<Selector>,
}

fn selector(text: &str) -> Result<Selector, String> {
    text.parse()
}

/// What `config` can do.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigAction {
    /// Print a commented example, or write it to a new file.
    Init {
        /// Write it here; a file that exists is left alone.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check a file: every mistake with its place and exit code 2, or what the agent would do.
    Validate(FileArguments),
    /// Print the settings a file comes to, defaults and variables included, without secrets.
    Show(FileArguments),
    /// Print the JSON Schema of the file, for editors.
    Schema,
}

/// A file and what may be said instead of it.
#[derive(Debug, Args)]
pub(super) struct FileArguments {
    /// The configuration file.
    #[arg(value_name = "FILE", env = "THROUGHLINE_CONFIG")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) overrides: OverrideArguments,
}

impl From<&OverrideArguments> for Overrides {
    fn from(arguments: &OverrideArguments) -> Self {
        Self {
            export: arguments.export.map(Into::into),
            admin: arguments.admin,
            threads: arguments.threads.map(usize::from),
            targets: arguments.target.clone(),
        }
    }
}

/// Arguments of `decode`.
#[derive(Debug, Args)]
pub(super) struct DecodeArguments {
    /// The value of the traceparent header.
    #[arg(allow_hyphen_values = true)]
    pub(super) traceparent: String,
    /// The value of the tracestate header.
    #[arg(allow_hyphen_values = true)]
    pub(super) tracestate: Option<String>,
}

/// Flags of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Chooses ids, order and delays, and which service breaks the trace.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Requests; four in ten are marked. As many follow, twice at most, while the report is not sure.
    #[arg(long, default_value_t = crate::demo::DemoOptions::REQUESTS)]
    pub(super) requests: u32,
    /// Kill a service before the first request, to see the picture change: shop, cart or stock.
    #[arg(long, value_name = "SERVICE")]
    pub(super) kill: Option<String>,
    /// Leave the services' logs and the collector's bytes in this new or empty folder.
    #[arg(long, value_name = "FOLDER")]
    pub(super) keep: Option<PathBuf>,
}

/// Flags of `demo-service`.
#[derive(Debug, Args)]
pub(super) struct DemoServiceArguments {
    pub(super) name: String,
    #[arg(long)]
    pub(super) log: PathBuf,
    #[arg(long)]
    pub(super) manner: String,
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
}

/// One enum for each flag with a fixed set of values, beside the type it stands for.
macro_rules! values {
    ($name:ident => $type:ty { $($(#[$doc:meta])* $variant:ident => $value:expr),+ $(,)? }) => {
        #[derive(Debug, Clone, Copy, ValueEnum)]
        pub(super) enum $name { $($(#[$doc])* $variant),+ }

        impl From<$name> for $type {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => $value),+ }
            }
        }
    };
}

values!(ExportValue => ExportChoice {
    /// To an OTLP endpoint
    Otlp => ExportChoice::Otlp,
    /// To standard output, one JSON object a span
    Print => ExportChoice::Print,
    /// Nowhere: contexts are forwarded untouched
    None => ExportChoice::None,
});
values!(RecordValue => RecordMode {
    /// Those with a mark
    Marked => RecordMode::Marked,
    /// All
    All => RecordMode::All,
    /// None
    None => RecordMode::None,
});
values!(InjectValue => InjectPolicy {
    /// Those that are recorded
    Recorded => InjectPolicy::Recorded,
    /// All: unrecorded ones with sampled = 0
    All => InjectPolicy::All,
    /// None
    Off => InjectPolicy::Off,
});
values!(SampledValue => SampledPolicy {
    /// Set to 1
    Set => SampledPolicy::Set,
    /// Left as it came
    Keep => SampledPolicy::Keep,
});
values!(ForwardedValue => Forwarded {
    /// Left as they are, added where absent
    Preserve => Forwarded::Preserve,
    /// The peer is added to X-Forwarded-For
    Append => Forwarded::Append,
    /// Written anew
    Replace => Forwarded::Replace,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}

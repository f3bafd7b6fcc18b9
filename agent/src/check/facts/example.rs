//! A machine on which all is well, for tests to change one thing of.

use super::{
    Bpf, Btf, CgroupMode, Clock, ExporterFact, Facts, ForeignPrograms, Kernel, Loaded, Lockdown, Mounts, Release,
    Rights, Seccomp, TargetFacts, Tracefs, Trial,
};
use crate::check::Plan;
use crate::config::proxy::Upstream;
use crate::config::workload::Selector;
use crate::config::{Config, ExportConfig, ProbeConfig, ProxyConfig, ReportConfig, StopConfig};

impl Facts {
    /// Root on a new kernel, one proxy, nothing in the way.
    pub(in crate::check) fn example() -> Self {
        let upstream = Upstream { tls: false, host: "127.0.0.1".to_owned(), port: 5000, ca: None };
        let loaded =
            Loaded { way: "tracepoints".to_owned(), passed_over: Vec::new(), working: 20, refused: Vec::new() };
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 8080));
        let config = Config {
            proxies: vec![ProxyConfig::new(listen, upstream, "shop".to_owned())],
            export: ExportConfig::default(),
            admin: None,
            threads: 1,
            stop: StopConfig::default(),
            report: ReportConfig::default(),
            observe: None,
            probe: ProbeConfig::default(),
        };
        Self {
            plan: Plan::Usable { file: "a.yaml".to_owned(), config: Box::new(config), warnings: Vec::new() },
            kernel: Kernel {
                name: "6.1.0".to_owned(),
                release: Some(Release(6, 1)),
                architecture: "x86_64",
                btf: Btf::Readable { bytes: 1 << 20 },
                lockdown: Lockdown::None,
                perf_event_paranoid: Some(2),
                unprivileged_bpf_disabled: Some(2),
                kptr_restrict: Some(0),
                bpf_jit_enable: Some(1),
            },
            rights: Rights {
                effective: u64::MAX,
                permitted: u64::MAX,
                bounding: u64::MAX,
                no_new_privileges: false,
                seccomp: Seccomp::Off,
                memlock: None,
                sees_all_processes: true,
                is_in_first_user_namespace: true,
            },
            mounts: Mounts {
                tracefs: Tracefs::Readable("/sys/kernel/tracing".to_owned()),
                cgroups: CgroupMode::V2,
                hides_processes: false,
            },
            bpf: Bpf {
                trial: Trial::Made { ring: Ok(()), programs: Ok(loaded) },
                foreign: ForeignPrograms::Listed(Vec::new()),
            },
            ports: Vec::new(),
            upstreams: Some(Vec::new()),
            targets: Ok(TargetFacts::default()),
            exporter: ExporterFact::None,
            clock: Clock { now: 1_800_000_000, ahead: None },
        }
    }

    /// The configuration then wants the probe.
    pub(in crate::check) fn set_targets(&mut self) {
        if let Plan::Usable { config, .. } = &mut self.plan {
            config.probe.targets = vec![Selector::All];
        }
    }
}

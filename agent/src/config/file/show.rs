//! A configuration as a file would have it: every setting, those that nobody chose included, and no secret.

use std::collections::BTreeMap;
use std::path::Path;

use ipnet::IpNet;

use super::form::{
    AdminForm, AdmissionForm, AdmissionLimits, EgressForm, ExportForm, Form, Format, NameForm, Number,
    ObservationsForm, ObserveForm, ProbeForm, ProxyForm, QueueForm, ReportForm, StopForm, Switch, Texts, TimeoutsForm,
    Whole, Word,
};
use super::words::Compression;
use crate::config::egress::{Destination, Hosts};
use crate::config::export::{ExportChoice, ExportConfig, ExportTarget, OtlpConfig, OtlpProtocol};
use crate::config::proxy::Timeouts;
use crate::config::workload::NameRule;
use crate::config::{Config, ProbeConfig, ProxyConfig};
use crate::trace::decision::UpstreamKind;

/// What stands for a secret.
const HIDDEN: &str = "(hidden)";

/// The configuration as YAML.
///
/// # Errors
/// A sentence, when it cannot be written as YAML.
pub fn show(config: &Config) -> Result<String, String> {
    serde_saphyr::to_string(&form(config)).map_err(|error| format!("the configuration cannot be shown: {error}"))
}

fn form(config: &Config) -> Form {
    let recording = config.observe.as_ref().and_then(|observe| observe.recording.as_deref());
    Form {
        file_format: Format,
        proxies: (!config.proxies.is_empty()).then(|| config.proxies.iter().map(proxy).collect()),
        threads: whole(config.threads),
        export: Some(export(&config.export)),
        stop: Some(StopForm {
            delay: Some(config.stop.delay.into()),
            drain: Some(config.stop.drain.into()),
            flush: Some(config.stop.flush.into()),
        }),
        admin: config.admin.as_ref().map(|admin| AdminForm {
            listen: Some(admin.listen.to_string()),
            token_file: admin.token.as_ref().map(|token| path(&token.file)),
        }),
        report: Some(report(config)),
        observe: recording.map(|file| ObserveForm { file: Some(path(file)) }),
        probe: Some(probe(&config.probe)),
    }
}

fn proxy(config: &ProxyConfig) -> ProxyForm {
    ProxyForm {
        listen: config.listen.to_string(),
        upstream: config.upstream.to_string(),
        service: literal(&config.service),
        record: Some(Word(config.record)),
        inject: Some(Word(config.inject)),
        sampled: Some(Word(config.sampled)),
        instrumented: Some(Switch(config.upstream_kind != UpstreamKind::Uninstrumented)),
        same_backend: Some(Switch(config.upstream_kind == UpstreamKind::InstrumentedSameBackend)),
        trust: texts(&config.trust),
        trusted_hops: texts(&config.trusted_hops),
        addresses: texts(&config.addresses),
        forwarded: Some(Word(config.forwarded)),
        upstream_ca: config.upstream.ca.as_deref().map(path),
        access_log: Some(Switch(config.access_log)),
        admission: Some(match config.admission {
            None => AdmissionForm::Off("off"),
            Some(limits) => AdmissionForm::Limits(AdmissionLimits {
                rate: Some(Number(limits.rate)),
                burst: Some(Whole(limits.burst.into())),
                keep: Some(limits.keep.into()),
                per_trace: Some(Whole(limits.per_trace.into())),
            }),
        }),
        timeouts: Some(timeouts(&config.timeouts)),
        max_header_bytes: whole(config.max_header_bytes),
        egress: config.egress.as_ref().map(|egress| EgressForm {
            listen: egress.listen.to_string(),
            upstream: egress.upstream.as_ref().map(ToString::to_string),
            allow: destinations(&egress.allow),
        }),
    }
}

fn timeouts(timeouts: &Timeouts) -> TimeoutsForm {
    TimeoutsForm {
        connect: Some(timeouts.connect.into()),
        read: Some(timeouts.read.into()),
        write: Some(timeouts.write.into()),
        idle: Some(timeouts.downstream_idle.into()),
        upstream_idle: Some(timeouts.upstream_idle.into()),
    }
}

fn export(config: &ExportConfig) -> ExportForm {
    let form = match &config.target {
        ExportTarget::Otlp(target) => otlp(target),
        ExportTarget::Print => ExportForm { to: Some(Word(ExportChoice::Print)), ..ExportForm::default() },
        ExportTarget::None => ExportForm { to: Some(Word(ExportChoice::None)), ..ExportForm::default() },
    };
    let resource: BTreeMap<String, String> =
        config.resource.iter().filter(|(key, _)| key != "service.name").cloned().collect();
    ExportForm {
        resource: (!resource.is_empty()).then_some(resource),
        queue: Some(QueueForm {
            max_size: whole(config.queue.capacity),
            max_batch: whole(config.queue.batch),
            delay: Some(config.queue.delay.into()),
            timeout: Some(config.queue.timeout.into()),
        }),
        ..form
    }
}

fn otlp(config: &OtlpConfig) -> ExportForm {
    let url = without_password(&config.endpoint);
    let base = match config.protocol {
        OtlpProtocol::HttpProtobuf => url.strip_suffix("/v1/traces").map(str::to_owned),
        OtlpProtocol::Grpc => Some(url.clone()),
    };
    let hidden = |(name, _): &(String, _)| (name.clone(), HIDDEN.to_owned());
    let (certificate, key) = match &config.client_identity {
        Some((certificate, key)) => (Some(path(certificate)), Some(path(key))),
        None => (None, None),
    };
    ExportForm {
        to: Some(Word(ExportChoice::Otlp)),
        protocol: Some(Word(config.protocol)),
        traces_endpoint: base.is_none().then_some(url),
        endpoint: base,
        headers: (!config.headers.is_empty()).then(|| config.headers.iter().map(hidden).collect()),
        timeout: Some(config.timeout.into()),
        compression: Some(Word(if config.gzip { Compression::Gzip } else { Compression::None })),
        certificate: config.certificate.as_deref().map(path),
        client_certificate: certificate,
        client_key: key,
        ..ExportForm::default()
    }
}

fn report(config: &Config) -> ReportForm {
    let kept = config.observe.as_ref().map(|observe| ObservationsForm { max_bytes: whole(observe.keep_bytes) });
    ReportForm { suppress: texts(&config.report.suppress), scope: texts(&config.report.scope), observations: kept }
}

fn probe(config: &ProbeConfig) -> ProbeForm {
    let name = |rule: &NameRule| NameForm {
        when: Texts(rule.when.iter().map(|selector| literal(&selector.to_string())).collect()),
        name: literal(&rule.name.to_string()),
    };
    ProbeForm {
        enabled: Some(Word(config.enabled)),
        targets: texts(&config.targets),
        names: (!config.names.is_empty()).then(|| config.names.iter().map(name).collect()),
        head_bytes: Some(Whole(config.head_bytes.into())),
        ring_bytes: Some(Whole(config.ring_bytes.into())),
        budget: Some(Whole(config.budget.into())),
        gate: Some(config.gate.into()),
        literals: texts(&config.literals),
    }
}

fn destinations(allow: &[Destination]) -> Option<Texts> {
    let text = |Destination { host, port }: &Destination| match (host, port) {
        (Hosts::Named(name), None) => name.clone(),
        (Hosts::Named(name), Some(port)) => format!("{name}:{port}"),
        (Hosts::In(IpNet::V4(net)), None) => net.to_string(),
        (Hosts::In(IpNet::V4(net)), Some(port)) => format!("{net}:{port}"),
        (Hosts::In(IpNet::V6(net)), None) => format!("[{}]/{}", net.addr(), net.prefix_len()),
        (Hosts::In(IpNet::V6(net)), Some(port)) => format!("[{}]/{}:{port}", net.addr(), net.prefix_len()),
    };
    texts(&allow.iter().map(text).collect::<Vec<_>>())
}

fn without_password(url: &url::Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        // Only URLs without a host refuse this, and an endpoint has one.
        let _ = url.set_password(Some(HIDDEN));
    }
    url.to_string()
}

fn texts<T: ToString>(list: &[T]) -> Option<Texts> {
    (!list.is_empty()).then(|| Texts(list.iter().map(|value| literal(&value.to_string())).collect()))
}

fn path(path: &Path) -> String {
    literal(&path.display().to_string())
}

fn whole(number: usize) -> Option<Whole> {
    u64::try_from(number).ok().map(Whole)
}

/// A dollar sign would begin a variable when the text is read again.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

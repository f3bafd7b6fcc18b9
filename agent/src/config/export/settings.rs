//! Puts flag and variables together: which destination, which queue, which resource.

use super::super::ConfigError;
use super::otlp::{self, Signal};
use super::variables::{Lookup, Setting};
use super::{ExportChoice, ExportConfig, ExportDefaults, ExportTarget, MetricsConfig, QueueConfig, Warning, pairs};
use crate::trace::record::MAX_ATTEMPTS;
use std::time::Duration;

/// The specification's default for `OTEL_METRIC_EXPORT_INTERVAL`.
const METRIC_INTERVAL: Duration = Duration::from_secs(60);

pub(super) fn read(
    choice: Option<ExportChoice>,
    env: Lookup<'_>,
    file: &ExportDefaults,
) -> Result<(ExportConfig, Vec<Warning>), ConfigError> {
    let mut warnings = Vec::new();
    let disabled = Setting::find(env, &["OTEL_SDK_DISABLED"]).map(|setting| setting.switch()).transpose()?;
    let disabled = disabled.unwrap_or(false);
    let choice = match choice {
        Some(choice) => choice,
        None if disabled => ExportChoice::None,
        None => traces_exporter(env)?.or(file.choice).unwrap_or(ExportChoice::Otlp),
    };
    let target = match choice {
        ExportChoice::Otlp => ExportTarget::Otlp(otlp::read(env, file, Signal::Traces, &mut warnings)?),
        ExportChoice::Print => ExportTarget::Print,
        ExportChoice::None => ExportTarget::None,
    };
    let metrics = if disabled { None } else { metrics(env, file, &mut warnings)? };
    let resource = resource(env, &mut warnings).unwrap_or_else(|| file.resource.clone());
    let config = ExportConfig { target, queue: queue(env, file)?, resource, metrics };
    Ok((config, warnings))
}

fn traces_exporter(env: Lookup<'_>) -> Result<Option<ExportChoice>, ConfigError> {
    let Some(setting) = Setting::find(env, &["OTEL_TRACES_EXPORTER"]) else { return Ok(None) };
    match setting.value.as_str() {
        "otlp" => Ok(Some(ExportChoice::Otlp)),
        "console" => Ok(Some(ExportChoice::Print)),
        "none" => Ok(Some(ExportChoice::None)),
        _ => Err(setting.error("is not supported", "use one of otlp, console and none")),
    }
}

/// Unlike in an SDK, metrics are sent only where that is asked for: `/metrics` has them all.
fn metrics(
    env: Lookup<'_>,
    file: &ExportDefaults,
    warnings: &mut Vec<Warning>,
) -> Result<Option<MetricsConfig>, ConfigError> {
    let Some(setting) = Setting::find(env, &["OTEL_METRICS_EXPORTER"]) else { return Ok(None) };
    match setting.value.as_str() {
        "otlp" => {}
        "none" => return Ok(None),
        _ => return Err(setting.error("is not supported", "use otlp or none; for Prometheus use --admin")),
    }
    let interval = Setting::find(env, &["OTEL_METRIC_EXPORT_INTERVAL"]);
    let interval = interval.map(|setting| setting.milliseconds()).transpose()?.unwrap_or(METRIC_INTERVAL);
    Ok(Some(MetricsConfig { name: None, otlp: otlp::read(env, file, Signal::Metrics, warnings)?, interval }))
}

fn queue(env: Lookup<'_>, file: &ExportDefaults) -> Result<QueueConfig, ConfigError> {
    let built_in = QueueConfig::default();
    let default = QueueConfig {
        capacity: file.capacity.unwrap_or(built_in.capacity),
        batch: file.batch.unwrap_or(built_in.batch),
        delay: file.delay.unwrap_or(built_in.delay),
        timeout: file.batch_timeout.unwrap_or(built_in.timeout),
    };
    let find = |name: &str| Setting::find(env, &[name]);
    let count = |setting: &Setting| {
        let number = setting.number()?;
        u32::try_from(number).map(|number| number as usize).map_err(|_| setting.error("is too large", "write less"))
    };
    let (capacity, batch) = (find("OTEL_BSP_MAX_QUEUE_SIZE"), find("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"));
    let places = capacity.as_ref().map(count).transpose()?.unwrap_or(default.capacity);
    if let Some(setting) = capacity.filter(|_| places < 1 + MAX_ATTEMPTS) {
        return Err(setting.error(
            "is too small: one request may have a span of its own and one for each attempt",
            format!("write {} or more", 1 + MAX_ATTEMPTS),
        ));
    }
    let spans = batch.as_ref().map(count).transpose()?;
    if let Some(setting) = batch.filter(|_| spans.is_some_and(|spans| spans > places)) {
        return Err(setting
            .error(&format!("is more than the queue holds ({places})"), "lower it, or raise OTEL_BSP_MAX_QUEUE_SIZE"));
    }
    let time = |name: &str, default| find(name).map_or(Ok(default), |setting| setting.milliseconds());
    Ok(QueueConfig {
        capacity: places,
        batch: spans.unwrap_or(default.batch.min(places)),
        delay: time("OTEL_BSP_SCHEDULE_DELAY", default.delay)?,
        timeout: time("OTEL_BSP_EXPORT_TIMEOUT", default.timeout)?,
    })
}

/// A value that cannot be read is discarded whole, as the Resource SDK specification asks.
fn resource(env: Lookup<'_>, warnings: &mut Vec<Warning>) -> Option<Vec<(String, String)>> {
    let setting = Setting::find(env, &["OTEL_RESOURCE_ATTRIBUTES"])?;
    let refused = |problem| warnings.push(Warning(format!("{}: {problem}; all of it is ignored", setting.name)));
    pairs::parse(&setting.value).map_err(refused).ok()
}

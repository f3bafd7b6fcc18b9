//! A change of configuration while the agent runs. Either all of it happens, but for what needs a restart, or none.

use std::sync::Arc;

use super::{Running, probing, settle_recording, start_metrics, warn_of};
use crate::config::{Config, ProbeConfig};
use crate::export;
use crate::proxy::Changes;

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// What became of the proxies.
    pub proxies: Changes,
    /// Whether spans go by a new exporter. The old one sends what it holds.
    pub exporter: bool,
    /// Whether the probe has other targets or names.
    pub targets: bool,
    /// Settings that stay as they were until a restart.
    pub needs_restart: Vec<&'static str>,
}

impl Running {
    /// Runs by `config` from now on. Proxies whose settings are the same keep all their connections; the others drain,
    /// and hand their listeners over where the address is still wanted.
    ///
    /// # Errors
    /// What also keeps an agent from starting: a port in use, a file that cannot be read, a setting that cannot be
    /// used. Everything is as it was then.
    pub async fn reload(&mut self, config: Config) -> anyhow::Result<Reloaded> {
        let runtime = self.service.handle.clone();
        let new_exporter = if config.export == self.config.export {
            None
        } else {
            Some(export::start(config.export.clone(), Arc::clone(&self.numbers.spans), &runtime)?)
        };
        let takes_unmarked = new_exporter.as_ref().unwrap_or(&self.exporter).takes_unmarked();
        let has_new_metrics = (&config.export.metrics, &config.export.resource)
            != (&self.config.export.metrics, &self.config.export.resource);
        let new_metrics = if has_new_metrics { start_metrics(&config, &self.numbers, &runtime)? } else { None };
        let mut wanted = config.proxies.clone();
        for (proxy, said) in wanted.iter_mut().zip(&config.proxies) {
            settle_recording(proxy, takes_unmarked);
            if !self.config.proxies.contains(said) {
                warn_of(proxy);
            }
        }
        let proxies = self.serving.replace(wanted, &self.surroundings)?;

        // Nothing fails from here on.
        self.addrs.proxies = self.serving.addresses();
        self.addrs.egress = self.serving.egress_addresses();
        // Those who drain by now still have the old time.
        self.drain.send_replace(config.stop.drain);
        let exporter = new_exporter.is_some();
        if let Some(new) = new_exporter {
            self.surroundings.outlet.set(new.sink());
            self.numbers.exporter.store(Arc::new(new.numbers()));
            let old = std::mem::replace(&mut self.exporter, new);
            let (patience, flush) = (self.config.stop.drain, self.config.stop.flush);
            self.retiring.spawn_on(old.retire(patience, flush), &runtime);
        }
        if has_new_metrics && let Some(old) = std::mem::replace(&mut self.metrics, new_metrics) {
            old.shutdown(self.config.stop.flush).await;
        }
        let needs_restart = self.needs_restart(&config);
        let targets = self.retarget(&config);
        self.config.proxies = config.proxies;
        self.config.export = config.export;
        self.config.stop = config.stop;
        if let Some(observing) = &self.observing {
            observing.retain(self.config.proxies.iter().zip(self.addrs.proxies.iter().copied()));
        }
        Ok(Reloaded { proxies, exporter, targets, needs_restart })
    }

    /// Has the probe watch what `config` wants, and says whether that is something else. Names follow the proxies, and
    /// what is never watched follows the exporter.
    fn retarget(&mut self, config: &Config) -> bool {
        let Some(probing) = &self.probing else { return false };
        probing.retarget(config);
        let wanted = |probe: &ProbeConfig| (probe.targets.clone(), probe.names.clone());
        let is_other = wanted(&self.config.probe) != wanted(&config.probe);
        (self.config.probe.targets, self.config.probe.names) = wanted(&config.probe);
        is_other
    }

    /// What is different and stays as it is.
    fn needs_restart(&self, config: &Config) -> Vec<&'static str> {
        let differences = [
            ("threads", config.threads != self.config.threads),
            ("admin", config.admin != self.config.admin),
            ("report", config.report != self.config.report),
            ("observe", config.observe != self.config.observe),
            ("probe", probing::needs_restart(&self.config.probe, &config.probe, self.probing.is_some())),
        ];
        differences.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

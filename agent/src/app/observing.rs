//! What becomes of what proxies and probe see: the feeder, and who takes observations from it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::cross_check::{self, Comparing};
use super::feeder::{Feeder, Inbox, ObserveCounts, Watched};
use super::judging::Judging;
use super::probing::View;
use super::roll::{self, Roll};
use crate::admin::Evidence;
use crate::config::{ObserveConfig, ProxyConfig, ReportConfig};
use crate::gap::sink::ObservationConsumer;
use crate::proxy::{Bound, Observers};
use crate::store::recent::{Recent, RecentCounts};
use crate::store::recording::{Recording, RecordingCounts};
use crate::trace::counts::{Sample, Samples};

/// A report is being fed.
pub(super) struct Observing {
    feeder: Feeder,
    roll: Roll,
    recent: Option<Recent>,
    judging: Option<Judging>,
    view: Option<Arc<View>>,
    numbers: Arc<Numbers>,
}

/// Everything that is counted.
struct Numbers {
    feeder: Arc<ObserveCounts>,
    recording: Option<Arc<RecordingCounts>>,
    recent: Option<Arc<RecentCounts>>,
    probe: Option<Arc<View>>,
}

/// What is there before anything else starts, and before rights are given up for the probe.
pub(super) struct Prepared {
    pub(super) recording: Opened,
    pub(super) inbox: Inbox,
    pub(super) counts: Arc<ObserveCounts>,
    /// What the probe says of itself, where one was asked for.
    pub(super) view: Option<Arc<View>>,
}

/// The recording, where there is to be one.
type Opened = Option<(Recording, Arc<RecordingCounts>)>;

/// Opens the recording.
///
/// # Errors
/// A file that cannot be used.
pub(super) fn open(config: Option<&ObserveConfig>) -> anyhow::Result<Opened> {
    let Some(path) = config.and_then(|config| config.recording.as_deref()) else { return Ok(None) };
    let counts = Arc::<RecordingCounts>::default();
    Ok(Some((Recording::open(path, Arc::clone(&counts))?, counts)))
}

impl Observing {
    /// Starts to feed the recording, the memory and the engine with what proxies and probe see. Where nothing is kept in
    /// memory, nobody asks for reports either.
    ///
    /// # Errors
    /// A thread that cannot be had.
    pub(super) fn start(
        config: ObserveConfig,
        report: &ReportConfig,
        proxies: &[Bound],
        prepared: Prepared,
    ) -> anyhow::Result<Self> {
        let Prepared { recording, inbox, counts, view } = prepared;
        let mut consumers: Vec<Box<dyn ObservationConsumer>> = Vec::new();
        let (recording, recording_counts) = recording.unzip();
        consumers.extend(recording.map(|recording| Box::new(recording) as Box<dyn ObservationConsumer>));
        let recent = (config.keep_bytes > 0).then(|| Recent::new(config.keep_bytes));
        consumers.extend(recent.clone().map(|recent| Box::new(recent) as Box<dyn ObservationConsumer>));
        let judging = recent.is_some().then(|| Judging::new(report, view.clone()));
        consumers.extend(judging.clone().map(|judging| Box::new(judging) as Box<dyn ObservationConsumer>));
        consumers.extend(view.as_ref().and_then(|view| comparing(view, proxies)));
        let watched: Vec<Watched> =
            proxies.iter().map(|bound| roll::watched(bound.config(), bound.address())).collect();
        let feeder = Feeder::start(watched.clone(), config.ring, Arc::clone(&counts), inbox, consumers)?;
        let roll = Roll::new(watched, Arc::clone(feeder.hub()), counts.callers.clone());
        let numbers = Numbers {
            feeder: counts,
            recording: recording_counts,
            recent: recent.as_ref().map(|recent| Arc::clone(recent.counts())),
            probe: view.clone(),
        };
        Ok(Self { feeder, roll, recent, judging, view, numbers: Arc::new(numbers) })
    }

    /// Where the proxies leave what they see.
    pub(super) fn observers(&self) -> Observers {
        Observers { sinks: self.feeder.sinks(), enrol: self.roll.enrol() }
    }

    /// These proxies serve from now on, each at its address, and no others.
    pub(super) fn retain<'a>(&self, serving: impl Iterator<Item = (&'a ProxyConfig, SocketAddr)>) {
        self.roll.retain(serving.map(|(config, address)| roll::watched(config, address)));
    }

    /// The last observations, where some are kept.
    pub(super) fn recent(&self) -> Option<&Recent> {
        self.recent.as_ref()
    }

    /// What the admin port answers from, where something is kept.
    pub(super) fn evidence(&self) -> Option<Evidence> {
        let (recent, judging) = (self.recent.clone()?, self.judging.clone()?);
        let view = self.view.clone();
        let probe = Arc::new(move || view.as_ref().map(|view| view.ledger()));
        Some(Evidence { recent, report: Arc::new(move || judging.report()), probe })
    }

    pub(super) fn numbers(&self) -> Arc<dyn Samples> {
        Arc::clone(&self.numbers) as Arc<dyn Samples>
    }

    /// Hands on what is left. Blocks; nothing may serve any more.
    pub(super) fn stop(self) {
        self.feeder.stop();
    }
}

impl Samples for Numbers {
    fn samples(&self, out: &mut Vec<Sample>) {
        self.feeder.samples(out);
        if let Some(probe) = &self.probe {
            probe.samples(out);
        }
        if let Some(recording) = &self.recording {
            let help = "Observations written to the recording.";
            out.push(Sample::counter("throughline_recording_written", help, &recording.written));
            let help = "Observations missing from the recording, because it could not be written.";
            out.push(Sample::counter("throughline_recording_failed", help, &recording.failed));
        }
        if let Some(recent) = &self.recent {
            let help = "Bytes of observations kept in memory.";
            out.push(Sample::gauge("throughline_recent_bytes", help, recent.bytes.get()));
            let help = "Observations dropped from memory for newer ones.";
            out.push(Sample::counter("throughline_recent_dropped", help, &recent.dropped));
        }
    }
}

/// The comparison of what proxies and probe see, where there are both.
fn comparing(view: &Arc<View>, proxies: &[Bound]) -> Option<Box<dyn ObservationConsumer>> {
    let proxied: Vec<Arc<str>> = proxies.iter().map(|bound| bound.config().service.as_str().into()).collect();
    let result = Arc::clone(view.cross_check_result());
    let view = Arc::clone(view);
    let watched: cross_check::Watched = Arc::new(move || view.watched());
    (!proxied.is_empty()).then(|| Box::new(Comparing::new(proxied, watched, result)) as Box<dyn ObservationConsumer>)
}

//! What is counted on the way from proxies and probe to observations. At every quiet moment the requests of the proxies
//! are the observations of the first two kinds and what was lost of them.

use crate::label;
use crate::trace::counts::{ByLabel, Counter, Sample, Samples};
use crate::workload::Callers;

/// What an observation was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A note.
    Note,
    /// A request with its header lines.
    Sighting,
    /// What the probe saw.
    Probe,
}

label!(Kind { Note => "note", Sighting => "sighting", Probe => "probe" });

/// Why an observation was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The thread's ring was full.
    RingFull,
    /// The queue of sightings was full.
    QueueFull,
    /// The queue between probe and observer was full.
    ProbeQueueFull,
    /// The probe lost them, or its kernel side did: its own counters say why.
    Probe,
    /// The probe passed them over: the process had more of them than the probe may take.
    Gated,
}

label!(Loss {
    RingFull => "ring_full",
    QueueFull => "queue_full",
    ProbeQueueFull => "probe_queue_full",
    Probe => "probe",
    Gated => "gated",
});

/// How the callers of arriving requests were resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallerKnown {
    /// Not at all.
    Unknown,
    /// By the owner of the socket.
    Socket,
    /// By an address.
    Address,
    /// By the egress listener.
    Egress,
    /// It stands for several, or says it relays.
    Intermediary,
}

label!(CallerKnown {
    Unknown => "unknown",
    Socket => "socket",
    Address => "address",
    Egress => "egress",
    Intermediary => "intermediary",
});

/// What the feeder counts.
#[derive(Debug, Default)]
pub(crate) struct ObserveCounts {
    /// Observations, by what they were made of.
    pub(crate) observed: ByLabel<Kind>,
    /// Observations that were lost.
    pub(crate) lost: ByLabel<Loss>,
    /// Arriving requests, by how their caller was resolved.
    pub(crate) callers_known: ByLabel<CallerKnown>,
    /// Connections that were not looked up, because too many were new at once.
    pub(crate) not_looked_up: Counter,
    /// Requests whose path has a template past the bound.
    pub(crate) unnamed_routes: Counter,
    /// The table of callers.
    pub(crate) callers: Callers,
}

impl Samples for ObserveCounts {
    fn samples(&self, out: &mut Vec<Sample>) {
        self.observed.samples("throughline_observations", "Requests observed, by what they were made of.", "kind", out);
        self.lost.samples("throughline_observations_lost", "Requests not observed, by reason.", "reason", out);
        self.callers_known.samples(
            "throughline_observed_callers",
            "Requests observed as they arrived, by how their caller is known.",
            "resolved",
            out,
        );
        out.push(Sample::counter(
            "throughline_callers_not_looked_up",
            "Connections whose caller was not looked up, because too many were new at once.",
            &self.not_looked_up,
        ));
        out.push(Sample::counter(
            "throughline_observed_routes_unnamed",
            "Requests observed without route, because their proxy has seen too many routes.",
            &self.unnamed_routes,
        ));
        self.callers.counts.resolved.samples(
            "throughline_callers",
            "Connections looked up, by what was found.",
            "outcome",
            out,
        );
        out.push(Sample::gauge(
            "throughline_callers_remembered",
            "Connections whose caller is remembered now.",
            self.callers.counts.open.get(),
        ));
    }
}

//! The probe as the agent has it: started, asked, stopped.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::clock::Clock;
use super::keeper::{Keeper, Listeners};
use super::kernel::{Attached, Kernel, KernelConfig};
use super::ledger::Ledger;
use super::missing;
use super::reader::Reader;
use super::refused::Refused;
use super::sighting::Shape;
use super::state::{State, Status};
use super::streams::{Bounds, Streams};
use super::told::{self, Seen};
use crate::config::{ProbeConfig, WorkloadConfig};
use crate::gap::sink::ObservationQueue;
use crate::trace::marker::Marker;
use crate::workload::{Peers, Workloads};

/// The running probe. Dropping it without [`Self::stop`] leaves its threads, which end with the process.
#[derive(Debug)]
pub struct Probe {
    ledger: Ledger,
    seen: Arc<Seen>,
    state: Arc<Mutex<State>>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    reader: JoinHandle<()>,
    keeper: JoinHandle<()>,
    attached: Attached,
}

impl Probe {
    /// Loads the kernel programs and watches the processes that `workload` selects. `own` is where the agent itself
    /// listens. The calling thread needs the right to load programs; threads that are started here give it up.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn start(
        config: &ProbeConfig,
        workload: WorkloadConfig,
        own: Vec<SocketAddr>,
        queue: Arc<dyn ObservationQueue>,
    ) -> Result<Self, Refused> {
        let wanted = KernelConfig {
            ring_bytes: config.ring_bytes,
            head_bytes: config.head_bytes,
            budget: config.budget,
            gate: config.gate,
            literals: config.literals.clone(),
            ..KernelConfig::default()
        };
        let Kernel { records, control, ledger, attached } = Kernel::load(&wanted)?;
        let workloads = Workloads::new(workload).map_err(|error| cannot("look at processes", &error))?;
        let (seen, state) = (Arc::new(Seen::default()), Arc::new(Mutex::new(State::default())));
        let bounds = Bounds { head_bytes: config.head_bytes.into(), ..Bounds::default() };
        let (teller, told) = told::way(Arc::clone(&seen));
        let reader = Reader { records, room: config.ring_bytes as usize, streams: Streams::new(bounds), teller };
        let keeper = Keeper {
            told,
            control,
            workloads,
            peers: Peers::default(),
            queue,
            shape: Shape::new(Marker::default()),
            clock: Clock::now(),
            own,
            seen: Arc::clone(&seen),
            state: Arc::clone(&state),
            gated: HashMap::new(),
            missing: missing::Told::default(),
            dropped: 0,
            listeners: if ledger.works("socket_state") { Listeners::Counted(0) } else { Listeners::Unheard },
        };
        let started = |error| cannot("start a thread", &error);
        let keeper = Builder::new().name("probe-keeper".into()).spawn(move || keeper.run()).map_err(started)?;
        let reader = Builder::new().name("probe-reader".into()).spawn(move || reader.run()).map_err(started)?;
        let running = Mutex::new(Some(Running { reader, keeper, attached }));
        Ok(Self { ledger, seen, state, running })
    }

    /// How it does.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (streams, connections) = self.seen.counts();
        let mut problems = self.seen.problems();
        problems.extend(state.problems.iter().cloned());
        Status {
            kernel: self.ledger.clone(),
            counters: state.counters.clone(),
            streams,
            connections,
            targets: state.targets.clone(),
            observations: state.observations(),
            dropped: self.seen.dropped(),
            strangers: state.strangers,
            uring: state.uring,
            compat: state.compat,
            problems,
        }
    }

    /// Watches other processes, from about a second on.
    pub fn retarget(&self, workload: WorkloadConfig) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).wanted = Some(workload);
    }

    /// Detaches the kernel programs, hands on what was seen, and ends both threads. Blocks until that is done; a second
    /// call does nothing.
    pub fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { reader, keeper, attached }) = running else { return };
        // Nothing new comes after this, so the reader finds an end.
        drop(attached);
        self.seen.stop();
        for thread in [reader, keeper] {
            if thread.join().is_err() {
                self.seen.add_problems(vec!["a thread of the probe ended in a panic".to_owned()]);
            }
        }
    }
}

fn cannot(what: &str, error: &std::io::Error) -> Refused {
    Refused::Kernel(format!("cannot {what}: {error}"))
}

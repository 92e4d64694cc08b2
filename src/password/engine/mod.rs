//! The hashing engine: threads that run several bcrypts each, in lock step, behind a fair and bounded queue.
//!
//! A login is one bcrypt, and a machine does some tens of them a second. So there is load shedding and backpressure: a job is
//! refused at once where the queue is full or its deadline can't be met, and never begun where its caller has gone. Not on
//! tokio's blocking pool: that has hundreds of threads and no bound.
//!
//! | file | what it owns |
//! |---|---|
//! | `admission` | who gets into the queue, and who is refused |
//! | `queue` | who is next: bounded, and fair between callers' addresses |
//! | `pace` | how long a job will take |
//! | `kernel` | which kernel runs, checked against the bcrypt crate and measured |
//! | `worker` | the threads |
//! | `figures` | what Prometheus sees |
//! | `calibration` | what an operator is told of the machine |

mod admission;
mod calibration;
mod figures;
mod kernel;
mod pace;
mod queue;
mod worker;

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bcrypt_lanes::{Cost, LaneCount};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

pub use self::{
    admission::Announced,
    calibration::{Calibration, Check, Progress, Row, calibrate},
    figures::Figures,
    kernel::{KernelChoice, Measurement},
};
use self::{admission::Entry, kernel::Plan, queue::Queue};
use crate::domain::{Context, Source};

/// How passwords are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// bcrypt's cost: 2 to the power of this many rounds.
    pub cost: u32,
    /// Threads that hash.
    pub threads: usize,
    /// Hashes that may wait for a lane.
    pub queue: usize,
    /// What runs them.
    pub kernel: KernelChoice,
    /// Hashes that one thread runs side by side; none lets a measurement decide.
    pub lanes: Option<LaneCount>,
}

/// Why a password was neither hashed nor checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is more work than can be done in time.
    #[error("too many passwords are being hashed")]
    Overloaded {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// A hashing thread has died: a defect.
    #[error("a hashing thread has died")]
    Broken,
}

/// What bcrypt gives: 24 bytes, of which 23 are stored.
type Digest = [u8; 24];

/// One bcrypt to compute.
#[derive(Debug)]
pub(super) struct Job {
    /// At most 72 bytes, without the NUL that bcrypt adds.
    pub(super) key: Zeroizing<Vec<u8>>,
    pub(super) salt: [u8; 16],
    pub(super) cost: Cost,
    /// It takes the time of a hash of that cost, if that is more: the time must not tell whose hash is older.
    pub(super) padded_to: Cost,
}

impl Job {
    /// The work, in iterations of bcrypt's loop.
    fn steps(&self) -> u64 {
        u64::from(self.cost.max(self.padded_to).iterations())
    }
}

/// A job that waits, and who for.
#[derive(Debug)]
struct Waiting {
    job: Job,
    deadline: Instant,
    since: Instant,
    answer: oneshot::Sender<Result<Digest, Error>>,
}

impl Waiting {
    fn refuse(self, retry_after: Duration) {
        // The caller may have gone: then nobody reads it.
        let _gone = self.answer.send(Err(Error::Overloaded { retry_after }));
    }
}

/// What the workers and the callers share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told when there is work, or no more to come.
    work: Condvar,
    workers: usize,
    /// The work of a hash of the configured cost. Every estimate supposes as much at the least: whether a job is refused
    /// must not tell what its account's hash costs.
    usual_steps: u64,
    /// Measured by the first worker; the others wait for it.
    plan: OnceLock<Plan>,
    /// See [`Engine::rest_while`].
    rest: OnceLock<Arc<AtomicBool>>,
    figures: Figures,
}

#[derive(Debug)]
struct State {
    queue: Queue<Waiting>,
    /// Lanes in use, by worker.
    occupied: Vec<usize>,
    /// Jobs that are to come.
    announced: usize,
    closed: bool,
}

impl Shared {
    fn disk_is_busy(&self) -> bool {
        self.rest.get().is_some_and(|busy| busy.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The engine. Its threads end when it is dropped.
#[derive(Debug)]
pub(super) struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// Checks the kernels and starts the threads. Which kernel and how many lanes are best here, the first of them
    /// measures before it takes a job: some tens of milliseconds.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(super) fn start(settings: Settings) -> std::io::Result<Self> {
        let kernels = kernel::checked(settings.kernel);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: Queue::new(settings.queue),
                occupied: vec![0; settings.threads],
                announced: 0,
                closed: false,
            }),
            work: Condvar::new(),
            workers: settings.threads,
            usual_steps: 1 << settings.cost,
            plan: OnceLock::new(),
            rest: OnceLock::new(),
            figures: Figures::default(),
        });
        // Before the threads: if one does not start, dropping this ends the others.
        let engine = Self { shared };
        for number in 0..settings.threads {
            worker::start(&engine.shared, number, &kernels, settings.lanes)?;
        }
        Ok(engine)
    }

    /// From now on the threads rest now and then while that is true: somebody waits for the disk, and the kernel's own
    /// threads that serve it must get a core (ADR 19).
    pub(super) fn rest_while(&self, disk_is_busy: Arc<AtomicBool>) {
        // An error says that there is one already: it stays.
        let _set_before = self.shared.rest.set(disk_is_busy);
    }

    pub(super) fn figures(&self) -> &Figures {
        &self.shared.figures
    }

    /// Computes one bcrypt. The job is admitted before this returns, and the future waits for it: it is small, because
    /// thousands of callers may hold one.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at once, where the queue is full or the deadline can't be met; [`Error::Broken`] where the
    /// thread has died.
    pub(super) fn run<'a>(
        &'a self,
        job: Job,
        context: &Context,
    ) -> impl Future<Output = Result<Digest, Error>> + use<'a> {
        let (answer, digest) = oneshot::channel();
        let source = Source::from(context.address);
        let admitted = self.admit(job, source, context.deadline, answer);
        // If the caller goes away while the job waits, the job goes with them.
        let entry = admitted.map(|id| Entry { shared: &self.shared, source, id });
        async move {
            match entry {
                // Where it is: to move it would store it twice.
                Ok(ref _entry) => digest.await.unwrap_or(Err(Error::Broken)),
                Err(refused) => Err(refused),
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

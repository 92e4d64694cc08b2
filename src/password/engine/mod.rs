//! The hashing engine: threads that run several bcrypts each, in lock step, behind a fair and bounded queue.
//!
//! A login is one bcrypt, and a machine does some tens of them a second. So the engine never has more waiting than its
//! callers will wait for: a job is refused at once where the queue is full or its deadline can't be met, and never begun
//! where nobody wants it any more. Not on tokio's blocking pool: that has hundreds of threads and no bound.
//!
//! | file | what it owns |
//! |---|---|
//! | `queue` | who is next: bounded, and fair between callers' addresses |
//! | `pace` | how long a job will take |
//! | `kernel` | which kernel runs, checked against the bcrypt crate and measured |
//! | `worker` | the threads |
//! | `figures` | what Prometheus sees |
//! | `calibration` | what an operator is told of the machine |

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

use bcrypt_lanes::Cost;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

pub use self::{
    calibration::{Calibration, Check, Progress, Row, calibrate},
    figures::Figures,
    kernel::{KernelChoice, Measurement},
};
use self::{
    figures::Reason,
    kernel::Plan,
    queue::{Full, Queue},
};
use super::{Error, Settings};
use crate::domain::{Context, Source};

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

    /// Refuses what [`Engine::run`] would refuse now, for callers who have work to do before. Those who pass count as ahead
    /// of later ones, as though their job waited already.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub(super) fn announce(&self, context: &Context) -> Result<Announced, Error> {
        let (shared, source) = (&*self.shared, Source::from(context.address));
        let mut state = shared.lock();
        let (wait, takes) = self.estimate(&state, source, shared.usual_steps);
        let reason = if Instant::now() + wait + takes > context.deadline {
            Reason::Deadline
        } else if state.queue.has_room_for(source, state.announced) {
            state.announced += 1;
            return Ok(Announced(Arc::clone(&self.shared)));
        } else {
            Reason::QueueFull
        };
        shared.figures.refused(reason);
        Err(Error::Overloaded { retry_after: retry_after(wait) })
    }

    fn admit(
        &self,
        job: Job,
        source: Source,
        deadline: Instant,
        answer: oneshot::Sender<Result<Digest, Error>>,
    ) -> Result<u64, Error> {
        let (shared, since) = (&*self.shared, Instant::now());
        let mut state = shared.lock();
        let (wait, takes) = self.estimate(&state, source, job.steps());
        if since + wait + takes > deadline {
            shared.figures.refused(Reason::Deadline);
            return Err(Error::Overloaded { retry_after: retry_after(wait) });
        }
        let steps = job.steps();
        let waiting = Waiting { job, deadline, since, answer };
        let (id, evicted) = state.queue.push(source, steps, waiting).map_err(|Full| {
            shared.figures.refused(Reason::QueueFull);
            Error::Overloaded { retry_after: retry_after(wait) }
        })?;
        shared.figures.queue(state.queue.len());
        drop(state);
        shared.work.notify_one();
        if let Some(evicted) = evicted {
            shared.figures.refused(Reason::Unfair);
            evicted.refuse(retry_after(wait));
        }
        Ok(id)
    }

    /// How long a job of that source will wait for a lane, and how long it will take in it.
    fn estimate(&self, state: &State, source: Source, steps: u64) -> (Duration, Duration) {
        let Some(plan) = self.shared.plan.get() else { return (Duration::ZERO, Duration::ZERO) };
        let steps = steps.max(self.shared.usual_steps);
        let lanes = plan.lanes.get() * self.shared.workers;
        let running = state.occupied.iter().sum::<usize>();
        if state.queue.len() == 0 && running + state.announced < lanes {
            let occupied = state.occupied.iter().min().copied().unwrap_or(0) + 1;
            return (Duration::ZERO, plan.pace.job(steps, occupied));
        }
        let takes = plan.pace.job(steps, plan.lanes.get());
        // After a rush all lanes are at the same place of their jobs, perhaps at the beginning: then none is free before
        // a whole job is done.
        let announced = state.announced as u64 * self.shared.usual_steps;
        let ahead = state.queue.ahead_of(source) + announced;
        let ahead = plan.pace.all_lanes(ahead, self.shared.workers);
        (ahead + takes, takes)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
    }
}

/// A job that is to come, until this is dropped.
#[derive(Debug)]
pub struct Announced(Arc<Shared>);

impl Drop for Announced {
    fn drop(&mut self) {
        self.0.lock().announced -= 1;
    }
}

/// A place in the queue, for as long as its caller is there.
struct Entry<'a> {
    shared: &'a Shared,
    source: Source,
    id: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        // It is not there any more if it has begun.
        if state.queue.remove(self.source, self.id).is_some() {
            self.shared.figures.refused(Reason::Gone);
            self.shared.figures.queue(state.queue.len());
        }
    }
}

/// What a caller is told to wait, where the queue ahead takes `wait`.
fn retry_after(wait: Duration) -> Duration {
    wait.clamp(Duration::from_millis(100), Duration::from_secs(30))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

//! The hashing engine: threads that run several bcrypts each, in lock step, behind a fair and bounded queue.
//!
//! A login is one bcrypt, and a machine does some tens of them a second. So there is load shedding and backpressure: a job is
//! refused at once where the queue is full or its deadline can't be met, and never begun where its caller has gone. Not on
//! tokio's blocking pool: that has hundreds of threads and no bound.
//!
//! | file | what it owns |
//! |---|---|
//! | `admission` | load shedding: admits a job to the queue or refuses it |
//! | `beside` | checks of other systems' hashes, each beside a bcrypt |
//! | `dearest` | how much longer those take, so that the time tells nobody |
//! | `queue` | the order of jobs: bounded, and fair between callers' addresses |
//! | `priority` | the priority of the threads |
//! | `kernel` | the kernels, checked against the bcrypt crate |
//! | `measure` | measurements of kernels and lanes, on all threads at once |
//! | `choice` | the choice of kernel and lanes, made anew while hashing goes on |
//! | `pace` | estimates of how long a job will take |
//! | `plan` | the three together: the first measurement, the choice, the estimates |
//! | `processor_time` | the clock that the measurements go by |
//! | `job` | a hash to compute, and its errors |
//! | `shared` | state shared by the threads and their callers |
//! | `worker` | the threads, one a core unless configured (`config/password.rs`), several hashes each in lanes (`bcrypt-lanes`) |
//! | `figures` | Prometheus metrics |
//! | `traced` | the spans of a hash in a trace |
//! | `calibration` | measurements of the machine, for an operator |

mod admission;
mod beside;
mod calibration;
mod choice;
mod dearest;
mod figures;
mod job;
mod kernel;
mod measure;
mod pace;
mod plan;
mod priority;
mod processor_time;
mod queue;
mod shared;
mod traced;
mod worker;

use std::{
    sync::{Arc, Condvar, Mutex, OnceLock, atomic::AtomicBool},
    time::{Duration, Instant},
};

use bcrypt_lanes::LaneCount;
use futures_util::TryFutureExt as _;
use tokio::{sync::oneshot, time::sleep_until};

pub(super) use self::job::{Digest, ForeignCheck, Job};
pub use self::{
    admission::Announced,
    calibration::{Calibration, Check, Progress, Row, calibrate},
    figures::Figures,
    job::Error,
    kernel::KernelChoice,
    measure::Measurement,
};
use self::{
    admission::Entry,
    beside::Besides,
    dearest::Dearest,
    figures::Reason,
    job::{Beside, Checked, Done},
    queue::Queue,
    shared::{Shared, State},
};
use crate::domain::{Context, Source};

/// The hint for retries where memory is too little: it is a matter of configuration.
const MEMORY_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Settings of password hashing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// bcrypt's cost: 2 to the power of this many rounds.
    pub cost: u32,
    /// Threads that hash.
    pub threads: usize,
    /// Hashes that may wait for a lane.
    pub queue: usize,
    /// The implementation of bcrypt.
    pub kernel: KernelChoice,
    /// Hashes that one thread interleaves; `None` lets measurements decide.
    pub lanes: Option<LaneCount>,
    /// The most memory that checks of memory-hard hashes of other systems have together, in bytes.
    pub memory: u64,
}

/// The engine. Its threads end when it is dropped.
#[derive(Debug)]
pub(super) struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// Starts the threads. Before they take a job, the kernels are checked, and measured to see which one is the best here
    /// with how many lanes: some milliseconds.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(super) fn start(settings: Settings) -> std::io::Result<Self> {
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
            besides: Arc::new(Besides::new(settings.memory)),
            dearest: Dearest::default(),
        });
        // Built before the threads start: if one fails to, dropping this ends the others.
        let engine = Self { shared };
        for number in 0..settings.threads {
            worker::start(&engine.shared, number, settings.kernel, settings.lanes)?;
            beside::start(&engine.shared.besides, number)?;
        }
        Ok(engine)
    }

    /// Makes the threads sleep now and then while `disk_is_busy`: the kernel's own threads that serve the disk must get a
    /// core (ADR 19).
    pub(super) fn rest_while(&self, disk_is_busy: Arc<AtomicBool>) {
        // The first flag that was set stays.
        let _set_before = self.shared.rest.set(disk_is_busy);
    }

    /// Refuses what [`Engine::run`] would refuse now, or after `rounds` other hashes, one after the other (fail fast): for
    /// callers who have work to do first. A caller who passes counts as ahead of later ones, as if the job were queued
    /// already.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub(super) fn announce(&self, context: &Context, rounds: u32) -> Result<Announced, Error> {
        self.shared.announce(context, rounds)
    }

    pub(super) fn figures(&self) -> &Figures {
        &self.shared.figures
    }

    /// Computes one bcrypt. The job is admitted before this returns; the future only waits for it, and is small, because
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
        self.admitted(job, None, context).map_ok(|done| done.digest)
    }

    /// Computes one bcrypt that shall be `right`, and waits against a timing attack: until a check of the dearest hash of another system
    /// would have ended. Also where it is right: the account may be disabled, and then the answer must not confirm the password.
    ///
    /// # Errors
    /// As of [`Engine::run`].
    pub(super) fn compare<'a, F: FnOnce(&Digest) -> bool + 'a>(
        &'a self,
        job: Job,
        right: F,
        context: &Context,
    ) -> impl Future<Output = Result<bool, Error>> + use<'a, F> {
        let admitted = self.admitted(job, None, context);
        async move {
            let done = admitted.await?;
            let right = right(&done.digest);
            self.hold_back(done).await;
            Ok(right)
        }
    }

    /// Checks a hash of another system. `job` is a bcrypt that nobody needs: it makes the call cost what every other one does.
    ///
    /// # Errors
    /// As of [`Engine::run`]; [`Error::Overloaded`] also where the check needs more memory than there ever is, or than others leave in time.
    pub(super) fn check<'a>(
        &'a self,
        job: Job,
        check: ForeignCheck,
        context: &Context,
    ) -> impl Future<Output = Result<bool, Error>> + use<'a> {
        let fits = self.shared.besides.can_hold(check.memory);
        let (answer, checked) = oneshot::channel();
        let beside = fits.then_some(Beside { check, answer });
        let admitted = self.admitted(job, beside, context);
        async move {
            let done = admitted.await?;
            if !fits {
                self.figures().refused(Reason::Memory);
                tracing::error!(
                    "a stored hash needs more memory than COUNTERSIGN_HASH_MEMORY allows"
                );
                return Err(Error::Overloaded { retry_after: MEMORY_RETRY_AFTER });
            }
            let Checked { right, ended } = checked.await.unwrap_or(Err(Error::Broken))?;
            self.shared
                .dearest
                .learn(done.ended - done.begun, ended.saturating_duration_since(done.begun));
            self.hold_back(done).await;
            Ok(right)
        }
    }

    /// Until a check of the dearest hash that began with this bcrypt would have ended.
    async fn hold_back(&self, done: Done) {
        let until = done.begun + self.shared.dearest.of(done.ended - done.begun);
        if until > Instant::now() {
            // On the heap: thousands of callers may hold the future, and few need this space.
            Box::pin(sleep_until(until.into())).await;
        }
    }

    fn admitted<'a>(
        &'a self,
        job: Job,
        beside: Option<Beside>,
        context: &Context,
    ) -> impl Future<Output = Result<Done, Error>> + use<'a> {
        let (answer, done) = oneshot::channel();
        let (source, since) = (Source::from(context.address), Instant::now());
        let admitted = self.shared.admit(job, source, context.deadline, answer, beside);
        // Cancellation: if the caller goes away while the job is queued, the entry's drop removes the job.
        let entry = admitted.map(|id| Entry { shared: &self.shared, source, id });
        async move {
            let done = match entry {
                // By reference: a move would store the entry twice in the future.
                Ok(ref _entry) => done.await.unwrap_or(Err(Error::Broken)),
                Err(refused) => Err(refused),
            };
            traced::record(since, &done);
            done
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        self.shared.besides.close();
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

//! Load shedding: admits a job to the queue or refuses it at once, by an estimate of its wait.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    figures::Reason,
    job::{Beside, Done, Error, Job, Waiting},
    queue::Full,
    shared::{Shared, State},
};
use crate::domain::{Context, Source};

impl Shared {
    /// See `Engine::announce`.
    pub(super) fn announce(
        self: &Arc<Self>,
        context: &Context,
        rounds: u32,
    ) -> Result<Announced, Error> {
        let source = Source::from(context.address);
        let mut state = self.lock();
        let (wait, takes) = self.estimate(&state, source, self.usual_steps);
        // The rounds before it take a quarter longer than is estimated: a refusal when they are over would come too late.
        let quarters = rounds.saturating_mul(5).saturating_add(4);
        let needed = (wait + takes).saturating_mul(quarters) / 4;
        // Others may fill the queue meanwhile.
        let spare = if rounds == 0 { 0 } else { state.queue.capacity() / 4 };
        let reason = if needed > context.deadline.saturating_duration_since(Instant::now()) {
            Reason::Deadline
        } else if state.queue.has_room_for(source, state.announced + spare) {
            state.announced += 1;
            return Ok(Announced(Arc::clone(self)));
        } else {
            Reason::QueueFull
        };
        self.figures.refused(reason);
        Err(Error::Overloaded { retry_after: retry_after(wait) })
    }

    pub(super) fn admit(
        &self,
        job: Job,
        source: Source,
        deadline: Instant,
        answer: oneshot::Sender<Result<Done, Error>>,
        beside: Option<Beside>,
    ) -> Result<u64, Error> {
        let since = Instant::now();
        let mut state = self.lock();
        let (wait, takes) = self.estimate(&state, source, job.steps());
        if since + wait + takes > deadline {
            self.figures.refused(Reason::Deadline);
            return Err(Error::Overloaded { retry_after: retry_after(wait) });
        }
        let steps = job.steps();
        let waiting = Waiting { job, deadline, since, answer, beside };
        let (id, evicted) = state.queue.push(source, steps, waiting).map_err(|Full| {
            self.figures.refused(Reason::QueueFull);
            Error::Overloaded { retry_after: retry_after(wait) }
        })?;
        self.figures.queue(state.queue.len());
        drop(state);
        self.work.notify_one();
        if let Some(evicted) = evicted {
            self.figures.refused(Reason::Unfair);
            evicted.refuse(retry_after(wait));
        }
        Ok(id)
    }

    /// Estimated wait of a job of that source for a lane, and its time in the lane.
    pub(super) fn estimate(
        &self,
        state: &State,
        source: Source,
        steps: u64,
    ) -> (Duration, Duration) {
        let Some(plan) = self.plan.get() else { return (Duration::ZERO, Duration::ZERO) };
        let setting = plan.in_force();
        let (pace, lanes) = (plan.pace(setting), setting.lanes);
        let steps = steps.max(self.usual_steps);
        let running = state.occupied.iter().sum::<usize>();
        if state.queue.len() == 0 && running + state.announced < lanes.get() * self.workers {
            let occupied = state.occupied.iter().min().copied().unwrap_or(0) + 1;
            return (Duration::ZERO, self.dearest.of(pace.job(steps, occupied)));
        }
        let takes = pace.job(steps, lanes.get());
        // After a rush all lanes are at the same place of their jobs, perhaps at the beginning: then none is free before
        // a whole job is done.
        let announced = state.announced as u64 * self.usual_steps;
        let ahead = state.queue.ahead_of(source) + announced;
        let ahead = pace.all_lanes(ahead, lanes, self.workers);
        (ahead + takes, self.dearest.of(takes))
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

/// A place in the queue; its drop gives it up.
pub(super) struct Entry<'a> {
    pub(super) shared: &'a Shared,
    pub(super) source: Source,
    pub(super) id: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        // A job that has begun is no longer in the queue.
        if state.queue.remove(self.source, self.id).is_some() {
            self.shared.figures.refused(Reason::Gone);
            self.shared.figures.queue(state.queue.len());
        }
    }
}

/// The hint for retries, where the queue ahead takes `wait`.
pub(super) fn retry_after(wait: Duration) -> Duration {
    wait.clamp(Duration::from_millis(100), Duration::from_secs(30))
}

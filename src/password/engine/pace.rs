//! Estimates of how long jobs take with one kernel: measured at the start, and again with every step.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bcrypt_lanes::LaneCount;

/// Weight of the old value, of sixteen parts, when a new one is measured (moving average).
const KEPT: u64 = 15;

/// Bounds of a step's time, relative to the start. A thread that is preempted measures steps of any length; without a
/// bound, jobs would be refused that could be done.
const CREDIBLE: u64 = 4;

/// The time of one step, by the number of lanes in use.
#[derive(Debug)]
pub(super) struct Pace {
    /// Nanoseconds at the start; the first is for one lane.
    measured: [u64; LaneCount::MAX.get()],
    /// Nanoseconds now.
    nanos: [AtomicU64; LaneCount::MAX.get()],
}

impl Pace {
    /// The measurements at the start: a step with one lane, with two, and so on.
    pub(super) fn new(measured: &[Duration]) -> Self {
        let longest = measured.last().copied().unwrap_or_default();
        let nanos_of = |step: Duration| u64::try_from(step.as_nanos()).unwrap_or(u64::MAX).max(1);
        let nanos = array::from_fn(|at| nanos_of(measured.get(at).copied().unwrap_or(longest)));
        Self { measured: nanos, nanos: nanos.map(AtomicU64::new) }
    }

    /// Learns from `steps` steps with `lanes` lanes that took `took`.
    pub(super) fn learn(&self, lanes: usize, steps: u32, took: Duration) {
        let Some(index) = lanes.checked_sub(1).filter(|index| *index < self.nanos.len()) else {
            return;
        };
        let (known, at_start) = (&self.nanos[index], self.measured[index]);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / u64::from(steps.max(1));
        let nanos = nanos.clamp(at_start / CREDIBLE, at_start.saturating_mul(CREDIBLE));
        // A race with another thread loses a measurement, which does no harm.
        let old = known.load(Ordering::Relaxed);
        known.store((old * KEPT + nanos) / (KEPT + 1), Ordering::Relaxed);
    }

    /// Duration of a job as the `occupied`th of its thread.
    ///
    /// A job alone takes what it took at the start, and that is not updated: were a slow minute remembered while nothing
    /// runs, jobs could be refused for ever, and nothing would run to show that the minute is over.
    pub(super) fn job(&self, steps: u64, occupied: usize) -> Duration {
        let index = occupied.clamp(1, self.nanos.len()) - 1;
        let nanos = match index {
            0 => self.measured[0],
            _ => self.nanos[index].load(Ordering::Relaxed),
        };
        Duration::from_nanos(steps.saturating_mul(nanos))
    }

    /// Duration of `steps` steps on so many lanes of `workers` threads together.
    pub(super) fn all_lanes(&self, steps: u64, lanes: LaneCount, workers: usize) -> Duration {
        let full = self.nanos[lanes.get() - 1].load(Ordering::Relaxed);
        let together = (lanes.get() * workers).max(1) as u64;
        Duration::from_nanos(steps.saturating_mul(full) / together)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::new(&[Duration::from_nanos(1000), Duration::from_nanos(1500)])
    }

    #[test]
    fn a_job_shares_its_thread_and_a_queue_shares_all() {
        assert_eq!(pace().job(10, 1), Duration::from_nanos(10_000));
        assert_eq!(pace().job(10, 2), Duration::from_nanos(15_000));
        assert_eq!(pace().job(10, 9), Duration::from_nanos(15_000));
        let lanes = LaneCount::try_from(2).unwrap();
        assert_eq!(pace().all_lanes(10, lanes, 2), Duration::from_nanos(15_000 / 4));
    }

    #[test]
    fn what_is_measured_moves_what_is_known_and_no_other_lane_count() {
        let pace = pace();
        for _ in 0..200 {
            pace.learn(2, 10, Duration::from_nanos(30_000));
            pace.learn(1, 10, Duration::from_nanos(90_000));
            pace.learn(0, 10, Duration::from_nanos(90_000));
        }
        let learnt = pace.job(1, 2).as_nanos();
        assert!((2950..=3000).contains(&learnt), "{learnt}");
    }

    #[test]
    fn a_thread_that_was_put_aside_is_not_believed() {
        let pace = pace();
        for _ in 0..1000 {
            pace.learn(2, 1, Duration::from_secs(1));
        }
        assert!(pace.job(1, 2) <= Duration::from_nanos(6000), "{:?}", pace.job(1, 2));
    }
}

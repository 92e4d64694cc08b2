//! How long things take: measured at the start, and again with every step.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bcrypt_lanes::LaneCount;

/// How much of what is known stays, of sixteen parts, when something new is measured.
const KEPT: u64 = 15;

/// The time of one step, by the number of lanes in use.
#[derive(Debug)]
pub(super) struct Pace {
    lanes: LaneCount,
    /// Nanoseconds; the first is for one lane.
    nanos: [AtomicU64; LaneCount::MAX.get()],
}

impl Pace {
    /// What was measured at the start: nanoseconds of a step, for each number of lanes up to `lanes`.
    pub(super) fn new(lanes: LaneCount, measured: &[u64]) -> Self {
        let longest = measured.last().copied().unwrap_or(1).max(1);
        let nanos =
            std::array::from_fn(|index| measured.get(index).map_or(longest, |n| *n.max(&1)));
        Self { lanes, nanos: nanos.map(AtomicU64::new) }
    }

    /// Learns from `steps` steps with `lanes` lanes that took `took`.
    pub(super) fn learn(&self, lanes: usize, steps: u32, took: Duration) {
        let Some(known) = lanes.checked_sub(1).and_then(|index| self.nanos.get(index)) else {
            return;
        };
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / u64::from(steps.max(1));
        // Another thread may do the same: a lost measurement is no harm.
        let old = known.load(Ordering::Relaxed);
        known.store((old * KEPT + nanos) / (KEPT + 1), Ordering::Relaxed);
    }

    /// How long a job takes beside a full load.
    pub(super) fn job(&self, steps: u64) -> Duration {
        Duration::from_nanos(steps.saturating_mul(self.full()))
    }

    /// How long all lanes of `workers` threads together take for `steps` steps.
    pub(super) fn all_lanes(&self, steps: u64, workers: usize) -> Duration {
        let lanes = (self.lanes.get() * workers).max(1) as u64;
        Duration::from_nanos(steps.saturating_mul(self.full()) / lanes)
    }

    fn full(&self) -> u64 {
        self.nanos[self.lanes.get() - 1].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::new(LaneCount::try_from(2).unwrap(), &[1000, 1500])
    }

    #[test]
    fn a_job_shares_its_thread_and_a_queue_shares_all() {
        assert_eq!(pace().job(10), Duration::from_nanos(15_000));
        assert_eq!(pace().all_lanes(10, 2), Duration::from_nanos(15_000 / 4));
    }

    #[test]
    fn what_is_measured_moves_what_is_known_and_no_other_lane_count() {
        let pace = pace();
        for _ in 0..200 {
            pace.learn(2, 10, Duration::from_nanos(30_000));
            pace.learn(1, 10, Duration::from_nanos(90_000));
            pace.learn(0, 10, Duration::from_nanos(90_000));
        }
        let learnt = pace.job(1).as_nanos();
        assert!((2950..=3000).contains(&learnt), "{learnt}");
    }
}

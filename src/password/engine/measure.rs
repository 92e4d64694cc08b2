//! Measures settings, on all threads at once: how fast one is beside the same on its neighbours is what counts, since
//! two hardware threads of a core share its cache.

use std::{
    panic::resume_unwind,
    sync::{Barrier, OnceLock},
    thread,
    time::{Duration, Instant},
};

use bcrypt_lanes::{Cost, Kernel, LaneCount, Lanes};

use super::{
    choice::{Setting, median},
    processor_time,
};

/// Steps that are timed together.
const STEPS_A_SAMPLE: u32 = 4;

/// Fewer samples have no median.
const SAMPLES: usize = 3;

/// Speed of a kernel with so many lanes on one thread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// The kernel's name; `crate` is the bcrypt crate.
    pub kernel: &'static str,
    /// Lanes in use.
    pub lanes: usize,
    /// The processor time of one iteration of all lanes.
    pub step: Duration,
}

impl Measurement {
    /// Iterations of one hash a second, over all lanes.
    pub fn steps_a_second(&self) -> f64 {
        self.lanes as f64 / self.step.as_secs_f64()
    }
}

/// Measures one setting after the other, each for about `time`, on that many threads at once: the step that would give
/// their throughput. On fewer, if the system has no more threads.
pub(super) fn measure(settings: &[Setting], threads: usize, time: Duration) -> Vec<Measurement> {
    let together = OnceLock::<Barrier>::new();
    let body = || -> Vec<Duration> {
        let one = |setting: &Setting| {
            together.wait().wait();
            step(*setting, time)
        };
        settings.iter().map(one).collect()
    };
    let by_thread = thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, body).ok();
        let others: Vec<_> = (1..threads).map_while(spawn).collect();
        let _set_once = together.set(Barrier::new(1 + others.len()));
        let mut all = vec![body()];
        all.extend(others.into_iter().map(|one| one.join().unwrap_or_else(|p| resume_unwind(p))));
        all
    });
    let of_setting = |(at, setting): (usize, &Setting)| {
        let rate: f64 = by_thread.iter().map(|steps| 1.0 / steps[at].as_secs_f64()).sum();
        let step = Duration::from_secs_f64(by_thread.len() as f64 / rate);
        Measurement { kernel: setting.kernel_name(), lanes: setting.lanes.get(), step }
    };
    settings.iter().enumerate().map(of_setting).collect()
}

/// The time of one step on this thread.
fn step(setting: Setting, time: Duration) -> Duration {
    match setting.kernel {
        Some(kernel) => step_of_lanes(kernel, setting.lanes, time),
        None => step_of_crate(time),
    }
}

fn step_of_lanes(kernel: Kernel, lanes: LaneCount, time: Duration) -> Duration {
    let mut running = Lanes::new(kernel, lanes);
    while running.join(b"calibration", &[7; 16], Cost::MAX, ()).is_ok() {}
    let sample = typical(time, || {
        for _ in 0..STEPS_A_SAMPLE {
            // Such costs take hours: no job finishes.
            let _nobody = running.step();
        }
    });
    sample / STEPS_A_SAMPLE
}

fn step_of_crate(time: Duration) -> Duration {
    let cost = Cost::MIN;
    let hash = typical(time, || {
        std::hint::black_box(bcrypt::bcrypt(cost.get(), [7; 16], b"calibration\0"));
    });
    // Beside its iterations, a hash takes half of one to begin.
    hash * 2 / (2 * cost.iterations() + 1)
}

/// The processor time of `sample`: the median, at least a nanosecond.
fn typical(time: Duration, mut sample: impl FnMut()) -> Duration {
    let (begun, mut samples) = (Instant::now(), Vec::new());
    while samples.len() < SAMPLES || begun.elapsed() < time {
        let before = processor_time::used();
        sample();
        samples.push(processor_time::used().saturating_sub(before));
    }
    median(samples).max(Duration::from_nanos(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_measured_on_each_thread_in_its_order() {
        let of = |lanes| Setting {
            kernel: Some(Kernel::Portable),
            lanes: LaneCount::try_from(lanes).unwrap(),
        };
        let measured = measure(&[Setting::CRATE, of(2), of(6)], 3, Duration::ZERO);
        let names: Vec<_> = measured.iter().map(|one| (one.kernel, one.lanes)).collect();
        assert_eq!(names, [("crate", 1), ("portable", 2), ("portable", 6)]);
        assert!(measured.iter().all(|one| one.step > Duration::ZERO), "{measured:?}");
    }
}

//! How the threads run hashes: the first measurement, the choice, and the estimates that go with it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bcrypt_lanes::{Kernel, LaneCount};

use super::{
    choice::{Choice, Setting},
    measure::{Measurement, measure},
    pace::Pace,
};

/// How long each setting is measured at the start. Whatever this gets wrong, the choice mends while hashing.
const SHORT: Duration = Duration::from_millis(1);

/// A gain of less than this part is noise: fewer lanes leave more of the cache to others.
const WORTH_A_LANE: f64 = 1.02;

/// What the threads share about their settings.
#[derive(Debug)]
pub(super) struct Plan {
    choice: Mutex<Choice>,
    /// By kernel. Not empty.
    paces: Vec<(Option<Kernel>, Pace)>,
}

impl Plan {
    /// Measures all settings on all threads at once, and begins with the best of those that the configuration allows.
    pub(super) fn measured(kernels: &[Kernel], lanes: Option<LaneCount>, threads: usize) -> Self {
        let settings = settings(kernels);
        let measured = measure(&settings, threads, SHORT);
        let is_allowed = |setting: &Setting| match setting.kernel {
            Some(_) => lanes.is_none_or(|lanes| setting.lanes == lanes),
            None => true,
        };
        let both = settings.iter().copied().zip(measured.iter().copied());
        let allowed: Vec<_> = both.filter(|(setting, _)| is_allowed(setting)).collect();
        let first = best(&allowed);
        let allowed = allowed.into_iter().map(|(setting, _)| setting).collect();
        let pace = |of_kernel: &[(Setting, Measurement)]| {
            let steps: Vec<_> = of_kernel.iter().map(|(_, measured)| measured.step).collect();
            (of_kernel[0].0.kernel, Pace::new(&steps))
        };
        let all: Vec<_> = settings.into_iter().zip(measured).collect();
        let paces = all.chunk_by(|one, next| one.0.kernel == next.0.kernel).map(pace).collect();
        Self { choice: Mutex::new(Choice::new(first, allowed, threads)), paces }
    }

    /// Begins again with that setting.
    #[cfg(test)]
    pub(super) fn begin_again(&self, first: Setting, kernels: &[Kernel]) {
        *self.choice() = Choice::new(first, settings(kernels), 1);
    }

    /// The setting that estimates go by.
    pub(super) fn in_force(&self) -> Setting {
        self.choice().in_force()
    }

    /// The setting of a thread's next turn.
    pub(super) fn now(&self) -> Setting {
        self.choice().now()
    }

    /// The lanes that a thread fills.
    pub(super) fn capacity(&self) -> usize {
        self.choice().capacity()
    }

    /// See [`Choice::learn`]. The new setting, if there is one.
    pub(super) fn learn(&self, setting: Setting, cost: Option<Duration>) -> Option<Setting> {
        let mut choice = self.choice();
        choice.learn(setting, cost).then(|| choice.in_force())
    }

    /// The estimates of a setting's kernel.
    pub(super) fn pace(&self, setting: Setting) -> &Pace {
        let of_kernel = self.paces.iter().find(|(kernel, _)| *kernel == setting.kernel);
        &of_kernel.unwrap_or(&self.paces[0]).1
    }

    fn choice(&self) -> MutexGuard<'_, Choice> {
        self.choice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every kernel with every number of lanes; the bcrypt crate where there is no kernel.
pub(super) fn settings(kernels: &[Kernel]) -> Vec<Setting> {
    if kernels.is_empty() {
        return vec![Setting::CRATE];
    }
    let of_kernel =
        |kernel: Kernel| LaneCount::all().map(move |lanes| Setting { kernel: Some(kernel), lanes });
    kernels.iter().copied().flat_map(of_kernel).collect()
}

/// The best setting. Those of a kernel are in the order of their lanes.
fn best(measured: &[(Setting, Measurement)]) -> Setting {
    let better = |best, next: (Setting, Measurement)| {
        let (_, known): (Setting, Measurement) = best;
        if is_better(&next.1, &known) { next } else { best }
    };
    measured.iter().copied().reduce(better).map_or(Setting::CRATE, |(setting, _)| setting)
}

/// Whether `next` is enough of a gain. It is measured later, so it has no fewer lanes.
pub(super) fn is_better(next: &Measurement, best: &Measurement) -> bool {
    next.steps_a_second() / best.steps_a_second() > WORTH_A_LANE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::engine::kernel::{KernelChoice, checked};

    #[test]
    fn the_configuration_decides_before_the_measurement_does() {
        let portable = checked(KernelChoice::Portable);
        let lanes = LaneCount::try_from(3).unwrap();
        let plan = Plan::measured(&portable, Some(lanes), 1);
        let only = Setting { kernel: Some(Kernel::Portable), lanes };
        assert_eq!(plan.in_force(), only);
        for _ in 0..10_000 {
            assert_eq!(plan.learn(plan.now(), Some(SHORT)), None);
            assert_eq!((plan.now(), plan.capacity()), (only, 3));
        }
        assert_eq!(Plan::measured(&[], Some(lanes), 1).in_force(), Setting::CRATE);
    }
}

//! The choice of the kernel and of the number of lanes.
//!
//! Every kernel is checked against the bcrypt crate at the start; one that gives another result is never used. A short
//! measurement chooses among the others, unless the configuration does.

use std::time::{Duration, Instant};

use bcrypt_lanes::{Cost, Kernel, LaneCount, Lanes};

use super::pace::Pace;

/// How long each kernel and lane count is measured at the start, each time.
const SHORT: Duration = Duration::from_millis(1);

/// Steps that are timed together.
const STEPS_A_SAMPLE: u32 = 4;

/// A gain of less than this part is noise: fewer lanes leave more of the cache to others.
const WORTH_A_LANE: f64 = 1.02;

/// The configured choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelChoice {
    /// The fastest on this machine.
    #[default]
    Auto,
    /// Assembly for x86-64.
    Bmi,
    /// Safe Rust.
    Portable,
    /// The bcrypt crate, one hash at a time.
    Crate,
}

/// The implementation that runs the hashes.
#[derive(Debug)]
pub(super) struct Plan {
    /// `None` is the bcrypt crate.
    pub(super) kernel: Option<Kernel>,
    pub(super) lanes: LaneCount,
    pub(super) pace: Pace,
}

/// Speed of a kernel with so many lanes on one thread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// The kernel's name; `crate` is the bcrypt crate.
    pub kernel: &'static str,
    /// Lanes in use.
    pub lanes: usize,
    /// The time of one iteration of all lanes.
    pub step: Duration,
}

impl Measurement {
    /// Iterations of one hash a second, over all lanes.
    pub fn steps_a_second(&self) -> f64 {
        self.lanes as f64 / self.step.as_secs_f64()
    }
}

/// The kernels of that choice that compute correct hashes. None at all means the bcrypt crate.
pub(super) fn checked(choice: KernelChoice) -> Vec<Kernel> {
    let wanted = |kernel: &Kernel| match choice {
        KernelChoice::Auto => true,
        KernelChoice::Bmi => kernel.name() == "bmi",
        KernelChoice::Portable => kernel.name() == "portable",
        KernelChoice::Crate => false,
    };
    let reference = reference();
    let mut kernels: Vec<_> = Kernel::available().filter(wanted).collect();
    if kernels.is_empty() && choice != KernelChoice::Crate {
        tracing::warn!(?choice, "this machine does not have the kernel that is configured");
        kernels.extend(Kernel::available());
    }
    kernels.retain(|kernel| {
        let right = is_right(*kernel, &reference);
        if !right {
            tracing::error!(%kernel, "a hashing kernel differs from bcrypt and is not used");
        }
        right
    });
    kernels
}

/// Passwords, salts and the bcrypt crate's results.
type Reference = Vec<([u8; 9], [u8; 16], [u8; 24])>;

fn reference() -> Reference {
    let case = |number: u8| {
        let (key, salt) = ([b'a' + number; 9], [number; 16]);
        let mut terminated = key.to_vec();
        terminated.push(0);
        (key, salt, bcrypt::bcrypt(Cost::MIN.get(), salt, &terminated))
    };
    (0..3).map(case).collect()
}

/// Whether `kernel` gives bcrypt's results with every number of lanes in use.
fn is_right(kernel: Kernel, reference: &Reference) -> bool {
    LaneCount::all().all(|lanes| {
        let mut running = Lanes::new(kernel, lanes);
        for (key, salt, expected) in reference.iter().cycle().take(lanes.get()) {
            if running.join(key, salt, Cost::MIN, *expected).is_err() {
                return false;
            }
        }
        let mut all_right = true;
        while !running.is_empty() {
            all_right &= running.step().all(|(expected, digest)| digest == expected);
        }
        all_right
    })
}

/// Measures the candidates and chooses.
pub(super) fn plan(kernels: &[Kernel], lanes: Option<LaneCount>) -> Plan {
    let all = measured(kernels);
    let candidates = all.iter().flat_map(|(kernel, of_kernel)| {
        let wanted = of_kernel.iter().filter(|m| lanes.is_none_or(|lanes| m.lanes == lanes.get()));
        wanted.map(move |m| (*kernel, of_kernel, *m))
    });
    let best =
        candidates.reduce(|best, next| if is_better(&next.2, &best.2) { next } else { best });
    let Some((kernel, of_kernel, best)) = best else {
        let alone = measure(None, LaneCount::MIN, SHORT);
        return Plan { kernel: None, lanes: LaneCount::MIN, pace: pace(LaneCount::MIN, &[alone]) };
    };
    let lanes = LaneCount::try_from(best.lanes).unwrap_or(LaneCount::MIN);
    let (pace, step) = (pace(lanes, &of_kernel[..best.lanes]), best.step);
    tracing::info!(%kernel, lanes = lanes.get(), ?step, "hashing engine");
    Plan { kernel: Some(kernel), lanes, pace }
}

/// Measures each kernel on each number of lanes. Twice, and the better result counts: a short disturbance of the machine
/// does not hit the same setting twice.
fn measured(kernels: &[Kernel]) -> Vec<(Kernel, Vec<Measurement>)> {
    let one = |kernel: &Kernel| -> Vec<Measurement> {
        LaneCount::all().map(|lanes| measure(Some(*kernel), lanes, SHORT)).collect()
    };
    let better = |(first, second): (Measurement, Measurement)| Measurement {
        step: first.step.min(second.step),
        ..first
    };
    let first: Vec<_> = kernels.iter().map(one).collect();
    let second = kernels.iter().map(one);
    let both = first.into_iter().zip(second);
    let best = both.map(|(first, second)| first.into_iter().zip(second).map(better).collect());
    kernels.iter().copied().zip(best).collect()
}

/// Whether `next` is enough of a gain. It is measured later, so it has no fewer lanes.
pub(super) fn is_better(next: &Measurement, best: &Measurement) -> bool {
    next.steps_a_second() / best.steps_a_second() > WORTH_A_LANE
}

fn pace(lanes: LaneCount, measured: &[Measurement]) -> Pace {
    let nanos = |m: &Measurement| u64::try_from(m.step.as_nanos()).unwrap_or(u64::MAX);
    Pace::new(lanes, &measured.iter().map(nanos).collect::<Vec<_>>())
}

/// Measures a kernel, or the bcrypt crate where there is none, for about `time`.
pub(super) fn measure(kernel: Option<Kernel>, lanes: LaneCount, time: Duration) -> Measurement {
    let (name, step) = match kernel {
        Some(kernel) => (kernel.name(), measure_lanes(kernel, lanes, time)),
        None => ("crate", measure_crate(time)),
    };
    Measurement { kernel: name, lanes: lanes.get(), step }
}

fn measure_lanes(kernel: Kernel, lanes: LaneCount, time: Duration) -> Duration {
    let mut running = Lanes::new(kernel, lanes);
    while running.join(b"calibration", &[7; 16], Cost::MAX, ()).is_ok() {}
    fastest(time, STEPS_A_SAMPLE, || {
        for _ in 0..STEPS_A_SAMPLE {
            // Such costs take hours: no job finishes.
            let _nobody = running.step();
        }
    })
}

/// Duration of a step where `sample` does `steps` of them: the fastest sample of at least three, since the others show the
/// machine's other work.
fn fastest(time: Duration, steps: u32, mut sample: impl FnMut()) -> Duration {
    let (begun, mut best, mut samples) = (Instant::now(), Duration::MAX, 0);
    while samples < 3 || begun.elapsed() < time {
        let sample_begun = Instant::now();
        sample();
        best = best.min(sample_begun.elapsed());
        samples += 1;
    }
    best / steps
}

fn measure_crate(time: Duration) -> Duration {
    let cost = Cost::MIN;
    let hash = fastest(time, 1, || {
        std::hint::black_box(bcrypt::bcrypt(cost.get(), [7; 16], b"calibration\0"));
    });
    // Beside its iterations, a hash takes half of one to begin.
    hash * 2 / (2 * cost.iterations() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_passes_the_check_and_a_wrong_result_does_not() {
        let kernels = checked(KernelChoice::Auto);
        assert_eq!(kernels.len(), Kernel::available().count());
        let mut reference = reference();
        reference[1].2[23] ^= 1;
        assert!(kernels.iter().all(|kernel| !is_right(*kernel, &reference)));
    }

    #[test]
    fn the_configuration_decides_before_the_measurement_does() {
        let portable = checked(KernelChoice::Portable);
        assert!(portable.iter().all(|kernel| kernel.name() == "portable") && portable.len() == 1);
        let lanes = LaneCount::try_from(3).unwrap();
        assert_eq!(plan(&portable, Some(lanes)).lanes, lanes);
        assert!(checked(KernelChoice::Crate).is_empty());
        assert!(plan(&[], Some(lanes)).kernel.is_none());
    }
}

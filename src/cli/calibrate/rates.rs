//! Figures derived from a calibration: the duration of a hash, and hashes a second.

use std::time::Duration;

use crate::password::engine::{Calibration, Measurement};

/// The costs in the table.
pub(super) const COSTS: std::ops::RangeInclusive<u32> = 10..=14;

/// Duration of a hash whose iterations take `step` each.
pub(super) fn hash_time(step: Duration, cost: u32) -> Duration {
    step.saturating_mul(1 << cost)
}

/// Hashes a second on so many cores.
pub(super) fn rate(measured: &Measurement, cores: usize, cost: u32) -> f64 {
    measured.steps_a_second() * cores as f64 / f64::from(1_u32 << cost)
}

/// The best kernel at full load: all lanes of all cores in use.
pub(super) fn full_load(calibration: &Calibration) -> Measurement {
    calibration.best.all_cores
}

/// The same kernel with one lane: an idle machine.
pub(super) fn alone(calibration: &Calibration, kernel: &str) -> Measurement {
    let of_kernel = |measured: &Measurement| measured.kernel == kernel && measured.lanes == 1;
    let mut measured = calibration.rows.iter().map(|row| row.one_core);
    measured.find(of_kernel).unwrap_or(calibration.best.one_core)
}

/// What each core does at full load, as a part of the best that one does while the others are idle.
pub(super) fn part_of_one_core(calibration: &Calibration) -> f64 {
    let alone = calibration.rows.iter().map(|row| row.one_core.steps_a_second());
    full_load(calibration).steps_a_second() / alone.fold(f64::MIN_POSITIVE, f64::max)
}

/// The bcrypt crate, the baseline.
pub(super) fn bcrypt_crate(calibration: &Calibration) -> Measurement {
    alone(calibration, "crate")
}

/// Hashes a second of that cost on all cores, from the whole hashes that were run.
pub(super) fn checked_rate(calibration: &Calibration, cost: u32) -> f64 {
    let check = &calibration.check;
    let steps = f64::from(check.hashes) * f64::from(1_u32 << check.cost);
    steps / check.took.as_secs_f64() / f64::from(1_u32 << cost)
}

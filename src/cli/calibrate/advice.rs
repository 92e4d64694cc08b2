//! Advice on settings, from the measurements.

use std::time::Duration;

use super::rates::{full_load, hash_time, part_of_one_core};
use crate::password::engine::Calibration;

/// The least cost that OWASP advises.
pub(super) const LEAST: u32 = 10;

/// The cost where none is configured.
pub(super) const DEFAULT: u32 = 12;

/// The highest configurable cost.
const MOST: u32 = 16;

/// Processors that do less than this part of what one of them does alone share something.
const ALL_BY_THEMSELVES: f64 = 0.9;

/// The cost to configure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recommendation {
    /// bcrypt's cost.
    pub(super) cost: u32,
    /// How long a login then takes at full load.
    pub(super) latency: Duration,
    /// Whether the latency is within the target.
    pub(super) in_time: bool,
}

/// The highest cost that keeps a login within `target`, where an iteration takes `step` at full load. Never under
/// [`LEAST`]; if even that takes too long, `in_time` is false.
pub(super) fn recommend(step: Duration, target: Duration) -> Recommendation {
    let in_time = |cost: &u32| hash_time(step, *cost) <= target;
    let found = (LEAST..=MOST).rev().find(in_time);
    let cost = found.unwrap_or(LEAST);
    Recommendation { cost, latency: hash_time(step, cost), in_time: found.is_some() }
}

/// The settings to advise. Kernel and lanes are left to the engine, which measures them while it hashes; only the bcrypt
/// crate is none of its choices.
pub(super) fn settings(calibration: &Calibration, cost: u32) -> Vec<(&'static str, String)> {
    let mut settings = vec![("COUNTERSIGN_BCRYPT_COST", cost.to_string())];
    if full_load(calibration).kernel == "crate" {
        settings.push(("COUNTERSIGN_HASH_KERNEL", "crate".to_owned()));
    }
    settings
}

/// What each processor does with all at work, as a part of what one does alone, if it is much less.
pub(super) fn shared(calibration: &Calibration) -> Option<f64> {
    let part = part_of_one_core(calibration);
    (part < ALL_BY_THEMSELVES).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::calibrate::text::tests::calibration;

    fn recommended(step: u64, target: u64) -> (u32, bool) {
        let (step, target) = (Duration::from_nanos(step), Duration::from_millis(target));
        let recommendation = recommend(step, target);
        assert_eq!(recommendation.latency, step.saturating_mul(1 << recommendation.cost));
        (recommendation.cost, recommendation.in_time)
    }

    #[test]
    fn the_cost_is_the_highest_that_keeps_within_the_target() {
        assert_eq!(recommended(60_000, 250), (12, true));
        assert_eq!(recommended(65_000, 250), (11, true));
        assert_eq!(recommended(65_000, 300), (12, true));
    }

    #[test]
    fn a_target_that_is_just_met_is_met() {
        let exactly = Duration::from_micros(50) * (1 << 12);
        assert_eq!(recommend(Duration::from_micros(50), exactly).cost, 12);
        let less = exactly.saturating_sub(Duration::from_nanos(1));
        assert_eq!(recommend(Duration::from_micros(50), less).cost, 11);
    }

    #[test]
    fn a_machine_that_is_too_slow_gets_the_least_cost_and_is_told() {
        assert_eq!(recommended(250_000, 250), (LEAST, false));
        assert_eq!(recommended(60_000, 0), (LEAST, false));
        assert_eq!(recommend(Duration::MAX, Duration::from_secs(1)).cost, LEAST);
    }

    #[test]
    fn no_cost_is_above_what_can_be_configured() {
        assert_eq!(recommended(60_000, 3_600_000), (MOST, true));
        assert_eq!(recommended(0, 250), (MOST, true));
    }

    #[test]
    fn kernel_and_lanes_are_left_to_the_engine_unless_the_crate_is_better() {
        let mut calibration = calibration();
        assert_eq!(settings(&calibration, 11), [("COUNTERSIGN_BCRYPT_COST", "11".to_owned())]);
        calibration.best = calibration.rows[0];
        let all = settings(&calibration, 12);
        let names: Vec<_> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(names, ["COUNTERSIGN_BCRYPT_COST=12", "COUNTERSIGN_HASH_KERNEL=crate"]);
    }

    #[test]
    fn processors_that_hold_each_other_up_are_told_from_those_that_do_not() {
        let mut calibration = calibration();
        assert_eq!(shared(&calibration), None);
        calibration.best.all_cores.step *= 2;
        assert!(shared(&calibration).is_some_and(|part| (0.46..0.48).contains(&part)));
    }
}

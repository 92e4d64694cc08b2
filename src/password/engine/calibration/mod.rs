//! Measures the machine at leisure, for an operator: every kernel and lane count on one core, the same on all cores at
//! once, and last whole hashes through the engine, which show whether the estimate holds.
//!
//! The measurements are of processor time, which leaves out what other processes take from the cores; the whole hashes
//! do show it. Printing is up to the caller.

mod check;
mod row;

use std::{io, iter, thread, time::Duration};

use bcrypt_lanes::Kernel;

pub use self::{check::Check, row::Row};
use super::{
    KernelChoice, Measurement,
    choice::Setting,
    kernel,
    measure::measure,
    plan::{Plan, is_better, settings},
};

/// Rounds of each measurement. The subjects take turns, so that a neighbour's burst of work hits all of them alike, and the
/// medians leave out the rest of it.
const ROUNDS: u32 = 5;

/// The share of the whole hashes, in measurements.
const CHECK: u32 = 2;

/// Measured performance of the machine.
#[derive(Debug, Clone)]
pub struct Calibration {
    /// Cores that the engine may use.
    pub cores: usize,
    /// Every kernel with every lane count. The bcrypt crate is the first.
    pub rows: Vec<Row>,
    /// The best with all cores at work.
    pub best: Row,
    /// The engine's own choice.
    pub auto: Row,
    /// Kernels that differ from the bcrypt crate and are never used.
    pub wrong: Vec<&'static str>,
    /// The best with whole hashes.
    pub check: Check,
}

/// Progress of a calibration.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Parts that are done.
    pub done: u32,
    /// Parts that there are.
    pub of: u32,
}

/// Calibrates for about `time` and reports to `progress`.
///
/// # Errors
/// The system has no more threads, or one of the engine's has died.
pub async fn calibrate(
    time: Duration,
    mut progress: impl FnMut(Progress),
) -> io::Result<Calibration> {
    let cores = thread::available_parallelism()?.get();
    let kernels = kernel::checked(KernelChoice::Auto);
    let subjects = subjects(&kernels);
    // On one core, and on all.
    let parts = 2 * u32::try_from(subjects.len()).unwrap_or(u32::MAX) + CHECK;
    let (each, of, mut done) = (time / (parts * ROUNDS), parts * ROUNDS, 0);
    let mut step = |steps| {
        done += steps;
        progress(Progress { done, of });
    };
    let one_core = in_rounds(&subjects, 1, each, || step(1));
    let all_cores = in_rounds(&subjects, cores, each, || step(1));
    let rows = one_core.into_iter().zip(all_cores);
    let rows: Vec<_> = rows.map(|(one_core, all_cores)| Row { one_core, all_cores }).collect();
    let best = best_on_all_cores(&rows);
    let check = check::run(&best, cores, each * CHECK * ROUNDS).await?;
    step(CHECK * ROUNDS);
    let auto = auto(&kernels, cores, &rows).unwrap_or(best);
    let wrong = Kernel::available().filter(|kernel| !kernels.contains(kernel)).map(Kernel::name);
    Ok(Calibration { cores, best, auto, wrong: wrong.collect(), check, rows })
}

/// The bcrypt crate, then every kernel with every number of lanes.
fn subjects(kernels: &[Kernel]) -> Vec<Setting> {
    let ours = settings(kernels).into_iter().filter(|setting| setting.kernel.is_some());
    iter::once(Setting::CRATE).chain(ours).collect()
}

fn best_on_all_cores(rows: &[Row]) -> Row {
    let better = |best: Row, next: Row| {
        if is_better(&next.all_cores, &best.all_cores) { next } else { best }
    };
    // Not empty: the bcrypt crate is always measured.
    rows.iter().copied().reduce(better).unwrap_or(rows[0])
}

/// What the engine begins with. Its measurement is short and the choices differ: take the median of several.
fn auto(kernels: &[Kernel], cores: usize, rows: &[Row]) -> Option<Row> {
    let begin = |_| {
        let first = Plan::measured(kernels, None, cores).in_force();
        let is_it = |row: &&Row| {
            let Row { one_core: Measurement { kernel, lanes, .. }, .. } = row;
            (*kernel, *lanes) == (first.kernel_name(), first.lanes.get())
        };
        rows.iter().find(is_it).copied()
    };
    let mut begun: Vec<_> = (0..ROUNDS).filter_map(begin).collect();
    begun.sort_by(|one, other| {
        one.all_cores.steps_a_second().total_cmp(&other.all_cores.steps_a_second())
    });
    begun.get(begun.len() / 2).copied()
}

/// The medians of all subjects, on so many cores.
fn in_rounds(
    subjects: &[Setting],
    cores: usize,
    each: Duration,
    mut done: impl FnMut(),
) -> Vec<Measurement> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = Vec::new();
        for subject in subjects {
            round.extend(measure(&[*subject], cores, each));
            done();
        }
        rounds.push(round);
    }
    (0..subjects.len()).map(|at| median(rounds.iter().map(|round| round[at]).collect())).collect()
}

/// The median by time; there is at least one.
fn median(mut measured: Vec<Measurement>) -> Measurement {
    measured.sort_by_key(|measurement| measurement.step);
    measured[measured.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(kernel: &'static str, lanes: usize, micros: u64) -> Measurement {
        Measurement { kernel, lanes, step: Duration::from_micros(micros) }
    }

    #[test]
    fn the_best_is_the_one_that_does_most_on_all_cores() {
        let row = |one, all| Row { one_core: one, all_cores: all };
        let rows = [
            row(measured("crate", 1, 57), measured("crate", 1, 57)),
            row(measured("portable", 4, 65), measured("portable", 4, 70)),
            // The best on one core, where the neighbour leaves it the cache.
            row(measured("portable", 5, 66), measured("portable", 5, 95)),
            // One percent: not worth two more lanes.
            row(measured("portable", 6, 80), measured("portable", 6, 104)),
        ];
        assert_eq!(best_on_all_cores(&rows), rows[1]);
    }

    #[tokio::test]
    async fn a_calibration_measures_everything_and_tells_how_far_it_is() {
        let mut told = Vec::new();
        let time = Duration::from_millis(50);
        let calibration = calibrate(time, |progress| told.push(progress)).await.unwrap();
        let kernels = Kernel::available().count();
        assert_eq!(calibration.rows.len(), 1 + 6 * kernels);
        assert!(calibration.wrong.is_empty());
        assert!(told.windows(2).all(|pair| pair[0].done < pair[1].done));
        assert!(told.last().is_some_and(|last| last.done == last.of));
        let filled = calibration.best.all_cores.lanes * calibration.cores;
        assert_eq!(calibration.check.hashes as usize % filled, 0);
    }
}

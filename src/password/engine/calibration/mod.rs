//! Measures the machine at leisure, for an operator: every kernel and lane count on one core, the best of each kernel on
//! all cores at once, and last whole hashes through the engine, which show whether the estimate holds.
//!
//! The measurements leave out what other processes take from the cores; the whole hashes do show it. Printing is up to the
//! caller.

mod check;
mod row;

use std::{io, iter, panic::resume_unwind, sync::Barrier, thread, time::Duration};

use bcrypt_lanes::{Kernel, LaneCount};

pub use self::{check::Check, row::Row};
use super::{KernelChoice, Measurement, kernel};

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
    let finalists = 1 + kernels.len();
    let parts = u32::try_from(subjects.len() + finalists).unwrap_or(u32::MAX) + CHECK;
    let (each, of, mut done) = (time / (parts * ROUNDS), parts * ROUNDS, 0);
    let mut step = |steps| {
        done += steps;
        progress(Progress { done, of });
    };
    let one_core = in_rounds(&subjects, 1, each, || step(1));
    let chosen = finals(&subjects, &one_core);
    let all_cores = in_rounds(&chosen, cores, each, || step(1));
    let rows: Vec<_> = one_core.into_iter().map(|one_core| row(one_core, &all_cores)).collect();
    let best = best_on_all_cores(&rows);
    let check = check::run(&best, cores, each * CHECK * ROUNDS).await?;
    step(CHECK * ROUNDS);
    let auto = auto(&kernels, &rows).unwrap_or(best);
    let wrong = Kernel::available().filter(|kernel| !kernels.contains(kernel)).map(Kernel::name);
    Ok(Calibration { cores, best, auto, wrong: wrong.collect(), check, rows })
}

/// A candidate: a kernel, or the bcrypt crate where there is none.
#[derive(Debug, Clone, Copy)]
struct Subject {
    kernel: Option<Kernel>,
    lanes: LaneCount,
}

impl Subject {
    fn is(&self, measured: &Measurement) -> bool {
        measured.kernel == self.kernel.map_or("crate", Kernel::name)
            && measured.lanes == self.lanes.get()
    }
}

fn subjects(kernels: &[Kernel]) -> Vec<Subject> {
    let of_kernel = |kernel: &Kernel| {
        let kernel = Some(*kernel);
        LaneCount::all().map(move |lanes| Subject { kernel, lanes })
    };
    let bcrypt_crate = Subject { kernel: None, lanes: LaneCount::MIN };
    iter::once(bcrypt_crate).chain(kernels.iter().flat_map(of_kernel)).collect()
}

/// The best lane count of each kernel.
fn finals(subjects: &[Subject], measured: &[Measurement]) -> Vec<Subject> {
    let pairs: Vec<_> = subjects.iter().zip(measured).collect();
    let of_kernels = pairs.chunk_by(|one, next| one.1.kernel == next.1.kernel);
    let best = of_kernels.filter_map(|of_kernel| {
        let lanes = of_kernel.iter().copied();
        lanes.reduce(|best, next| if kernel::is_better(next.1, best.1) { next } else { best })
    });
    best.map(|(subject, _)| *subject).collect()
}

fn row(one_core: Measurement, all_cores: &[Measurement]) -> Row {
    let same =
        |other: &&Measurement| (other.kernel, other.lanes) == (one_core.kernel, one_core.lanes);
    Row { one_core, all_cores: all_cores.iter().find(same).copied() }
}

fn best_on_all_cores(rows: &[Row]) -> Row {
    let rate = |row: &Row| row.all_cores.map_or(0.0, |measured| measured.steps_a_second());
    let best = rows.iter().max_by(|one, other| rate(one).total_cmp(&rate(other)));
    // Not empty: the bcrypt crate is always measured.
    best.copied().unwrap_or(rows[0])
}

/// The engine's own choice. Its measurement is short and the choices differ: take the median of several.
fn auto(kernels: &[Kernel], rows: &[Row]) -> Option<Row> {
    let choose = |_| {
        let plan = kernel::plan(kernels, None);
        let chosen = Subject { kernel: plan.kernel, lanes: plan.lanes };
        rows.iter().find(|row| chosen.is(&row.one_core)).copied()
    };
    let mut chosen: Vec<_> = (0..ROUNDS).filter_map(choose).collect();
    chosen.sort_by_key(|row| row.one_core.step / u32::try_from(row.one_core.lanes).unwrap_or(1));
    chosen.get(chosen.len() / 2).copied()
}

/// The medians of all subjects, on so many cores.
fn in_rounds(
    subjects: &[Subject],
    cores: usize,
    each: Duration,
    mut done: impl FnMut(),
) -> Vec<Measurement> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = Vec::new();
        for subject in subjects {
            round.push(at_once(*subject, cores, each));
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

/// The same on several threads at the same time; the step that would give their throughput.
fn at_once(subject: Subject, threads: usize, time: Duration) -> Measurement {
    let together = Barrier::new(threads);
    let body = || {
        together.wait();
        kernel::measure(subject.kernel, subject.lanes, time)
    };
    let measured: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(body)).collect();
        let ended =
            started.into_iter().map(|thread| thread.join().unwrap_or_else(|p| resume_unwind(p)));
        ended.collect()
    });
    let steps: f64 = measured.iter().map(|one| 1.0 / one.step.as_secs_f64()).sum();
    Measurement { step: Duration::from_secs_f64(threads as f64 / steps), ..measured[0] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(kernel: &'static str, lanes: usize, micros: u64) -> Measurement {
        Measurement { kernel, lanes, step: Duration::from_micros(micros) }
    }

    #[test]
    fn each_kernel_sends_its_best_lane_count_into_the_finals() {
        let subjects = subjects(&[Kernel::Portable]);
        // The sixth lane gains one percent: not worth it.
        let steps = [57, 54, 60, 66, 72, 80, 95];
        let of = |(subject, step): (&Subject, u64)| {
            measured(subject.kernel.map_or("crate", Kernel::name), subject.lanes.get(), step)
        };
        let rows: Vec<_> = subjects.iter().zip(steps).map(of).collect();
        let finals = finals(&subjects, &rows);
        let found: Vec<_> = finals.iter().map(|subject| subject.lanes.get()).collect();
        assert_eq!(found, [1, 5]);
        assert!(finals[0].is(&rows[0]) && finals[1].is(&rows[5]));
    }

    #[test]
    fn the_best_is_the_one_that_does_most_on_all_cores() {
        let row = |one, all| Row { one_core: one, all_cores: all };
        let rows = [
            row(measured("crate", 1, 57), Some(measured("crate", 1, 57))),
            row(measured("portable", 5, 80), Some(measured("portable", 5, 90))),
            row(measured("portable", 6, 80), None),
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
        let finals = calibration.rows.iter().filter(|row| row.all_cores.is_some());
        assert_eq!(finals.count(), 1 + kernels);
        assert!(calibration.wrong.is_empty());
        assert!(told.windows(2).all(|pair| pair[0].done < pair[1].done));
        assert!(told.last().is_some_and(|last| last.done == last.of));
        let filled = calibration.best.one_core.lanes * calibration.cores;
        assert_eq!(calibration.check.hashes as usize % filled, 0);
    }
}

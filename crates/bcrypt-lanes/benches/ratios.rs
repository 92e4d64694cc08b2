//! How many times the bcrypt crate's throughput each kernel and lane count gives, on one core and on all.
//!
//! Made for a machine that others use as well: the subjects take turns, each round compares neighbours in time, and the
//! table shows medians over the rounds.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]

mod subject;

use std::{error::Error, panic::resume_unwind, sync::Barrier, thread, time::Instant};

use bcrypt_lanes::Cost;
use subject::Subject;

/// High enough that a hash's start and end don't show, as they don't at the costs that are used.
const COST: u32 = 10;
const ROUNDS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let cost = Cost::try_from(COST)?;
    let subjects = Subject::all();
    let one = measure(1, &subjects, cost);
    let cores = thread::available_parallelism()?.get();
    let all = measure(cores, &subjects, cost);

    println!("Cost {COST}, medians of {ROUNDS} rounds; ms is the time per hash and core.");
    println!("{:20} {:>18} {:>18}", "", "one core", format!("{cores} at once"));
    for (at, subject) in subjects.iter().enumerate() {
        println!("{:20} {} {}", subject.to_string(), cell(&one, at), cell(&all, at));
    }
    Ok(())
}

/// Seconds a hash, by round and subject, of `threads` that do the same thing at the same time.
fn measure(threads: usize, subjects: &[Subject], cost: Cost) -> Vec<Vec<f64>> {
    let together = Barrier::new(threads);
    let rounds_of_a_thread = || -> Vec<Vec<f64>> {
        (0..ROUNDS)
            .map(|_| subjects.iter().map(|one| time(*one, cost, &together)).collect())
            .collect()
    };
    thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(rounds_of_a_thread)).collect();
        started
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

fn time(subject: Subject, cost: Cost, together: &Barrier) -> f64 {
    together.wait();
    let start = Instant::now();
    subject.run(cost);
    start.elapsed().as_secs_f64() / subject.hashes() as f64
}

/// The median time, and the median ratio to the first subject's time in the same round.
fn cell(rounds: &[Vec<f64>], at: usize) -> String {
    let milliseconds = median(rounds.iter().map(|round| round[at] * 1e3).collect());
    let ratio = median(rounds.iter().map(|round| round[0] / round[at]).collect());
    format!("{milliseconds:>8.2} ms {ratio:>5.2}x")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

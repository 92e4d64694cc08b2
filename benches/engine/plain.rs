//! The bcrypt crate, one hash at a time on each core.

use std::{
    hint::black_box,
    io, thread,
    time::{Duration, Instant},
};

use bcrypt_lanes::Cost;

const HASHES_A_CORE: usize = 2;

/// Hashes a second on that many cores.
pub(crate) fn rate(cost: Cost, cores: usize) -> io::Result<f64> {
    let begun = Instant::now();
    let hashes = || (0..HASHES_A_CORE).for_each(|_| hash(cost));
    thread::scope(|scope| -> io::Result<()> {
        for _ in 0..cores {
            thread::Builder::new().spawn_scoped(scope, hashes)?;
        }
        Ok(())
    })?;
    Ok((cores * HASHES_A_CORE) as f64 / begun.elapsed().as_secs_f64())
}

/// The time of one hash while nothing else runs.
pub(crate) fn time(cost: Cost) -> Duration {
    let begun = Instant::now();
    hash(cost);
    begun.elapsed()
}

fn hash(cost: Cost) {
    black_box(bcrypt::bcrypt(cost.get(), [7; 16], black_box(b"correct horse battery\0")));
}

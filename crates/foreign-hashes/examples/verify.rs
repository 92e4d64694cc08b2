//! Verifies what it is asked to, for `scripts/compare-hashes`: each line of the input is a hash, a tab and a password; each
//! line of the output is the verdict and the nanoseconds of processor time that it took.

use std::io::{self, BufRead as _, Write as _};

use foreign_hashes::ForeignHash;
use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (hash, password) = line.split_once('\t').ok_or("a line without a tab")?;
        let hash = ForeignHash::parse(hash)?;
        let start = processor_time();
        let verdict = hash.verify(password.as_bytes());
        writeln!(output, "{verdict} {}", processor_time() - start)?;
        output.flush()?;
    }
    Ok(())
}

/// Nanoseconds of processor time of this process, all its threads together.
fn processor_time() -> i128 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

//! What a look-up in a list of breached passwords costs, beside one SHA-1 of the password, which no list does without.
//!
//! `cargo bench --bench breached`. It makes a list of random keys, by default a hundred million in 400 MB (`--folder` names a
//! disk), and looks random passwords up in it: with the file in memory; the same on a thread for blocking work, as the service does it;
//! and from the disk, where the system has dropped the file's pages before each look-up. Exits with 1 if half of the look-ups in memory
//! take longer than they may.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]

use std::{
    fs::File,
    hint::black_box,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use countersign::{
    domain::Timestamp,
    password::breached::{Breached, Builder, Key},
};
use rand::RngExt as _;
use rustix::fs::{Advice, fadvise};

/// What a look-up in memory may take.
const MOST: Duration = Duration::from_micros(50);

/// Keys that are sorted at a time: those with the same first ten bits.
const PARTS: u64 = 1 << 10;

#[derive(Debug, Parser)]
struct Arguments {
    /// How many passwords are on the list
    #[arg(long, default_value_t = 100_000_000)]
    entries: u64,
    /// How many are looked up in memory
    #[arg(long, default_value_t = 200_000)]
    lookups: u32,
    /// How many are looked up on the disk
    #[arg(long, default_value_t = 2_000)]
    cold: u32,
    /// Where the list is made
    #[arg(long)]
    folder: Option<PathBuf>,
    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let folder = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let path = folder.path().join("breached.list");
    make(&path, arguments.entries)?;
    let list = Arc::new(Breached::open(&path)?);
    // Reads all of it into memory, if there is room.
    anyhow::ensure!(list.check(&mut |_| {})?, "the list is not what was written");

    let hash = one_hash();
    println!("\n{:<36} {:>9} {:>9} {:>10}", "", "p50 µs", "p99 µs", "SHA-1s");
    println!("{:<36} {:>9.2} {:>9} {:>10}", "one SHA-1", micros(hash), "", 1);
    let warm = many(arguments.lookups, || list.has(random()))?;
    tell("look-up in memory", &warm, hash);
    let mut threads = Vec::new();
    for _ in 0..arguments.lookups {
        let (list, key, begun) = (Arc::clone(&list), random(), Instant::now());
        black_box(tokio::task::spawn_blocking(move || list.has(key)).await??);
        threads.push(begun.elapsed());
    }
    threads.sort_unstable();
    tell("the same on a thread for it", &threads, hash);
    let file = File::open(&path)?;
    let mut cold = Vec::new();
    for _ in 0..arguments.cold {
        fadvise(&file, 0, None, Advice::DontNeed)?;
        cold.extend(many(1, || list.has(random()))?);
    }
    cold.sort_unstable();
    tell("look-up on the disk", &cold, hash);
    Ok(if at(&warm, 50) <= MOST { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes a list of random keys. Those of each part are sorted by themselves, so that few are in memory at a time.
fn make(path: &Path, entries: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut builder = Builder::create(path, entries)?;
    let bits = PARTS.ilog2();
    for part in 0..PARTS {
        let count = entries * (part + 1) / PARTS - entries * part / PARTS;
        let key = |_| Key((part << (64 - bits)) | (random().0 >> bits));
        let mut keys: Vec<_> = (0..count).map(key).collect();
        keys.sort_unstable();
        keys.into_iter().try_for_each(|key| builder.add(key))?;
    }
    let facts = builder.finish(Timestamp::from_unix_micros(0), 1)?;
    let (entries, bytes, took) = (facts.entries, facts.bytes(), begun.elapsed().as_secs_f64());
    println!("{entries} passwords in {bytes} bytes, made in {took:.1} s");
    println!("of {} others, one is taken for one of them", facts.one_wrong_in());
    Ok(())
}

fn random() -> Key {
    Key(rand::rng().random())
}

/// How long a SHA-1 of a password takes: too short for the clock, so that many are measured together.
fn one_hash() -> Duration {
    let rounds = 100_000;
    let begun = Instant::now();
    for _ in 0..rounds {
        black_box(Key::of(black_box("correct horse battery staple")));
    }
    begun.elapsed() / rounds
}

/// Times, the shortest first.
fn many(
    count: u32,
    mut look: impl FnMut() -> std::io::Result<bool>,
) -> std::io::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        black_box(look()?);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn tell(what: &str, sorted: &[Duration], hash: Duration) {
    let (p50, p99) = (at(sorted, 50), at(sorted, 99));
    let ratio = p50.as_secs_f64() / hash.as_secs_f64();
    println!("{what:<36} {:>9.2} {:>9.2} {ratio:>10.1}", micros(p50), micros(p99));
}

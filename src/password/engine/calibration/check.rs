//! Whole hashes through the engine itself, to check the measurements.

use std::{
    io,
    time::{Duration, Instant},
};

use bcrypt_lanes::{Cost, LaneCount};
use futures_util::future::join_all;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    super::{Context, Engine, Error, Job, KernelChoice, Measurement, Settings},
    row::Row,
};

/// The cost of the whole hashes: the least that anyone should use.
const CHECK_COST: u32 = 10;

/// Whole hashes that were run through the engine, with all lanes of all cores in use.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Number of hashes.
    pub hashes: u32,
    /// bcrypt's cost.
    pub cost: u32,
    /// Their total time.
    pub took: Duration,
}

/// Runs whole hashes through an engine for about `time`, with as many jobs as fill all lanes, once or several times.
pub(super) async fn run(best: &Row, cores: usize, time: Duration) -> io::Result<Check> {
    let measured = best.all_cores;
    let (kernel, lanes) = (choice(measured.kernel), LaneCount::try_from(measured.lanes).ok());
    let wave = measured.step * (1 << CHECK_COST);
    let waves = (time.as_nanos() / wave.as_nanos().max(1)).max(1);
    let waves = u32::try_from(waves).unwrap_or(u32::MAX);
    let hashes = waves.saturating_mul(at_once(&measured, cores));
    let queue = usize::try_from(hashes).unwrap_or(usize::MAX);
    let engine = Engine::start(Settings {
        cost: CHECK_COST,
        threads: cores,
        queue,
        kernel,
        lanes,
        memory: 0,
    })?;
    // The engine makes its own plan before the first job is done.
    hash(&engine, Cost::MIN.get()).await?;
    let begun = Instant::now();
    let all = join_all((0..hashes).map(|_| hash(&engine, CHECK_COST))).await;
    all.into_iter().collect::<io::Result<()>>()?;
    Ok(Check { hashes, cost: CHECK_COST, took: begun.elapsed() })
}

/// Hashes that run at the same time on all cores.
fn at_once(measured: &Measurement, cores: usize) -> u32 {
    u32::try_from(measured.lanes * cores).unwrap_or(u32::MAX)
}

async fn hash(engine: &Engine, cost: u32) -> io::Result<()> {
    let cost = Cost::try_from(cost).map_err(io::Error::other)?;
    let job =
        Job { key: Zeroizing::new(b"calibration".to_vec()), salt: [7; 16], cost, padded_to: cost };
    // No deadline in practice.
    let deadline = Instant::now() + Duration::from_secs(3600);
    let context = Context::of_operator(deadline, Uuid::nil().into());
    engine.run(job, &context).await.map(drop).map_err(|error: Error| io::Error::other(error))
}

fn choice(kernel: &str) -> KernelChoice {
    match kernel {
        "bmi" => KernelChoice::Bmi,
        "portable" => KernelChoice::Portable,
        _ => KernelChoice::Crate,
    }
}

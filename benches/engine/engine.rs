//! The engine, through what the service uses of it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bcrypt_lanes::{Cost, LaneCount};
use countersign::{
    domain::{Context, Password},
    password::{Passwords, Settings, engine::KernelChoice},
};
use futures_util::future::try_join_all;
use tokio::time::interval;

/// How often all lanes are filled for one figure: the second time, they are as they become free.
const FILLS: usize = 2;

/// More than any measurement has at a time.
const QUEUE_A_CORE: usize = 100;

/// An engine on every core.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    passwords: Passwords,
    password: Password,
    /// Of all threads together.
    lanes: usize,
}

impl Engine {
    /// Starts it and fills it once, to see how many lanes it chose.
    pub(crate) async fn start(
        name: &'static str,
        kernel: KernelChoice,
        lanes: Option<LaneCount>,
        cost: Cost,
        cores: usize,
    ) -> anyhow::Result<Self> {
        let most = cores * LaneCount::MAX.get();
        let passwords = Passwords::start(Settings {
            cost: cost.get(),
            threads: cores,
            queue: QUEUE_A_CORE * cores,
            kernel,
            lanes,
            memory: 0,
        })?;
        let password = Password::parse("correct horse battery").ok().context("a good password")?;
        let mut engine = Self { name, passwords, password, lanes: 0 };
        engine.lanes = engine.count_lanes(most).await?;
        Ok(engine)
    }

    async fn count_lanes(&self, most: usize) -> anyhow::Result<usize> {
        let (mut ticks, mut seen) = (interval(Duration::from_millis(1)), 0);
        let mut hashes = std::pin::pin!(self.hash(most));
        loop {
            tokio::select! {
                done = &mut hashes => return done.map(|()| seen),
                _ = ticks.tick() => {
                    seen = seen.max(usize::try_from(self.passwords.figures().lanes_in_use())?);
                }
            }
        }
    }

    /// Hashes a second while all lanes are in use.
    pub(crate) async fn rate(&self) -> anyhow::Result<f64> {
        let (begun, hashes) = (Instant::now(), self.lanes * FILLS);
        self.hash(hashes).await?;
        Ok(hashes as f64 / begun.elapsed().as_secs_f64())
    }

    /// The time of one hash while nothing else runs.
    pub(crate) async fn time(&self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        self.hash(1).await?;
        Ok(begun.elapsed())
    }

    /// So many hashes, all asked for at once.
    pub(crate) async fn hash(&self, callers: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(3600);
        let context = Context::of_operator(deadline, uuid::Uuid::nil().into());
        try_join_all((0..callers).map(|_| self.passwords.hash(&self.password, &context))).await?;
        Ok(())
    }

    /// How many times the crate's rate it should reach at cost 12 on a quiet machine.
    pub(crate) fn aim(&self) -> Option<f64> {
        match self.name {
            "portable" => Some(3.0),
            "bmi" => Some(4.2),
            _ => None,
        }
    }
}

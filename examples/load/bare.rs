//! The engine by itself, in this process: what Login is compared with.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use countersign::{
    domain::{Context, Password},
    password::{LaneCount, Passwords, Settings, engine::KernelChoice},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

/// An engine as the server has it by default.
pub(crate) struct Bare {
    pub(crate) passwords: Passwords,
    password: Password,
}

/// The most lanes that an engine here has: so many callers, and as many again, keep it full.
pub(crate) fn most_lanes() -> anyhow::Result<usize> {
    Ok(std::thread::available_parallelism()?.get() * LaneCount::MAX.get())
}

impl Bare {
    pub(crate) fn start(cost: u32, queue: usize) -> anyhow::Result<Self> {
        let threads = std::thread::available_parallelism()?.get();
        let kernel = KernelChoice::Auto;
        let settings = Settings { cost, threads, queue, kernel, lanes: None, memory: 0 };
        let password = Password::parse("correct horse battery").ok().context("a good password")?;
        Ok(Self { passwords: Passwords::start(settings)?, password })
    }

    /// One hash, for a caller who has an hour.
    pub(crate) async fn hash(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(3600);
        let context = Context::of_operator(deadline, uuid::Uuid::nil().into());
        self.passwords.hash(&self.password, &context).await?;
        Ok(())
    }

    /// Hashes a second, over so many hashes by so many callers.
    pub(crate) async fn rate(&self, at_once: usize, hashes: usize) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let all = stream::iter((0..hashes).map(|_| self.hash())).buffer_unordered(at_once);
        all.try_collect::<()>().await?;
        Ok(hashes as f64 / begun.elapsed().as_secs_f64())
    }
}

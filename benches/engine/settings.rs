//! The engine's own choice beside each fixed setting: on a quiet machine, and with a neighbour on each core.
//!
//! By the processor time of the hashing threads: how much of a core they get beside others is no property of a setting.

use std::{fmt, fs, time::Duration};

use anyhow::Context as _;

use bcrypt_lanes::{Cost, Kernel, LaneCount};
use countersign::password::engine::KernelChoice;

use crate::{
    engine::Engine,
    neighbour::Neighbours,
    table::{median, spread},
};

/// Fewer lanes are never the best.
const FEWEST: usize = 3;

/// Each core runs so many: a whole number of times all lanes, whether they are 3, 4, 5 or 6.
const HASHES_A_CORE: usize = 60;

/// What the choice may lose.
const AIM: &str = "≥ 0.90x";

/// The engines, the one that chooses by itself last.
pub(crate) struct Settings {
    cores: usize,
    sides: Vec<(String, Engine)>,
    /// Hashes in a second of processor time on each core, by condition, side and round.
    rates: [Vec<Vec<f64>>; 2],
}

const CONDITIONS: [&str; 2] = ["quiet", "a neighbour on each core"];

impl Settings {
    pub(crate) async fn start(cost: Cost, cores: usize) -> anyhow::Result<Self> {
        let mut sides = Vec::new();
        for kernel in Kernel::available() {
            let choice = match kernel.name() {
                "bmi" => KernelChoice::Bmi,
                _ => KernelChoice::Portable,
            };
            for lanes in LaneCount::all().filter(|lanes| lanes.get() >= FEWEST) {
                let name = format!("{kernel}, {} lanes", lanes.get());
                sides.push((name, Engine::start("fixed", choice, Some(lanes), cost, cores).await?));
            }
        }
        let auto = Engine::start("auto", KernelChoice::Auto, None, cost, cores).await?;
        sides.push(("its own choice".to_owned(), auto));
        let rates = CONDITIONS.map(|_| vec![Vec::new(); sides.len()]);
        Ok(Self { cores, sides, rates })
    }

    /// One round: each side once in each condition.
    pub(crate) async fn measure(&mut self) -> anyhow::Result<()> {
        for (condition, rates) in self.rates.iter_mut().enumerate() {
            let _neighbours =
                (condition == 1).then(|| Neighbours::on_each(self.cores)).transpose()?;
            for ((_, engine), rates) in self.sides.iter().zip(rates) {
                let before = hashing_time()?;
                engine.hash(HASHES_A_CORE * self.cores).await?;
                let took = hashing_time()?.saturating_sub(before);
                let hashes = (HASHES_A_CORE * self.cores * self.cores) as f64;
                rates.push(hashes / took.as_secs_f64());
            }
        }
        Ok(())
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (condition, rates) in CONDITIONS.iter().zip(&self.rates) {
            let fixed = rates.split_last().map_or(&[][..], |(_, fixed)| fixed);
            let medians = fixed.iter().map(|rates| median(rates.clone()));
            let best = medians.enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other));
            let Some((best, _)) = best else { continue };
            let heading = format!("{:26} {:>9} {:>8}", condition, "hashes/s", "to the best");
            writeln!(f, "{heading} {:>12} {:>8}", "", "aim")?;
            for ((name, engine), of_side) in self.sides.iter().zip(rates) {
                let ratios = of_side.iter().zip(&rates[best]).map(|(rate, best)| rate / best);
                let aim = if engine.name == "auto" { AIM } else { "" };
                let rate = median(of_side.clone());
                writeln!(f, "{name:26} {rate:>9.2} {} {aim:>8}", spread(ratios))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The processor time of all hashing threads of this process so far.
fn hashing_time() -> anyhow::Result<Duration> {
    let mut all = Duration::ZERO;
    for thread in fs::read_dir("/proc/self/task")? {
        let thread = thread?.path();
        if fs::read_to_string(thread.join("comm"))?.starts_with("password-") {
            let times = fs::read_to_string(thread.join("schedstat"))?;
            let used = times.split(' ').next().context("no time")?;
            all += Duration::from_nanos(used.parse()?);
        }
    }
    Ok(all)
}

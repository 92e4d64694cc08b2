//! John the Ripper's own benchmark of bcrypt, scaled to the cost that is measured.

use std::{
    fmt,
    process::{Child, Command, Stdio},
};

use anyhow::Context as _;
use bcrypt_lanes::Cost;

/// Where Debian puts it, which is not in everybody's path.
const PLACES: [&str; 2] = ["john", "/usr/sbin/john"];

/// The cost of John's own benchmark.
const ITS_COST: u32 = 5;

/// An installed John.
pub(crate) struct John {
    program: &'static str,
    cost: Cost,
}

impl John {
    /// Looks for it, and makes sure that it benchmarks what it is believed to.
    pub(crate) fn find(cost: Cost) -> Option<Self> {
        let found = PLACES.into_iter().map(|program| Self { program, cost });
        found.into_iter().find(|john| john.rate(1).is_ok())
    }

    /// Hashes a second, of one process a core.
    pub(crate) fn rate(&self, cores: usize) -> anyhow::Result<f64> {
        let started: Vec<_> = (0..cores).map(|_| self.start()).collect::<anyhow::Result<_>>()?;
        let rates = started.into_iter().map(|process| -> anyhow::Result<f64> {
            let output = process.wait_with_output()?;
            Ok(self.scale(parse(&String::from_utf8_lossy(&output.stdout))?))
        });
        rates.sum()
    }

    fn start(&self) -> anyhow::Result<Child> {
        let mut command = Command::new(self.program);
        command.args(["--test=1", "--format=bcrypt"]).env("OMP_NUM_THREADS", "1");
        Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?)
    }

    fn scale(&self, rate: f64) -> f64 {
        rate * blocks(ITS_COST) / blocks(self.cost.get())
    }
}

/// The blocks that one bcrypt of that cost encrypts, which is all that takes time: 521 in each key expansion, then 64
/// times three. Counted so that a low cost, where the beginning and the end weigh more, is no disadvantage.
fn blocks(cost: u32) -> f64 {
    521.0 * (1.0 + 2.0 * f64::from(1_u32 << cost)) + 192.0
}

/// Reads the line `Raw: 1098 c/s real, 1098 c/s virtual`, if the benchmark was of 32 iterations.
fn parse(output: &str) -> anyhow::Result<f64> {
    anyhow::ensure!(output.contains("32 iterations"), "not a benchmark of cost 5: {output}");
    let figures = output.lines().find_map(|line| line.split_once(" c/s real"));
    let number = figures.and_then(|(before, _)| before.split_whitespace().last());
    let number = number.with_context(|| format!("no figure in {output}"))?;
    // 1.9 writes thousands of thousands as 12345K.
    match number.strip_suffix('K') {
        Some(thousands) => Ok(thousands.parse::<f64>()? * 1000.0),
        None => Ok(number.parse()?),
    }
}

impl fmt::Display for John {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "John's figure is that of `{} --test=1 --format=bcrypt`, ", self.program)?;
        write!(f, "one process a core, at cost {ITS_COST}")?;
        write!(f, ", divided by {:.2} for the work.", blocks(self.cost.get()) / blocks(ITS_COST))
    }
}

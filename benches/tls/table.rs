//! Medians over the rounds.

use std::{collections::BTreeMap, fmt};

/// A rate a second, and a p99 in milliseconds (0: not measured).
type Side = (f64, f64);

/// What was measured of ours beside something else, by the number of callers.
pub(crate) struct Table {
    ours: &'static str,
    other: &'static str,
    /// What ours should reach of the other's rate.
    aim: f64,
    rounds: BTreeMap<usize, Vec<(Side, Side)>>,
}

impl Table {
    pub(crate) fn new(ours: &'static str, other: &'static str, aim: f64) -> Self {
        Self { ours, other, aim, rounds: BTreeMap::new() }
    }

    /// Adds one round.
    pub(crate) fn add(&mut self, callers: usize, other: Side, ours: Side) {
        self.rounds.entry(callers).or_default().push((other, ours));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} beside {}", self.ours, self.other)?;
        writeln!(
            f,
            "{:>7} {:>10} {:>10} {:>6} {:>15} {:>6} {:>11} {:>11}",
            "callers", "other/s", "ours/s", "ratio", "", "aim", "other p99", "ours p99"
        )?;
        for (callers, rounds) in &self.rounds {
            let of = |value: fn(&(Side, Side)) -> f64| sorted(rounds.iter().map(value));
            let (other, ours) = (of(|round| round.0.0), of(|round| round.1.0));
            let ratios = of(|round| round.1.0 / round.0.0);
            let spread = format!("({:.2} to {:.2})", at(&ratios, 1), at(&ratios, 3));
            let (p99, own_p99) = (of(|round| round.0.1), of(|round| round.1.1));
            write!(f, "{callers:>7} {:>10.0} {:>10.0}", at(&other, 2), at(&ours, 2))?;
            write!(f, " {:>6.2} {spread:>15} {:>6.2}", at(&ratios, 2), self.aim)?;
            for p99 in [at(&p99, 2), at(&own_p99, 2)] {
                let text = if p99 > 0.0 { format!("{p99:.1} ms") } else { "-".to_owned() };
                write!(f, " {text:>11}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The value at a quarter of sorted ones.
fn at(sorted: &[f64], quarter: usize) -> f64 {
    sorted[(sorted.len() - 1) * quarter / 4]
}

//! Medians over the rounds.

use std::{collections::BTreeMap, fmt};

/// What was measured of ours beside something else: by the number of callers, both rates in each round.
pub(crate) struct Table {
    ours: &'static str,
    other: &'static str,
    /// What ours should reach of the other's rate.
    aim: f64,
    rounds: BTreeMap<usize, Vec<(f64, f64)>>,
}

impl Table {
    pub(crate) fn new(ours: &'static str, other: &'static str, aim: f64) -> Self {
        Self { ours, other, aim, rounds: BTreeMap::new() }
    }

    /// Adds one round.
    pub(crate) fn add(&mut self, callers: usize, other: f64, ours: f64) {
        self.rounds.entry(callers).or_default().push((other, ours));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>7} {:>12} {:>19} {:>7} {:>15} {:>7}",
            "callers", self.other, self.ours, "ratio", "", "aim"
        )?;
        for (callers, rounds) in &self.rounds {
            let of = |side: fn(&(f64, f64)) -> f64| sorted(rounds.iter().map(side));
            let (other, ours) = (of(|round| round.0), of(|round| round.1));
            let ratios = of(|round| round.1 / round.0);
            let spread = format!("({:.2} to {:.2})", at(&ratios, 1), at(&ratios, 3));
            write!(f, "{callers:>7} {:>12.0} {:>19.0}", at(&other, 2), at(&ours, 2))?;
            writeln!(f, " {:>7.2} {spread:>15} {:>7}", at(&ratios, 2), format!("≥ {}", self.aim))?;
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

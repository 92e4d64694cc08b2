//! Medians over the rounds.

use std::{collections::BTreeMap, fmt};

/// What IntrospectToken should reach of the empty RPC's rate.
const AIM: f64 = 0.8;

/// What was measured: by the number of callers, the rates of the empty RPC and of IntrospectToken in each round.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<usize, Vec<(f64, f64)>>);

impl Table {
    /// Adds one round.
    pub(crate) fn add(&mut self, callers: usize, empty: f64, introspect: f64) {
        self.0.entry(callers).or_default().push((empty, introspect));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>7} {:>12} {:>17} {:>7} {:>15} {:>7}",
            "callers", "empty/s", "IntrospectToken/s", "ratio", "", "aim"
        )?;
        for (callers, rounds) in &self.0 {
            let of = |side: fn(&(f64, f64)) -> f64| sorted(rounds.iter().map(side));
            let (empty, introspect) = (of(|round| round.0), of(|round| round.1));
            let ratios = of(|round| round.1 / round.0);
            let spread = format!("({:.2} to {:.2})", at(&ratios, 1), at(&ratios, 3));
            write!(f, "{callers:>7} {:>12.0} {:>17.0}", at(&empty, 2), at(&introspect, 2))?;
            writeln!(f, " {:>7.2} {spread:>15} {:>7}", at(&ratios, 2), format!("≥ {AIM}"))?;
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

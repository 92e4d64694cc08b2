//! Medians over the rounds.

use std::fmt;

/// What was measured. The first side is what the others are compared with, round by round.
#[derive(Default)]
pub(crate) struct Table(Vec<Side>);

struct Side {
    name: &'static str,
    aim: Option<f64>,
    /// Calls a second, by round.
    rates: Vec<f64>,
}

impl Table {
    /// Adds a side's rate of this round.
    pub(crate) fn rate(&mut self, name: &'static str, aim: Option<f64>, rate: f64) {
        match self.0.iter_mut().find(|side| side.name == name) {
            Some(side) => side.rates.push(rate),
            None => self.0.push(Side { name, aim, rates: vec![rate] }),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else { return Ok(()) };
        writeln!(f, "{:24} {:>9} {:>8} {:>15} {:>8}", "empty RPC", "calls/s", "ratio", "", "aim")?;
        for Side { name, aim, rates } in &self.0 {
            let ratios = rates.iter().zip(&first.rates).map(|(rate, first)| rate / first);
            let ratios = sorted(ratios.collect());
            let at = |quarter: usize| ratios[(ratios.len() - 1) * quarter / 4];
            let spread = format!("({:.2} to {:.2})", at(1), at(3));
            let aim = aim.map_or_else(String::new, |aim| format!("≥ {aim:.1}x"));
            let rates = sorted(rates.clone());
            let rate = rates[(rates.len() - 1) / 2];
            writeln!(f, "{name:24} {rate:>9.0} {:>7.2}x {spread:>15} {aim:>8}", at(2))?;
        }
        Ok(())
    }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

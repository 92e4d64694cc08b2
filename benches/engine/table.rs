//! Medians over the rounds.

use std::{fmt, time::Duration};

/// What was measured.
#[derive(Default)]
pub(crate) struct Table {
    sides: Vec<Side>,
    /// The crate and the engine, each with a single hash.
    alone: Vec<(Duration, Duration)>,
}

struct Side {
    name: String,
    aim: Option<f64>,
    /// Hashes a second, by round.
    rates: Vec<f64>,
}

impl Table {
    /// Adds a side's rate of this round. The first side is what the others are compared with.
    pub(crate) fn rate(&mut self, name: &str, aim: Option<f64>, rate: f64) {
        match self.sides.iter_mut().find(|side| side.name == name) {
            Some(side) => side.rates.push(rate),
            None => self.sides.push(Side { name: name.to_owned(), aim, rates: vec![rate] }),
        }
    }

    /// Adds the times of a single hash on an idle machine.
    pub(crate) fn alone(&mut self, plain: Duration, engine: Duration) {
        self.alone.push((plain, engine));
    }

    fn rates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.sides.first() else { return Ok(()) };
        writeln!(f, "{:18} {:>9} {:>8} {:>15} {:>7}", "all cores", "hashes/s", "ratio", "", "aim")?;
        for Side { name, aim, rates } in &self.sides {
            let ratios = rates.iter().zip(&first.rates).map(|(rate, first)| rate / first);
            let aim = aim.map_or_else(String::new, |aim| format!("≥ {aim:.1}x"));
            writeln!(f, "{name:18} {:>9.2} {} {aim:>7}", median(rates.clone()), spread(ratios))?;
        }
        Ok(())
    }

    fn single(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: &Duration| time.as_secs_f64() * 1e3;
        let (plain, engine): (Vec<_>, Vec<_>) = self.alone.iter().copied().unzip();
        let ratios = plain.iter().zip(&engine).map(|(p, e)| e.as_secs_f64() / p.as_secs_f64());
        let ratio = spread(ratios);
        writeln!(f, "{:18} {:>9} {:>8} {:>15} {:>7}", "a single hash", "ms", "ratio", "", "aim")?;
        let plain = median(plain.iter().map(milliseconds).collect());
        writeln!(f, "{:18} {plain:>9.1}", "bcrypt crate")?;
        let engine = median(engine.iter().map(milliseconds).collect());
        writeln!(f, "{:18} {engine:>9.1} {ratio} {:>7}", "engine, auto", "≤ 0.85x")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rates(f)?;
        writeln!(f)?;
        self.single(f)
    }
}

/// The median of some ratios, and between which two the middle half of them lies: how far to trust the median.
pub(crate) fn spread(ratios: impl Iterator<Item = f64>) -> String {
    let mut ratios: Vec<_> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let at = |quarter: usize| ratios[(ratios.len() - 1) * quarter / 4];
    format!("{:>7.2}x {:>15}", at(2), format!("({:.2} to {:.2})", at(1), at(3)))
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

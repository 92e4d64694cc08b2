//! The table at the end.

use std::time::Duration;

use crate::{
    bounds::Bound,
    siege::{Attempts, Ended, Seen},
    table::aligned,
};

/// An attack, what it got, and what an owner saw of it.
#[derive(Debug)]
pub(crate) struct Row {
    attack: String,
    attempts: Attempts,
    got: String,
    owner: &'static str,
    seen: Seen,
    bounds: Vec<Bound>,
}

impl Row {
    pub(crate) fn new(
        attack: impl Into<String>,
        owner: &'static str,
        ended: Ended,
        got: impl Into<String>,
        bounds: Vec<Bound>,
    ) -> Self {
        let Ended { attempts, seen, .. } = ended;
        Self { attack: attack.into(), attempts, got: got.into(), owner, seen, bounds }
    }

    /// The bounds that were not kept.
    pub(crate) fn broken(&self) -> Vec<String> {
        let bounds = self.bounds.iter().filter(|bound| !bound.holds());
        let passed = bounds.map(|Bound { what, measured, most }| {
            format!("{}: {what}: {measured}, at most {most}", self.attack)
        });
        let kept_out = self.seen.failures.iter();
        let kept_out = kept_out.map(|why| format!("{}: the owner: {why}", self.attack));
        // An attack that fails for another reason than a limit says nothing of the limits.
        let others = self.attempts.refused.keys().filter(|reason| !is_limit(reason));
        let others = others.map(|reason| format!("{}: refused for {reason}", self.attack));
        passed.chain(kept_out).chain(others).collect()
    }

    fn cells(&self) -> [String; 10] {
        let (attempts, seen) = (&self.attempts, &self.seen);
        let refused = attempts.refused.iter().map(|(reason, count)| format!("{count} {reason}"));
        let bounds = self.bounds.iter().map(|bound| format!("{} ≤ {}", bound.what, bound.most));
        [
            self.attack.clone(),
            attempts.tried().to_string(),
            attempts.evaluated().to_string(),
            refused.collect::<Vec<_>>().join(", "),
            self.got.clone(),
            self.owner.to_owned(),
            format!("{} of {}", seen.delays.len(), seen.tries),
            median(&seen.delays),
            seen.delays.iter().max().copied().map_or_else(String::new, ms),
            format!(
                "{}: {}",
                bounds.collect::<Vec<_>>().join(", "),
                if self.broken().is_empty() { "holds" } else { "BROKEN" }
            ),
        ]
    }
}

/// Whether a refusal is one of those that ADR 14 describes.
fn is_limit(reason: &str) -> bool {
    ["THROTTLED", "CHALLENGE_EXHAUSTED", "FACTOR_UNAVAILABLE"].contains(&reason)
}

/// All rows under one another.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = [
        "attack",
        "tried",
        "looked at",
        "refused",
        "got",
        "owner",
        "success",
        "median",
        "worst",
        "bounds",
    ];
    let lines: Vec<_> =
        std::iter::once(head.map(str::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    aligned(&lines, &[0, 3, 4, 5, 9])
}

fn median(delays: &[Duration]) -> String {
    let mut delays = delays.to_vec();
    delays.sort();
    delays.get(delays.len() / 2).copied().map_or_else(String::new, ms)
}

/// A duration in milliseconds.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

//! What came of many calls.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    client::Answer,
    report::{Report, ms},
};

/// What a call is that its caller gave up.
pub(crate) const NO_ANSWER: &str = "no answer in time";

/// The times of calls, by what was answered.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) done: Vec<Duration>,
    refused: BTreeMap<String, Vec<Duration>>,
    last_done: Option<Instant>,
}

impl Tally {
    /// Counts a call that has just ended and that was meant to begin at `intended`.
    pub(crate) fn count(&mut self, answer: Answer, intended: Instant, ended: Instant) {
        let took = ended.saturating_duration_since(intended);
        match answer {
            Answer::Done => {
                self.done.push(took);
                self.last_done = self.last_done.max(Some(ended));
            }
            Answer::Refused(reason) => self.refused.entry(reason).or_default().push(took),
        }
    }

    /// Takes what another has counted.
    pub(crate) fn merge(&mut self, other: Self) {
        self.done.extend(other.done);
        self.last_done = self.last_done.max(other.last_done);
        for (reason, times) in other.refused {
            self.refused.entry(reason).or_default().extend(times);
        }
    }

    /// All calls.
    pub(crate) fn calls(&self) -> usize {
        self.done.len() + self.refused.values().map(Vec::len).sum::<usize>()
    }

    /// Calls a second that were done, from `begun` to the last of them.
    pub(crate) fn rate(&self, begun: Instant) -> f64 {
        let Some(last) = self.last_done else { return 0.0 };
        self.done.len() as f64 / last.duration_since(begun).as_secs_f64()
    }

    /// Calls that had no answer when their time was up: the server says so, or the caller's own clock.
    pub(crate) fn cut_off(&self) -> usize {
        ["DEADLINE_EXCEEDED", NO_ANSWER]
            .into_iter()
            .filter_map(|reason| self.refused.get(reason))
            .map(Vec::len)
            .sum()
    }

    /// The refusals, by reason, with the aim that `aim` has for a reason.
    pub(crate) fn report_refusals(&self, report: &mut Report, aim: impl Fn(&str) -> &'static str) {
        for (reason, times) in &self.refused {
            let name = format!("refused, {reason}: {}", times.len());
            report.aim(name, percentiles(times), aim(reason));
        }
    }
}

/// The 50th and 99th percentile, and the worst.
pub(crate) fn percentiles(times: &[Duration]) -> String {
    if times.is_empty() {
        return "none".to_owned();
    }
    let mut times = times.to_vec();
    times.sort();
    let at = |percent: usize| ms(times[(times.len() - 1) * percent / 100]);
    format!("{}, {}, {}", at(50), at(99), at(100))
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

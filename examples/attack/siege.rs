//! An attack, and an owner beside it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use tonic::Status;

use crate::{bounds::Bound, caller::reason, server::Time};

/// What came of one attempt.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It was looked at, and it was right.
    Right,
    /// It was looked at, and it was wrong.
    Wrong,
    /// It was not looked at: the reason.
    Refused(String),
}

impl Answer {
    /// Of an attempt at something secret.
    pub(crate) fn of<T>(answer: &Result<T, Status>) -> Self {
        match answer.as_ref().map_err(reason) {
            Ok(_right) => Self::Right,
            Err(reason) if reason == "INVALID_CREDENTIALS" || reason == "CHALLENGE_INVALID" => {
                Self::Wrong
            }
            Err(reason) => Self::Refused(reason),
        }
    }

    pub(crate) fn is_evaluated(&self) -> bool {
        matches!(self, Self::Right | Self::Wrong)
    }
}

/// What came of all of them.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    pub(crate) right: usize,
    pub(crate) wrong: usize,
    pub(crate) refused: BTreeMap<String, usize>,
}

impl Attempts {
    fn count(&mut self, answer: Answer) {
        match answer {
            Answer::Right => self.right += 1,
            Answer::Wrong => self.wrong += 1,
            Answer::Refused(reason) => *self.refused.entry(reason).or_default() += 1,
        }
    }

    pub(crate) fn tried(&self) -> usize {
        self.evaluated() + self.refused.values().sum::<usize>()
    }

    pub(crate) fn evaluated(&self) -> usize {
        self.right + self.wrong
    }
}

/// What an owner saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) tries: usize,
    /// Of the tries that succeeded.
    pub(crate) delays: Vec<Duration>,
    /// Why the others did not.
    pub(crate) failures: Vec<String>,
}

impl Seen {
    pub(crate) fn count(&mut self, tried: anyhow::Result<Duration>) {
        self.tries += 1;
        match tried {
            Ok(delay) => self.delays.push(delay),
            Err(error) => self.failures.push(format!("{error:#}")),
        }
    }
}

/// How an attack goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) attempts: usize,
    /// How many attempts are under way at a time.
    pub(crate) at_once: usize,
    /// How often the owner tries. Each try begins beside an equal part of the attempts.
    pub(crate) tries: usize,
    /// By which the clock is put forward before each part but the first.
    pub(crate) between: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) attempts: Attempts,
    pub(crate) seen: Seen,
    /// By the server's clock.
    pub(crate) took: Duration,
}

impl Ended {
    /// No attempt may be right.
    pub(crate) fn nothing_right(&self) -> Bound {
        Bound::new("right", self.attempts.right, 0)
    }
}

/// Makes all attempts, and the owner's tries beside them. Both get the number of theirs.
pub(crate) async fn siege(
    plan: Plan,
    time: &Time,
    attack: impl AsyncFn(usize) -> Vec<Answer>,
    owner: impl AsyncFn(usize) -> anyhow::Result<Duration>,
) -> Ended {
    let (mut attempts, mut seen, begun) = (Attempts::default(), Seen::default(), time.now());
    for part in 0..plan.tries {
        if part > 0 {
            time.advance(plan.between);
        }
        let numbers = plan.attempts * part / plan.tries..plan.attempts * (part + 1) / plan.tries;
        let answers =
            stream::iter(numbers.map(|number| attack(number))).buffer_unordered(plan.at_once);
        let (tried, answers) = futures_util::join!(owner(part), answers.collect::<Vec<_>>());
        answers.into_iter().flatten().for_each(|answer| attempts.count(answer));
        seen.count(tried);
    }
    Ended { attempts, seen, took: time.now().since(begun) }
}

/// How long it takes until `work` is done.
pub(crate) async fn timed<T>(
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(Duration, T)> {
    let begun = Instant::now();
    let done = work.await?;
    Ok((begun.elapsed(), done))
}

//! What is done, one file each.

pub(crate) mod accounts;
pub(crate) mod among;
pub(crate) mod cancel;
pub(crate) mod connections;
pub(crate) mod curve;
pub(crate) mod database;
pub(crate) mod fairness;
pub(crate) mod memory;
pub(crate) mod mixed;
pub(crate) mod overload;
pub(crate) mod peak;

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::{bare::most_lanes, client::Callers, load};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) cost: u32,
    pub(crate) duration: Duration,
    /// The databases that a scenario takes.
    pub(crate) postgres: Vec<String>,
    pub(crate) bar: ProgressBar,
}

impl Plan {
    /// Says what is going on.
    pub(crate) fn say(&self, what: &'static str) {
        self.bar.set_message(what);
    }
}

/// The logins a second that a server does, from about `duration` of logins that keep it full and no more.
async fn capacity(callers: &Callers, duration: Duration) -> anyhow::Result<f64> {
    let at_once = 2 * most_lanes()?;
    let begun = Instant::now();
    let rough = load::closed(callers, at_once, at_once).await?.rate(begun);
    let begun = Instant::now();
    let logins = load::closed(callers, at_once, count(rough * duration.as_secs_f64(), at_once));
    Ok(logins.await?.rate(begun))
}

/// That number, as a whole one and at least `least`.
fn count(number: f64, least: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds times a rate"
    )]
    let whole = number as usize;
    whole.max(least)
}

//! Two ways to offer load.

use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::{task::JoinSet, time::sleep_until};

use crate::{
    client::{Answer, Callers},
    tally::Tally,
};

/// Open loop: calls begin when they are meant to, whatever became of those before. Like callers who don't know of each
/// other: at random, `rate` a second on average.
pub(crate) async fn open<F>(
    rate: f64,
    duration: Duration,
    call: impl Fn(usize) -> F,
) -> anyhow::Result<Tally>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let (begun, mut offset, mut calls) = (Instant::now(), 0.0, JoinSet::new());
    let mut tally = Tally::default();
    for number in 0.. {
        // The times between independent arrivals.
        offset += -rand::rng().random_range(f64::EPSILON..1.0).ln() / rate;
        if offset > duration.as_secs_f64() {
            break;
        }
        let intended = begun + Duration::from_secs_f64(offset);
        sleep_until(intended.into()).await;
        let answer = call(number);
        calls.spawn(async move { (answer.await, intended, Instant::now()) });
        // Those that have ended need not be kept.
        while let Some(ended) = calls.try_join_next() {
            count(&mut tally, ended?);
        }
    }
    while let Some(ended) = calls.join_next().await {
        count(&mut tally, ended?);
    }
    Ok(tally)
}

/// Closed loop: `at_once` callers, each of which logs in again once it has its answer, until there were `logins`.
pub(crate) async fn closed(
    callers: &Callers,
    at_once: usize,
    logins: usize,
) -> anyhow::Result<Tally> {
    let (mut tally, mut calls, mut begun) = (Tally::default(), JoinSet::new(), 0);
    while begun < logins || !calls.is_empty() {
        if begun < logins && calls.len() < at_once {
            let (callers, intended) = (callers.clone(), Instant::now());
            calls.spawn(async move {
                let answer = callers.login(begun, Duration::from_secs(30)).await;
                (answer, intended, Instant::now())
            });
            begun += 1;
        } else if let Some(ended) = calls.join_next().await {
            count(&mut tally, ended?);
        }
    }
    Ok(tally)
}

fn count(tally: &mut Tally, (answer, intended, ended): (Answer, Instant, Instant)) {
    tally.count(answer, intended, ended);
}

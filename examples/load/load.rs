//! Two ways to offer load.

use std::{
    thread,
    time::{Duration, Instant},
};

use rand::RngExt as _;
use tokio::{sync::mpsc, task::JoinSet};

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
    let (mut beginnings, mut calls) = (beginnings(rate, duration), JoinSet::new());
    let (mut tally, mut number) = (Tally::default(), 0);
    while let Some(intended) = beginnings.recv().await {
        let answer = call(number);
        number += 1;
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

/// The moments at which calls begin, each told when it has come. From a thread of its own: tokio's timer is a millisecond
/// late, which would count as the server's.
fn beginnings(rate: f64, duration: Duration) -> mpsc::UnboundedReceiver<Instant> {
    let (tell, told) = mpsc::unbounded_channel();
    #[expect(clippy::disallowed_methods, reason = "a thread of its own, which keeps time")]
    thread::spawn(move || {
        let (begun, mut offset) = (Instant::now(), 0.0);
        loop {
            // The times between independent arrivals.
            offset += -rand::rng().random_range(f64::EPSILON..1.0).ln() / rate;
            let intended = begun + Duration::from_secs_f64(offset);
            if offset > duration.as_secs_f64() {
                return;
            }
            thread::sleep(intended.saturating_duration_since(Instant::now()));
            if tell.send(intended).is_err() {
                return;
            }
        }
    });
    told
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

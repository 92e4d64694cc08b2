//! What each replica does beside answering: it sends messages, follows the keys and the revocations, and
//! cleans up when it is its turn.

use std::{convert::Infallible, future::Future, time::Duration};

use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::Environment;
use crate::{
    delivery::Delivery,
    service::{Janitor, UseCases},
    telemetry::chain,
};

/// The longest that one round may take: a database that hangs must not end the rounds.
const DEADLINE: Duration = Duration::from_secs(300);

/// The background work. It ends when this is dropped; writes that have begun run to their end.
pub(super) struct Background {
    sending: AbortOnDropHandle<()>,
    stop_sending: CancellationToken,
    _rounds: Vec<AbortOnDropHandle<Infallible>>,
}

impl Background {
    pub(super) fn start(
        use_cases: &UseCases,
        delivery: Delivery,
        environment: &Environment,
    ) -> Self {
        let stop_sending = CancellationToken::new();
        let sending =
            use_cases.clone().deliver(delivery, environment.deliver_every, stop_sending.clone());
        let sending = AbortOnDropHandle::new(tokio::spawn(sending));
        Self { sending, stop_sending, _rounds: rounds(use_cases, environment) }
    }

    /// Sends what is due once more, and what is being sent: unlike a round, a message that is cut off is missed.
    pub(super) async fn finish_sending(&mut self) {
        self.stop_sending.cancel();
        // Whether it ended or broke, there is nothing more to wait for.
        let _ended = (&mut self.sending).await;
    }
}

/// What is repeated for ever.
fn rounds(use_cases: &UseCases, environment: &Environment) -> Vec<AbortOnDropHandle<Infallible>> {
    let janitor = Janitor::new(use_cases);
    let cleaning = repeat("cleaning up", environment.clean_every, move || {
        let janitor = janitor.clone();
        async move {
            if let Some(removed) = janitor.run().await? {
                tracing::debug!(removed, "cleaned up");
            }
            Ok(())
        }
    });
    let following = use_cases.clone().follow_revocations();
    let mut work = vec![
        AbortOnDropHandle::new(tokio::spawn(cleaning)),
        AbortOnDropHandle::new(tokio::spawn(following)),
    ];
    if let Some(keys) = use_cases.keys.clone() {
        let tokens = use_cases.tokens.clone();
        let following =
            repeat("following the signing keys", environment.reload_keys_every, move || {
                let (keys, tokens) = (keys.clone(), tokens.clone());
                async move { Ok(keys.reload(&tokens).await?) }
            });
        work.push(AbortOnDropHandle::new(tokio::spawn(following)));
    }
    work
}

/// Why a round failed.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Does `work` again and again, and logs when it begins to fail and when it works again.
async fn repeat<F: Future<Output = Result<(), Failure>>>(
    what: &'static str,
    every: Duration,
    work: impl Fn() -> F,
) -> Infallible {
    repeat_and_tell(every, work, |result| match result {
        Err(error) => {
            tracing::warn!(why = %chain(error.as_ref()), "{what} fails; it is tried again")
        }
        Ok(()) => tracing::info!("{what} works again"),
    })
    .await
}

/// Tells of a result where the one before was otherwise: not every time while a database is away.
async fn repeat_and_tell<F: Future<Output = Result<(), Failure>>>(
    every: Duration,
    work: impl Fn() -> F,
    tell: impl Fn(&Result<(), Failure>),
) -> Infallible {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        ticks.tick().await;
        let result = timeout(DEADLINE, work()).await.map_err(Failure::from).flatten();
        if result.is_err() != failing {
            tell(&result);
        }
        failing = result.is_err();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_fails_for_a_while_is_told_once_and_so_is_its_end() {
        let (round, told) = (Cell::new(0), RefCell::new(Vec::new()));
        let work = || {
            round.set(round.get() + 1);
            let fails = (2..5).contains(&round.get());
            async move { if fails { Err("the store is away".into()) } else { Ok(()) } }
        };
        let tell = |result: &Result<(), Failure>| {
            told.borrow_mut().push((round.get(), result.as_ref().err().map(ToString::to_string)));
        };
        let every = Duration::from_secs(30);
        let for_ever = repeat_and_tell(every, work, tell);
        assert!(timeout(7 * every, for_ever).await.is_err());
        assert!(round.get() >= 7);
        assert_eq!(*told.borrow(), [(2, Some("the store is away".to_owned())), (5, None)]);
    }

    /// A database that hangs must not end the rounds.
    #[tokio::test(start_paused = true)]
    async fn a_round_that_hangs_is_given_up() {
        let round = Cell::new(0);
        let work = || {
            round.set(round.get() + 1);
            std::future::pending()
        };
        let some_rounds = 3 * DEADLINE;
        let rounds = repeat("working", Duration::from_secs(30), work);
        assert!(timeout(some_rounds, rounds).await.is_err());
        assert!(round.get() >= 2);
    }
}

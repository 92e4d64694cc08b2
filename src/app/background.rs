//! The background work of each replica: sending messages, following the keys and the revocations, and the janitor, when
//! this replica gets its lease.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{environment::Environment, parts::Parts};
use crate::{
    delivery::Delivery,
    service::{DeliveryPace, DeliveryWorker, SubscriptionWorker},
    telemetry::chain,
};

/// The timeout of one round: a hanging database must not stop the rounds.
const DEADLINE: Duration = Duration::from_secs(300);

/// The timeout of reading the signing keys.
const KEYS_DEADLINE: Duration = Duration::from_secs(10);

/// The wait before a failed round is retried, if the next one is not due before: a withdrawn key must not sign because
/// the first reading failed.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The background work. It ends on drop; writes that have begun are completed.
pub(super) struct Background {
    sending: AbortOnDropHandle<()>,
    posting: AbortOnDropHandle<()>,
    stop_sending: CancellationToken,
    _rounds: Vec<AbortOnDropHandle<Infallible>>,
}

impl Background {
    pub(super) fn start(parts: &Parts, delivery: Delivery, environment: &Environment) -> Self {
        let stop_sending = CancellationToken::new();
        let pace = DeliveryPace {
            look_every: environment.deliver_every,
            renew_every: environment.renew_message_every,
        };
        let (store, outbox) = (Arc::clone(&parts.store), parts.outbox.clone());
        let sending = DeliveryWorker::new(store, outbox, delivery, pace).run(stop_sending.clone());
        let sending = AbortOnDropHandle::new(tokio::spawn(sending));
        let posting = SubscriptionWorker::new(
            Arc::clone(&parts.subscriptions),
            parts.fetcher.clone(),
            environment.deliver_every,
            parts.deliveries.clone(),
        );
        let posting = AbortOnDropHandle::new(tokio::spawn(posting.run(stop_sending.clone())));
        Self { sending, posting, stop_sending, _rounds: rounds(parts, environment) }
    }

    /// Sends what is due once more, and completes running deliveries: unlike a round, an aborted message would be
    /// missed.
    pub(super) async fn finish_sending(&mut self) {
        self.stop_sending.cancel();
        // Ended or panicked: there is nothing more to wait for.
        let _ended = tokio::join!(&mut self.sending, &mut self.posting);
    }
}

/// The periodic work, which never ends.
fn rounds(parts: &Parts, environment: &Environment) -> Vec<AbortOnDropHandle<Infallible>> {
    let janitor = parts.janitor.clone();
    let cleaning = repeat("cleaning up", environment.clean_every, Arc::default(), move || {
        let janitor = janitor.clone();
        async move {
            if let Some(removed) = janitor.run().await? {
                tracing::debug!(removed, "cleaned up");
            }
            Ok(())
        }
    });
    let revocations = Arc::clone(&parts.revocations);
    let following = async move { revocations.follow().await };
    let audit = Arc::clone(&parts.audit);
    let numbering = async move { audit.follow().await };
    let log_filter = environment.log_filter.clone();
    let log_filter = async move { log_filter.follow().await };
    let mut work = vec![
        AbortOnDropHandle::new(tokio::spawn(numbering)),
        AbortOnDropHandle::new(tokio::spawn(cleaning)),
        AbortOnDropHandle::new(tokio::spawn(following)),
        AbortOnDropHandle::new(tokio::spawn(log_filter)),
    ];
    if parts.keys.are_stored() {
        let (keys, every) = (Arc::clone(&parts.keys), environment.reload_keys_every);
        let withdrawn = parts.revocations.key_withdrawn();
        let following = repeat("following the signing keys", every, withdrawn, move || {
            let keys = Arc::clone(&keys);
            async move { Ok(timeout(KEYS_DEADLINE, keys.reload()).await??) }
        });
        work.push(AbortOnDropHandle::new(tokio::spawn(following)));
    }
    work
}

/// Why a round failed.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Never returns. Runs `work` periodically and whenever it is woken, and logs when it begins to fail and when it
/// recovers.
async fn repeat<F: Future<Output = Result<(), Failure>>>(
    what: &'static str,
    every: Duration,
    wake: Arc<Notify>,
    work: impl Fn() -> F,
) -> Infallible {
    repeat_and_tell(every, &wake, work, |result| match result {
        Err(error) => {
            tracing::warn!(why = %chain(error.as_ref()), "{what} fails; it is tried again")
        }
        Ok(()) => tracing::info!("{what} works again"),
    })
    .await
}

/// Reports a result if it differs from the one before: not every round while a database is unavailable.
async fn repeat_and_tell<F: Future<Output = Result<(), Failure>>>(
    every: Duration,
    wake: &Notify,
    work: impl Fn() -> F,
    tell: impl Fn(&Result<(), Failure>),
) -> Infallible {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = wake.notified() => {}
            () = sleep(RETRY_AFTER), if failing => {}
        }
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
        let nobody = Notify::new();
        let for_ever = repeat_and_tell(every, &nobody, work, tell);
        assert!(timeout(7 * every, for_ever).await.is_err());
        assert!(round.get() >= 7);
        assert_eq!(*told.borrow(), [(2, Some("the store is away".to_owned())), (5, None)]);
    }

    /// A withdrawn key must not sign until the next round is due.
    #[tokio::test(start_paused = true)]
    async fn whoever_is_woken_begins_at_once_and_tries_again_soon_where_that_fails() {
        let (begun, wake) = (RefCell::new(Vec::new()), Notify::new());
        let start = tokio::time::Instant::now();
        let work = || {
            begun.borrow_mut().push(start.elapsed());
            let fails = (2..4).contains(&begun.borrow().len());
            async move { if fails { Err("the store is away".into()) } else { Ok(()) } }
        };
        let every = Duration::from_secs(30);
        let woken = async {
            sleep(Duration::from_secs(5)).await;
            wake.notify_one();
            sleep(every - Duration::from_secs(6)).await;
        };
        tokio::select! {
            _ = repeat_and_tell(every, &wake, work, |_| ()) => unreachable!("it goes on for ever"),
            () = woken => {}
        }
        let at = [0, 5000, 5500, 6000].map(Duration::from_millis);
        assert_eq!(*begun.borrow(), at);
    }

    /// A hanging database must not stop the rounds.
    #[tokio::test(start_paused = true)]
    async fn a_round_that_hangs_is_given_up() {
        let round = Cell::new(0);
        let work = || {
            round.set(round.get() + 1);
            std::future::pending()
        };
        let some_rounds = 3 * DEADLINE;
        let rounds = repeat("working", Duration::from_secs(30), Arc::default(), work);
        assert!(timeout(some_rounds, rounds).await.is_err());
        assert!(round.get() >= 2);
    }
}

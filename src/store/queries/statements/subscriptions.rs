//! Subscriptions, and their messages in the outbox. Each transaction takes the subscription's row before its messages (lock order).

use uuid::Uuid;

use super::{Backend, Connection, event_log, events, outbox};
use crate::{
    domain::{CLOCK_SKEW, Event, EventKinds, Subscription, Timestamp},
    store::{
        ClaimedMessage, Consequence, FailedDelivery, LONGEST_REST, NewSubscription, Rest, Result,
        SealedEvent, SubscriptionTarget, SubscriptionWork,
    },
};

/// Events that are numbered when a subscription is created: it begins behind them.
const BEFORE: u32 = 500;

/// Statements whose plans a test checks.
#[doc(hidden)]
impl Backend {
    /// The enabled subscriptions, whether they are behind, how many messages they have, and whether one is due. A pause that ends later than
    /// one that begins now came from a clock that was ahead.
    pub const SUBSCRIPTIONS_WORK: &str = "SELECT id, kinds, seq, \
         seq < (SELECT seq FROM event_head WHERE event_head.id = 1) AS is_behind, \
         (SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE subscription_id = subscriptions.id LIMIT $3) AS counted) AS queued, \
         EXISTS (SELECT 1 FROM outbox WHERE subscription_id = subscriptions.id AND next_try_at <= $1) AS is_due, \
         COALESCE(paused_until > $1 AND paused_until <= $2, FALSE) AS is_paused, \
         failing_since IS NOT NULL AS is_failing \
         FROM subscriptions WHERE disabled_at IS NULL ORDER BY id";

    /// The outer condition decides the race. The id is a time: of those that are due since the same moment, the first event comes first.
    pub const SUBSCRIPTION_CLAIM: &str = "UPDATE outbox SET next_try_at = $3, waits_since = $2, tries = tries + 1, \
         in_flight = TRUE WHERE next_try_at <= $2 AND id IN (SELECT id FROM outbox \
         WHERE subscription_id = $1 AND next_try_at <= $2 ORDER BY next_try_at, id LIMIT $4) \
         RETURNING id, sealed_message, tries, unsure, expires_at, priority, turn, created_at";
}

/// The row that numbers events is held until the commit: of several callers one counts after the other, and no event of before comes later.
pub(in crate::store) async fn create(
    connection: &mut Connection,
    new: &NewSubscription,
    most: u32,
    event: &Event,
) -> Result<bool> {
    let head = event_log::number(connection, BEFORE).await?.head;
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM subscriptions")
        .fetch_one(&mut *connection)
        .await?;
    if count >= i64::from(most) {
        return Ok(false);
    }
    let Subscription { id, url, kinds, created_at, .. } = &new.subscription;
    sqlx::query(
        "INSERT INTO subscriptions (id, url, kinds, sealed_secret, seq, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(url)
    .bind(kinds.stored())
    .bind(&new.sealed_secret)
    .bind(head)
    .bind(created_at)
    .execute(&mut *connection)
    .await?;
    events::put(connection, std::slice::from_ref(event)).await?;
    Ok(true)
}

pub(in crate::store) async fn list(connection: &mut Connection) -> Result<Vec<Subscription>> {
    let rows: Vec<SubscriptionRow> = sqlx::query_as(
        "SELECT id, url, kinds, created_at, disabled_at FROM subscriptions ORDER BY created_at, id",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub(in crate::store) async fn delete(
    connection: &mut Connection,
    id: Uuid,
    event: &Event,
) -> Result<bool> {
    let deleted = sqlx::query("DELETE FROM subscriptions WHERE id = $1").bind(id);
    if deleted.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    remove_messages(connection, id).await?;
    events::put(connection, std::slice::from_ref(event)).await?;
    Ok(true)
}

async fn remove_messages(connection: &mut Connection, id: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM outbox WHERE subscription_id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

pub(in crate::store) async fn work(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Vec<SubscriptionWork>> {
    let rows: Vec<WorkRow> = sqlx::query_as(Backend::SUBSCRIPTIONS_WORK)
        .bind(now)
        .bind(now.plus(LONGEST_REST).plus(CLOCK_SKEW))
        .bind(SubscriptionWork::COUNTED)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Moves the subscription on and writes the messages: both or neither, so that no event is lost, and none is enqueued twice.
pub(in crate::store) async fn enqueue(
    connection: &mut Connection,
    id: Uuid,
    (from, to): (i64, i64),
    messages: &[SealedEvent],
) -> Result<bool> {
    let moved = sqlx::query(
        "UPDATE subscriptions SET seq = $3 WHERE id = $1 AND seq = $2 AND disabled_at IS NULL",
    )
    .bind(id)
    .bind(from)
    .bind(to);
    if moved.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    for message in messages {
        outbox::put_event(connection, id, message).await?;
    }
    Ok(true)
}

pub(in crate::store) async fn claim(
    connection: &mut Connection,
    id: Uuid,
    (now, until): (Timestamp, Timestamp),
    most: usize,
) -> Result<Vec<ClaimedMessage>> {
    let claim = sqlx::query_as(Backend::SUBSCRIPTION_CLAIM)
        .persistent(false)
        .bind(id)
        .bind(now)
        .bind(until)
        .bind(i64::try_from(most).unwrap_or(i64::MAX));
    let mut claimed: Vec<outbox::ClaimedRow> = claim.fetch_all(connection).await?;
    // UPDATE … RETURNING has no order.
    claimed.sort_by_key(|row| row.id);
    Ok(claimed.into_iter().map(Into::into).collect())
}

pub(in crate::store) async fn target(
    connection: &mut Connection,
    id: Uuid,
) -> Result<Option<SubscriptionTarget>> {
    let row: Option<(String, Vec<u8>)> = sqlx::query_as(
        "SELECT url, sealed_secret FROM subscriptions WHERE id = $1 AND disabled_at IS NULL",
    )
    .bind(id)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(url, sealed_secret)| SubscriptionTarget { url, sealed_secret }))
}

pub(in crate::store) async fn succeeded(
    connection: &mut Connection,
    id: Uuid,
    message: Uuid,
) -> Result<()> {
    sqlx::query(
        "UPDATE subscriptions SET failing_since = NULL, paused_until = NULL \
         WHERE id = $1 AND (failing_since IS NOT NULL OR paused_until IS NOT NULL)",
    )
    .bind(id)
    .execute(&mut *connection)
    .await?;
    outbox::remove(connection, message).await
}

pub(in crate::store) async fn failed(
    connection: &mut Connection,
    failed: &FailedDelivery,
) -> Result<Consequence> {
    let since: Option<Timestamp> = sqlx::query_scalar(
        "UPDATE subscriptions SET failing_since = COALESCE(failing_since, $2), \
         paused_until = COALESCE($3, paused_until) WHERE id = $1 AND disabled_at IS NULL \
         RETURNING failing_since",
    )
    .bind(failed.id)
    .bind(failed.now)
    .bind(failed.paused_until)
    .fetch_optional(&mut *connection)
    .await?;
    // The row is held from here on.
    let Some(since) = since else {
        remove_messages(connection, failed.id).await?;
        return Ok(Consequence::None);
    };
    if failed.is_gone || since <= failed.failing_too_long {
        sqlx::query("UPDATE subscriptions SET disabled_at = $2 WHERE id = $1")
            .bind(failed.id)
            .bind(failed.now)
            .execute(&mut *connection)
            .await?;
        remove_messages(connection, failed.id).await?;
        events::put(connection, std::slice::from_ref(&failed.event)).await?;
        return Ok(Consequence::Disabled);
    }
    let rest = Rest { since: failed.now, until: failed.next_try_at };
    outbox::postpone(connection, failed.message, failed.tries, rest, 0).await?;
    Ok(if since == failed.now { Consequence::Begun } else { Consequence::GoesOn })
}

#[derive(sqlx::FromRow)]
struct SubscriptionRow {
    id: Uuid,
    url: String,
    kinds: String,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
}

impl From<SubscriptionRow> for Subscription {
    fn from(row: SubscriptionRow) -> Self {
        let SubscriptionRow { id, url, kinds, created_at, disabled_at } = row;
        Self { id, url, kinds: EventKinds::of_stored(&kinds), created_at, disabled_at }
    }
}

#[derive(sqlx::FromRow)]
struct WorkRow {
    id: Uuid,
    kinds: String,
    seq: i64,
    is_behind: bool,
    queued: i64,
    is_due: bool,
    is_paused: bool,
    is_failing: bool,
}

impl From<WorkRow> for SubscriptionWork {
    fn from(row: WorkRow) -> Self {
        let WorkRow { id, kinds, seq, is_behind, queued, is_due, is_paused, is_failing } = row;
        let kinds = EventKinds::of_stored(&kinds);
        Self { id, kinds, seq, is_behind, queued, is_due, is_paused, is_failing }
    }
}

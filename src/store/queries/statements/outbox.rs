//! The transactional outbox: written by the transactions that cause messages, drained by senders.
//!
//! Any caller can make it long. So no statement here reads more rows than it returns, or than a fixed number: each uses an
//! index of `0015_outbox_lanes`, `0020_mail` or `0022_outbox_since` (`tests/it/store/outbox_plans.rs` checks the plans).

use std::time::Duration;

use uuid::Uuid;

use super::{Backend, Connection};
use crate::{
    domain::{CLOCK_SKEW, Timestamp},
    store::{
        ClaimedMessage, Hold, LONGEST_REST, OutboxState, Places, Priority, Rest, Result,
        SealedEvent, SealedMessage,
    },
};

/// The messages whose rest began last, if that was after $1, whatever its length. Rows of an earlier release do not say
/// when theirs began; of those, the ones that rest until after $2. In index order, so that any plan uses the index: as a
/// rule there are none.
macro_rules! ahead {
    () => {
        "SELECT id FROM (SELECT id FROM outbox WHERE waits_since > $1 \
         ORDER BY waits_since DESC LIMIT 64) AS begun \
         UNION ALL SELECT id FROM (SELECT id FROM outbox WHERE priority + 0 = 0 AND next_try_at > $2 \
         ORDER BY next_try_at DESC LIMIT 32) AS login_codes \
         UNION ALL SELECT id FROM (SELECT id FROM outbox WHERE priority + 0 = 1 AND next_try_at > $2 \
         ORDER BY next_try_at DESC LIMIT 32) AS codes \
         UNION ALL SELECT id FROM (SELECT id FROM outbox WHERE priority + 0 = 2 AND next_try_at > $2 \
         ORDER BY next_try_at DESC LIMIT 32) AS notices"
    };
}

/// The columns of a new message.
macro_rules! put_columns {
    () => {
        "id, sealed_message, created_at, next_try_at, waits_since, tries, expires_at, priority, source, account, \
         code_id, user_id, purpose, turn"
    };
}

/// Fair queueing: a source's or account's next turn comes after its last one, and not before the turn that is being
/// served, so that a quiet one has saved nothing up. Concurrent transactions may draw the same turn: then as many
/// messages as there are connections are sent in one turn, which does no harm.
macro_rules! turn {
    ($priority:literal, $source:literal, $account:literal) => {
        concat!(
            "(SELECT MAX(column1) FROM (VALUES (CAST(1 AS BIGINT)), ((SELECT turn FROM outbox WHERE priority = ",
            $priority,
            " AND tries = 0 AND ready ORDER BY turn LIMIT 1)), ((SELECT turn + 1 FROM outbox WHERE source = ",
            $source,
            " AND priority = ",
            $priority,
            " AND tries = 0 ORDER BY turn DESC LIMIT 1)), ((SELECT turn + 1 FROM outbox WHERE account = ",
            $account,
            " AND priority = ",
            $priority,
            " AND tries = 0 ORDER BY turn DESC LIMIT 1))) AS turns)"
        )
    };
}

/// Claims rows at $1 until $2, of those that the statement goes on to choose. The condition decides the race: of two that
/// chose the same row, the second finds that it is no longer due. (COALESCE is for the planner: it must find the rows by
/// their ids.)
macro_rules! is_claimed {
    () => {
        "next_try_at = $2, waits_since = $1, tries = tries + 1, ready = FALSE, in_flight = TRUE \
         WHERE COALESCE(next_try_at, created_at) <= $1 AND NOT withdrawn"
    };
}

/// The next messages of some priorities. Untried ones go first: a backlog that keeps failing does not hold up new codes. A
/// code waits while the withdrawn one that it replaces is still being sent: it must not overtake that. (A subquery with a
/// limit: Postgres would make a join over all rows of `NOT EXISTS`. `IS NOT TRUE` and COALESCE are for its planner, too: by
/// `IS NULL` it expects one row, and by the bare column another index, and sorts.)
macro_rules! in_line {
    ($priorities:literal, $most:literal) => {
        concat!(
            "SELECT id, priority FROM outbox AS waiting WHERE ready AND COALESCE(next_try_at, created_at) <= $1 AND ",
            $priorities,
            " AND (SELECT TRUE FROM outbox AS held WHERE held.withdrawn AND held.user_id = waiting.user_id \
             AND held.purpose = waiting.purpose AND held.next_try_at > $1 \
             AND (held.code_id = waiting.code_id OR waiting.purpose <> 0) LIMIT 1) IS NOT TRUE \
             ORDER BY priority, tries, turn, created_at LIMIT ",
            $most
        )
    };
}

#[allow(unused_imports, reason = "they are for Postgres alone: `at_once`")]
pub(in crate::store) use {in_line, is_claimed};

/// Statements whose plans a test checks. Those that write are planned each time: as a rule the table is empty, and Postgres
/// would keep the plan for that, a sequential scan, while it fills.
#[doc(hidden)]
impl Backend {
    /// See `turn`.
    pub const OUTBOX_PUT: &str = concat!(
        "INSERT INTO outbox (",
        put_columns!(),
        ") VALUES ($1, $2, $3, $3, $3, 0, $4, $5, $6, $7, $8, $9, $10, ",
        turn!("$5", "$6", "$7"),
        ")"
    );

    /// An event for a subscription waits in no line: each subscription has its own. Its priority, -1, is that of no message to people: no
    /// release claims it as one.
    pub const OUTBOX_PUT_EVENT: &str = "INSERT INTO outbox (id, sealed_message, created_at, next_try_at, waits_since, tries, \
         expires_at, priority, subscription_id) VALUES ($1, $2, $3, $3, $3, 0, $4, -1, $5)";

    /// Messages whose rest is over become ready again, some rows at a time: more than are then claimed.
    pub const OUTBOX_READY: &str = "UPDATE outbox SET ready = TRUE WHERE next_try_at <= $1 AND id IN \
         (SELECT id FROM outbox WHERE NOT ready AND next_try_at <= $1 ORDER BY next_try_at LIMIT 64)";

    /// Of the priorities $3 to $4, at most $5.
    pub const OUTBOX_CLAIM: &str = concat!(
        "UPDATE outbox SET ",
        is_claimed!(),
        " AND id IN (SELECT id FROM (",
        in_line!("priority BETWEEN $3 AND $4", "$5"),
        ") AS next) RETURNING id, sealed_message, tries, unsure, expires_at, priority, turn, created_at"
    );

    /// Withdrawn messages whose sender has vanished.
    pub const OUTBOX_CLEAN: &str = "DELETE FROM outbox WHERE withdrawn AND next_try_at <= $1";

    /// Messages whose rest began after $1, or ends after $2, some of them.
    pub const OUTBOX_AHEAD: &str = ahead!();

    /// Makes them due at $3. One in flight stays its sender's until $4, if there still is one: a whole lease, after which
    /// the successor of a withdrawn message is no longer held back.
    pub const OUTBOX_RECALL: &str = concat!(
        "UPDATE outbox SET next_try_at = CASE WHEN in_flight THEN $4 ELSE $3 END, ready = NOT in_flight, \
         waits_since = $3 WHERE (waits_since > $1 OR next_try_at > $2) AND id IN (",
        ahead!(),
        ")"
    );

    /// The number of rows, up to a limit, and when the first of each priority is due.
    pub const OUTBOX_STATE: &str = "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM outbox LIMIT $1) AS counted), \
         (SELECT next_try_at FROM outbox WHERE priority + 0 = 0 ORDER BY next_try_at LIMIT 1), \
         (SELECT next_try_at FROM outbox WHERE priority + 0 = 1 ORDER BY next_try_at LIMIT 1), \
         (SELECT next_try_at FROM outbox WHERE priority + 0 = 2 ORDER BY next_try_at LIMIT 1)";
}

pub(in crate::store) async fn state(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<OutboxState> {
    type Row = (i64, Option<Timestamp>, Option<Timestamp>, Option<Timestamp>);
    let row: Row = sqlx::query_as(Backend::OUTBOX_STATE)
        .bind(OutboxState::COUNTED)
        .fetch_one(connection)
        .await?;
    let (waiting, login_code, code, notice) = row;
    let due = |first: Option<Timestamp>| first.filter(|first| *first <= now);
    Ok(OutboxState { waiting, due_since: [login_code, code, notice].map(due) })
}

/// By itself, outside a transaction: so the prepared statement keeps its name, and PgBouncer's other connections know it,
/// too. Postgres may then keep a plan made while the table was empty, and read all of it until the next ANALYZE.
pub(in crate::store) async fn is_any_ahead(
    connection: &mut Connection,
    now: Timestamp,
    ahead: Duration,
) -> Result<bool> {
    let (latest_begin, latest_end) = latest(now, ahead);
    let ahead: Option<Uuid> = sqlx::query_scalar(Backend::OUTBOX_AHEAD)
        .bind(latest_begin)
        .bind(latest_end)
        .fetch_optional(connection)
        .await?;
    Ok(ahead.is_some())
}

/// Adds messages to a transaction: they are sent if and only if it commits.
pub(super) async fn put(connection: &mut Connection, messages: &[SealedMessage]) -> Result<()> {
    for message in messages {
        sqlx::query(Backend::OUTBOX_PUT)
            .bind(message.id)
            .bind(&message.sealed)
            .bind(message.created_at)
            .bind(message.expires_at)
            .bind(message.priority as i16)
            .bind(message.source.as_slice())
            .bind(message.account.as_slice())
            .bind(message.code.map(|code| code.code_id))
            .bind(message.code.map(|code| code.user_id))
            .bind(message.code.map(|code| code.purpose as i16))
            .persistent(false)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Adds an event for a subscription to a transaction.
pub(super) async fn put_event(
    connection: &mut Connection,
    subscription: Uuid,
    message: &SealedEvent,
) -> Result<()> {
    sqlx::query(Backend::OUTBOX_PUT_EVENT)
        .bind(message.id)
        .bind(&message.sealed)
        .bind(message.created_at)
        .bind(message.expires_at)
        .bind(subscription)
        .execute(connection)
        .await?;
    Ok(())
}

pub(in crate::store) async fn claim(
    connection: &mut Connection,
    now: Timestamp,
    until: Timestamp,
    places: Places,
) -> Result<Vec<ClaimedMessage>> {
    let clean = sqlx::query(Backend::OUTBOX_CLEAN).persistent(false).bind(now);
    clean.execute(&mut *connection).await?;
    let ready = sqlx::query(Backend::OUTBOX_READY).persistent(false).bind(now);
    ready.execute(&mut *connection).await?;
    let (urgent, code) = (Priority::LoginCode as i16, Priority::Code as i16);
    let mut claimed = claim_some(connection, (now, until), (urgent, urgent), places.all).await?;
    let others = places.others.min(places.all - claimed.len().min(places.all));
    if others > 0 {
        claimed.extend(claim_some(connection, (now, until), (code, i16::MAX), others).await?);
    }
    Ok(claimed)
}

async fn claim_some(
    connection: &mut Connection,
    (now, until): (Timestamp, Timestamp),
    (first, last): (i16, i16),
    most: usize,
) -> Result<Vec<ClaimedMessage>> {
    let rows: Vec<ClaimedRow> = sqlx::query_as(Backend::OUTBOX_CLAIM)
        .persistent(false)
        .bind(now)
        .bind(until)
        .bind(first)
        .bind(last)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    Ok(in_order(rows))
}

/// UPDATE … RETURNING has no order.
pub(in crate::store) fn in_order(mut rows: Vec<ClaimedRow>) -> Vec<ClaimedMessage> {
    rows.sort_by_key(|row| (row.priority, row.tries, row.turn, row.created_at));
    rows.into_iter().map(Into::into).collect()
}

/// Optimistic concurrency: `tries` identifies the claim; a later claim has incremented it.
pub(in crate::store) async fn postpone(
    connection: &mut Connection,
    id: Uuid,
    tries: i32,
    rest: Rest,
    unsure: i32,
) -> Result<()> {
    sqlx::query(
        "UPDATE outbox SET next_try_at = $3, waits_since = $5, in_flight = FALSE, unsure = unsure + $4 \
         WHERE id = $1 AND tries = $2",
    )
    .bind(id)
    .bind(tries)
    .bind(rest.until)
    .bind(unsure)
    .bind(rest.since)
    .execute(&mut *connection)
    .await?;
    // After that statement, which waits for a concurrent withdrawal.
    sqlx::query("DELETE FROM outbox WHERE id = $1 AND tries = $2 AND withdrawn")
        .bind(id)
        .bind(tries)
        .execute(connection)
        .await?;
    Ok(())
}

/// The latest times at which a rest can begin, and end, if no clock is ahead by more than that.
fn latest(now: Timestamp, ahead: Duration) -> (Timestamp, Timestamp) {
    (now.plus(ahead), now.plus(LONGEST_REST).plus(CLOCK_SKEW))
}

pub(in crate::store) async fn recall(
    connection: &mut Connection,
    lease: Rest,
    ahead: Duration,
) -> Result<u64> {
    let (latest_begin, latest_end) = latest(lease.since, ahead);
    let recalled = sqlx::query(Backend::OUTBOX_RECALL)
        .persistent(false)
        .bind(latest_begin)
        .bind(latest_end)
        .bind(lease.since)
        .bind(lease.until)
        .execute(connection)
        .await?;
    Ok(recalled.rows_affected())
}

/// Only while the message is in flight: a late renewal must not undo the decision at its end.
pub(in crate::store) async fn renew(
    connection: &mut Connection,
    id: Uuid,
    tries: i32,
    lease: Rest,
) -> Result<Hold> {
    let withdrawn: Option<bool> = sqlx::query_scalar(
        "UPDATE outbox SET next_try_at = $3, waits_since = $4 WHERE id = $1 AND tries = $2 AND in_flight \
         RETURNING withdrawn",
    )
    .bind(id)
    .bind(tries)
    .bind(lease.until)
    .bind(lease.since)
    .fetch_optional(connection)
    .await?;
    Ok(match withdrawn {
        Some(false) => Hold::Held,
        Some(true) => Hold::Withdrawn,
        None => Hold::Lost,
    })
}

pub(in crate::store) async fn remove(connection: &mut Connection, id: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(connection).await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
pub(in crate::store) struct ClaimedRow {
    pub(super) id: Uuid,
    sealed_message: Vec<u8>,
    tries: i32,
    unsure: i32,
    expires_at: Timestamp,
    priority: i16,
    turn: i64,
    created_at: Timestamp,
}

impl From<ClaimedRow> for ClaimedMessage {
    fn from(row: ClaimedRow) -> Self {
        let ClaimedRow { id, sealed_message, tries, unsure, expires_at, priority, .. } = row;
        let priority = Priority::kept_as(priority);
        Self { id, sealed: sealed_message, tries, unsure, expires_at, priority }
    }
}

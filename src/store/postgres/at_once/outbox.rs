//! The outbox: a claim of what is ready, and the end of a message.

use sqlx::{FromRow as _, Row as _};
use uuid::Uuid;

use super::{
    AtOnce,
    statements::outbox::{self, ClaimedRow, in_line, is_claimed},
};
use crate::{
    domain::Timestamp,
    store::{ClaimedMessage, Places},
};

/// Claims what is ready: of login codes at most $3, of other messages at most $4, together at most $3. Where the rest of a
/// message is over, the transaction first makes that one ready, or deletes it.
///
/// The ids are an array, for the planner: whatever it knows of the table, it finds its rows by the primary key.
pub(in crate::store::postgres) const CLAIM: &str = concat!(
    "WITH rest AS (SELECT EXISTS (SELECT 1 FROM outbox WHERE NOT ready AND next_try_at <= $1) \
     OR EXISTS (SELECT 1 FROM outbox WHERE withdrawn AND next_try_at <= $1) AS is_over), \
     claimed AS (UPDATE outbox SET ",
    is_claimed!(),
    " AND NOT (SELECT is_over FROM rest) AND id = ANY (ARRAY(SELECT id FROM ((",
    in_line!("priority = 0", "$3"),
    ") UNION ALL (",
    in_line!("priority BETWEEN 1 AND 32767", "$4"),
    ")) AS next ORDER BY priority LIMIT $3)) \
     RETURNING id, sealed_message, tries, unsure, expires_at, priority, turn, created_at) \
     SELECT is_over, claimed.id, sealed_message, tries, unsure, expires_at, priority, turn, created_at \
     FROM rest LEFT JOIN claimed ON TRUE"
);

type Claim = (Timestamp, Timestamp, Places);

/// What is claimed twice waits for the first lease to end.
pub(in crate::store::postgres) const CLAIM_MESSAGES: AtOnce<Claim, Vec<ClaimedMessage>> = AtOnce {
    statement: |connection, (now, until, places)| {
        Box::pin(async move {
            let limit = |most: usize| i64::try_from(most).unwrap_or(i64::MAX);
            let query = sqlx::query(CLAIM).bind(*now).bind(*until);
            let query = query.bind(limit(places.all)).bind(limit(places.others));
            let rows = query.fetch_all(connection).await?;
            let mut claimed = Vec::new();
            for row in &rows {
                if row.try_get("is_over")? {
                    return Ok(None);
                }
                if row.try_get::<Option<Uuid>, _>("id")?.is_some() {
                    claimed.push(ClaimedRow::from_row(row)?);
                }
            }
            Ok(Some(outbox::in_order(claimed)))
        })
    },
    is_idempotent: |_args| false,
};

pub(in crate::store::postgres) const REMOVE_MESSAGE: AtOnce<Uuid, ()> = AtOnce {
    statement: |connection, id| {
        Box::pin(async move { outbox::remove(connection, *id).await.map(Some) })
    },
    is_idempotent: |_id| true,
};

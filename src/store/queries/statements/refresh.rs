//! Refresh token rotation with reuse detection: a session moves on to its next token, or ends. One compare-and-set decides the
//! race; a repeat of the last one soon after, by its `request_id` or within the grace, is idempotent (ADR 48).

use uuid::Uuid;

use super::{
    Connection, Query,
    session_row::{account_carries, session_lives},
    sessions,
};
use crate::{
    domain::{CLOCK_SKEW, EventKind, Session},
    store::{LiveSession, Refresh, Refreshed, Result},
};

/// Moves the session $1 on. One that began in the future, after $7, ends at $8 at the latest: a clock that was ahead began it. A later
/// proof from the future is forgotten.
macro_rules! moves_on {
    () => {
        "UPDATE sessions SET generation = generation + 1, refresh_request_id = $4, last_used_at = $2, address = $5, \
         idle_expires_at = $6, \
         reauthenticated_at = CASE WHEN reauthenticated_at > $7 THEN NULL ELSE reauthenticated_at END, \
         expires_at = CASE WHEN sessions.created_at > $7 AND expires_at > $8 THEN $8 ELSE expires_at END"
    };
}

/// The token's number is the current one (compare-and-set). Of concurrent callers with the same token the row lock lets one
/// through; the others find another number.
macro_rules! is_next {
    () => {
        "sessions.id = $1 AND generation = $3"
    };
}

#[allow(unused_imports, reason = "they are for Postgres alone: `at_once`")]
pub(in crate::store) use {is_next, moves_on};

const ADVANCE: &str = concat!(
    moves_on!(),
    " WHERE ",
    is_next!(),
    " AND ",
    session_lives!(),
    " AND EXISTS (SELECT 1 FROM users WHERE ",
    account_carries!(),
    ") RETURNING id"
);

pub(in crate::store) async fn run(
    connection: &mut Connection,
    refresh: &Refresh,
) -> Result<Refreshed> {
    for _ in 0..2 {
        let advanced = advance(connection, refresh).await?;
        let Some(found) =
            sessions::find_live(connection, refresh.session_id, refresh.at.now).await?
        else {
            return Ok(Refreshed::Ended);
        };
        let last_request = found.session.refresh_request_id;
        let live = LiveSession::try_from(found)?;
        let session = &live.session;
        if advanced || repeats(refresh, session, last_request) {
            return Ok(Refreshed::Live(Box::new(live)));
        }
        if session.token_number != refresh.number {
            // The notice is in the transaction that revokes the session: the owner learns of the reuse.
            let Some(notice) = &refresh.notice else {
                return Ok(Refreshed::Stale(Box::new(live.credentials.user)));
            };
            let (why, notice) = (EventKind::RefreshReused, Some(notice));
            sessions::revoke(connection, session.id, session.user_id, &refresh.at, why, notice)
                .await?;
            return Ok(Refreshed::Reused);
        }
        // The session is live and the number is right. A Postgres UPDATE that waited for the row during a change of the
        // password has seen the new session and the old user: the next try sees both as they are.
    }
    Ok(Refreshed::Ended)
}

/// Whether the refresh repeats the session's last one: the same token soon again. It changes nothing, so the grace is not prolonged,
/// and it has the same successor, so the session does not fork: the next use of a token that somebody else has used is found.
fn repeats(refresh: &Refresh, session: &Session, last_request: Option<Uuid>) -> bool {
    let is_a_retry = refresh.request_id.is_some() && refresh.request_id == last_request;
    let within = if is_a_retry { refresh.repeat_within } else { refresh.grace };
    session.token_number == refresh.number + 1
        && !within.is_zero()
        && !session.last_used_at.is_from_the_future(refresh.at.now)
        && refresh.at.now.since(session.last_used_at) <= within
}

async fn advance(connection: &mut Connection, refresh: &Refresh) -> Result<bool> {
    Ok(bound(ADVANCE, refresh).fetch_optional(connection).await?.is_some())
}

/// A statement with the parameters of `moves_on`.
pub(in crate::store) fn bound<'q>(statement: &'static str, refresh: &'q Refresh) -> Query<'q> {
    sqlx::query(statement)
        .bind(refresh.session_id)
        .bind(refresh.at.now)
        .bind(refresh.number)
        .bind(refresh.request_id)
        .bind(refresh.at.address.map(|address| address.to_string()))
        .bind(refresh.idle_expires_at)
        .bind(refresh.at.now.plus(CLOCK_SKEW))
        .bind(refresh.latest_end)
}

//! Sessions: lookup and revocation.

use uuid::Uuid;

use super::{
    Backend, Connection, events, new_device, revocations,
    session_row::{SessionRow, account_carries, session_columns, session_lives},
    users::{self, user_columns},
};
use crate::{
    domain::{Actor, Event, EventKind, Revocation, Revoked, Session, Timestamp},
    store::{BoundedNotice, Error, LiveSession, Result, Revoking, SessionLimit, SessionPlace},
};

/// A live session ($1 is its id) with its user, whose columns keep their own names.
const LIVE: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", ",
    session_columns!(),
    " FROM sessions JOIN users ON ",
    account_carries!(),
    " WHERE sessions.id = $1 AND ",
    session_lives!()
);

/// A session, live or not; without a salt it never had a refresh token.
const FIND: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions WHERE id = $1 AND refresh_salt IS NOT NULL"
);

/// The live sessions of the user $1 behind the place ($3, $4), at most $5: only the newest are read, since an account of an
/// earlier release may have very many.
const LIST: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions JOIN users ON ",
    account_carries!(),
    " WHERE sessions.id IN (SELECT newest.id FROM sessions AS newest WHERE newest.user_id = $1 \
     AND newest.epoch = (SELECT session_epoch FROM users WHERE id = $1) AND newest.revoked_at IS NULL \
     ORDER BY newest.created_at DESC LIMIT 1000) AND ",
    session_lives!(),
    " AND (COALESCE(last_used_at, sessions.created_at) < $3 \
     OR COALESCE(last_used_at, sessions.created_at) = $3 AND sessions.id > $4) \
     ORDER BY COALESCE(last_used_at, sessions.created_at) DESC, sessions.id LIMIT $5"
);

/// Of the user $1 in the epoch $4, except $3: the number of unrevoked sessions, the number of live ones at $2, and the time
/// of the last use. Only accounts of an earlier release have more than a thousand. The credentials are not compared: the
/// same transaction may have just changed them.
const OTHERS: &str = concat!(
    "SELECT COUNT(*), COUNT(CASE WHEN ",
    session_lives!(),
    " THEN 1 END), MAX(last_used_at) FROM (SELECT revoked_at, expires_at, idle_expires_at, last_used_at FROM sessions \
     WHERE user_id = $1 AND id <> $3 AND epoch = $4 AND revoked_at IS NULL \
     ORDER BY created_at DESC LIMIT 1000) AS others"
);

/// Revokes sessions of the user $1 in the epoch $3: at most a hundred, of those older than $5 others, but never $4.
const END_OLDEST: &str = "UPDATE sessions SET revoked_at = $2 WHERE revoked_at IS NULL AND id IN \
    (SELECT older.id FROM sessions AS older WHERE older.user_id = $1 AND older.epoch = $3 \
    AND older.revoked_at IS NULL AND older.id <> $4 ORDER BY older.created_at DESC LIMIT 100 OFFSET $5) \
    RETURNING id, last_used_at";

pub(in crate::store) async fn live(
    connection: &mut Connection,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<LiveSession>> {
    find_live(connection, id, now).await?.map(TryInto::try_into).transpose()
}

pub(in crate::store) async fn find(
    connection: &mut Connection,
    id: Uuid,
) -> Result<Option<Session>> {
    let row: Option<SessionRow> = sqlx::query_as(FIND).bind(id).fetch_optional(connection).await?;
    row.map(TryInto::try_into).transpose()
}

pub(in crate::store) async fn list(
    connection: &mut Connection,
    user_id: Uuid,
    now: Timestamp,
    after: SessionPlace,
    most: u32,
) -> Result<Vec<Session>> {
    let rows = sqlx::query_as(LIST).bind(user_id).bind(now);
    let rows = rows.bind(after.last_used_at).bind(after.id).bind(i64::from(most));
    let rows: Vec<SessionRow> = rows.fetch_all(connection).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub(in crate::store) async fn revoke_one(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
    at: &Revoking,
) -> Result<bool> {
    Backend::hold_user(connection, user_id).await?;
    revoke(connection, id, user_id, at, EventKind::SessionRevoked, None).await
}

/// On behalf of another session of the user.
pub(in crate::store) async fn revoke_for(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
    asking: Uuid,
    at: &Revoking,
) -> Result<bool> {
    let asks = asks(connection, asking, user_id, at.now).await?;
    if asks {
        revoke(connection, id, user_id, at, EventKind::SessionRevoked, None).await?;
    }
    Ok(asks)
}

pub(in crate::store) async fn revoke_all_but(
    connection: &mut Connection,
    user_id: Uuid,
    asking: Uuid,
    at: &Revoking,
) -> Result<Option<usize>> {
    if !asks(connection, asking, user_id, at.now).await? {
        return Ok(None);
    }
    revoke_others(connection, user_id, asking, at).await.map(Some)
}

pub(super) async fn find_live(
    connection: &mut Connection,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<LiveRow>> {
    Ok(sqlx::query_as(LIVE).bind(id).bind(now).fetch_optional(connection).await?)
}

/// Whether a session of that user is live, and may so revoke others. Locks the user's row: of two that revoke each other,
/// the second finds itself revoked (race).
pub(super) async fn asks(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
    now: Timestamp,
) -> Result<bool> {
    Backend::hold_user(connection, user_id).await?;
    let Some(found) = find_live(connection, id, now).await? else { return Ok(false) };
    Ok(LiveSession::try_from(found)?.session.user_id == user_id)
}

/// Revokes the user's sessions beyond the limit. The user's row is locked, so that each login sees the sessions of the
/// others; the new one stays, also where the clock that dated it is behind. An account of an earlier release may have many
/// more: each login revokes some, and none takes long.
pub(super) async fn end_oldest(
    connection: &mut Connection,
    begun: &Session,
    limit: SessionLimit,
) -> Result<()> {
    let ended: Vec<EndedRow> = sqlx::query_as(END_OLDEST)
        .bind(begun.user_id)
        .bind(begun.created_at)
        .bind(begun.epoch)
        .bind(begun.id)
        .bind(i64::from(limit.most.saturating_sub(1)))
        .fetch_all(&mut *connection)
        .await?;
    let (now, actor, address) = (begun.created_at, Actor::User(begun.user_id), begun.address);
    let at = Revoking {
        now,
        tokens_expire_at: limit.tokens_expire_at,
        actor,
        address,
        carried_out: None,
    };
    tell(connection, begun.user_id, &ended, &at, EventKind::SessionRevoked).await
}

/// Revokes a session of that user, records it as `why`, and adds the message about it.
pub(super) async fn revoke(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
    at: &Revoking,
    why: EventKind,
    notice: Option<&BoundedNotice>,
) -> Result<bool> {
    let ended: Vec<EndedRow> = sqlx::query_as(
        "UPDATE sessions SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL \
         AND epoch = (SELECT session_epoch FROM users WHERE id = $2) RETURNING id, last_used_at",
    )
    .bind(id)
    .bind(user_id)
    .bind(at.now)
    .fetch_all(&mut *connection)
    .await?;
    // Of concurrent callers one notifies the user. The revocation comes last: its row lock serialises all revocations.
    if let Some(notice) = notice.filter(|_| !ended.is_empty()) {
        new_device::send(connection, notice, at.now).await?;
    }
    tell(connection, user_id, &ended, at, why).await?;
    Ok(!ended.is_empty())
}

/// Revokes all sessions of a user but `kept`, which may be none of theirs, whatever their number, and records one event. Returns
/// how many were live.
pub(super) async fn revoke_others(
    connection: &mut Connection,
    user_id: Uuid,
    kept: Uuid,
    at: &Revoking,
) -> Result<usize> {
    let ended = end_epoch(connection, user_id, kept, at).await?;
    if let Some((_, revocation)) = &ended {
        let (kind, user) = (EventKind::SessionsRevoked, Some(user_id));
        let kept = Some(kept).filter(|kept| !kept.is_nil());
        events::put(
            connection,
            &[Event::of(kind, user, kept, at.actor.clone(), at.address, at.now)],
        )
        .await?;
        revocations::append(connection, std::slice::from_ref(revocation)).await?;
    }
    Ok(ended.map_or(0, |(lived, _)| lived))
}

/// Begins the next epoch of a user's sessions, which revokes all of the earlier ones; `kept` moves along. Returns how many
/// were live, and the revocation of their tokens; `None` where there were none.
///
/// This locks the user's row first: a concurrent login waits for it, and then begins its session in the new epoch.
pub(super) async fn end_epoch(
    connection: &mut Connection,
    user_id: Uuid,
    kept: Uuid,
    at: &Revoking,
) -> Result<Option<(usize, Revocation)>> {
    let epoch: Option<i64> = sqlx::query_scalar(
        "UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1 RETURNING session_epoch",
    )
    .bind(user_id)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(epoch) = epoch else { return Ok(None) };
    let (ended, lived, last_used_at): (i64, i64, Option<Timestamp>) = sqlx::query_as(OTHERS)
        .bind(user_id)
        .bind(at.now)
        .bind(kept)
        .bind(epoch - 1)
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query("UPDATE sessions SET epoch = $3 WHERE id = $1 AND user_id = $2 AND epoch = $3 - 1")
        .bind(kept)
        .bind(user_id)
        .bind(epoch)
        .execute(connection)
        .await?;
    // Also where all have expired by this request's clock, which may be ahead.
    if ended == 0 {
        return Ok(None);
    }
    let kept = Some(kept).filter(|kept| !kept.is_nil());
    let subject = Revoked::Earlier { user_id, epoch, kept };
    let (not_before, expires_at) = (at.now, at.tokens_expire_at(last_used_at));
    let revocation = Revocation { subject, not_before, expires_at };
    Ok(Some((usize::try_from(lived).unwrap_or(0), revocation)))
}

/// Records the revoked sessions as events, and appends their revocations.
async fn tell(
    connection: &mut Connection,
    user_id: Uuid,
    ended: &[EndedRow],
    at: &Revoking,
    why: EventKind,
) -> Result<()> {
    let events: Vec<_> = ended.iter().map(|ended| at.event(why, user_id, ended.id)).collect();
    events::put(connection, &events).await?;
    let revocations: Vec<_> = ended.iter().map(|ended| ended.revocation(at)).collect();
    revocations::append(connection, &revocations).await
}

/// A session that has just been revoked.
#[derive(sqlx::FromRow)]
struct EndedRow {
    id: Uuid,
    last_used_at: Option<Timestamp>,
}

impl EndedRow {
    /// The clock of the revoking caller may be behind that of the last use, whose token must be void, too.
    fn revocation(&self, at: &Revoking) -> Revocation {
        Revocation {
            subject: Revoked::Session(self.id),
            not_before: self.last_used_at.map_or(at.now, |last| last.max(at.now)),
            expires_at: at.tokens_expire_at(self.last_used_at),
        }
    }
}

/// A row of [`LIVE`].
#[derive(sqlx::FromRow)]
pub(in crate::store) struct LiveRow {
    #[sqlx(flatten)]
    user: users::UserRow,
    #[sqlx(flatten)]
    pub(super) session: SessionRow,
}

impl TryFrom<LiveRow> for LiveSession {
    type Error = Error;

    fn try_from(row: LiveRow) -> Result<Self> {
        let credentials = row.user.try_into()?;
        Ok(Self { session: row.session.try_into()?, credentials })
    }
}

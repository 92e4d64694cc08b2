//! Sessions.

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend, Connection, events, revocations, rotation,
    session_row::{SessionRow, session_columns, session_lives},
    throttles, users,
};
use crate::{
    domain::{AuthMethod, Event, EventKind, Revocation, Revoked, Session, Timestamp},
    store::{
        Credentials, Error, LiveSession, Refresh, Result, Revoking, Rotation, Sessions, Settled,
    },
};

/// A live session ($1 is its id) with its user, whose columns keep their own names.
const LIVE: &str = concat!(
    "SELECT users.*, ",
    session_columns!(),
    " FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = $1 AND ",
    session_lives!(),
    " AND disabled_at IS NULL AND sessions.credential_version = users.credential_version"
);

/// A session whatever has become of it; without a salt it never had a refresh token.
const FIND: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions WHERE id = $1 AND refresh_salt IS NOT NULL"
);

/// The live sessions of the user $1, as many as an answer may hold.
const LIST: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions WHERE user_id = $1 AND ",
    session_lives!(),
    " AND credential_version = (SELECT credential_version FROM users WHERE id = $1) \
     ORDER BY COALESCE(last_used_at, created_at) DESC, id LIMIT 100"
);

/// Ends the live sessions of the user $1 but $3.
const REVOKE_OTHERS: &str = concat!(
    "UPDATE sessions SET revoked_at = $2 WHERE user_id = $1 AND id <> $3 AND ",
    session_lives!(),
    " RETURNING id, last_used_at"
);

#[async_trait]
impl Sessions for Backend {
    async fn session_create(
        &self,
        session: Session,
        credential_version: i64,
        settled: Settled,
    ) -> Result<bool> {
        let args = (session, credential_version, settled);
        self.write(args, |connection, (session, version, settled)| {
            Box::pin(async move {
                Backend::hold_user(connection, session.user_id).await?;
                let begun = insert(connection, session, *version).await?;
                if begun {
                    throttles::settle(connection, settled).await?;
                }
                Ok(begun)
            })
        })
        .await
    }

    async fn session_live(&self, id: Uuid, now: Timestamp) -> Result<Option<LiveSession>> {
        let mut connection = self.reader().acquire().await?;
        find_live(&mut connection, id, now).await?.map(TryInto::try_into).transpose()
    }

    async fn session_find(&self, id: Uuid) -> Result<Option<Session>> {
        let row: Option<SessionRow> =
            sqlx::query_as(FIND).bind(id).fetch_optional(self.reader()).await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn session_list(&self, user_id: Uuid, now: Timestamp) -> Result<Vec<Session>> {
        let rows: Vec<SessionRow> =
            sqlx::query_as(LIST).bind(user_id).bind(now).fetch_all(self.reader()).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn session_rotate(&self, refresh: Refresh) -> Result<Rotation> {
        self.write(refresh, |connection, refresh| Box::pin(rotation::rotate(connection, refresh)))
            .await
    }

    async fn session_revoke(&self, id: Uuid, user_id: Uuid, at: Revoking) -> Result<bool> {
        self.write((id, user_id, at), |connection, (id, user_id, at)| {
            Box::pin(revoke(connection, *id, *user_id, at, EventKind::SessionRevoked))
        })
        .await
    }

    async fn session_revoke_others(
        &self,
        user_id: Uuid,
        kept: Uuid,
        at: Revoking,
    ) -> Result<usize> {
        self.write((user_id, kept, at), |connection, (user_id, kept, at)| {
            Box::pin(revoke_others(connection, *user_id, *kept, at))
        })
        .await
    }
}

pub(super) async fn find_live(
    connection: &mut Connection,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<LiveRow>> {
    Ok(sqlx::query_as(LIVE).bind(id).bind(now).fetch_optional(connection).await?)
}

/// Whether a session of that user may change the account now: it lives, the account is enabled, and it has used the second
/// factor if that is on. Whoever asks holds the user's row, so that nothing of it changes until the change is made.
pub(super) async fn may_ask(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
    now: Timestamp,
) -> Result<bool> {
    let Some(found) = find_live(connection, id, now).await? else { return Ok(false) };
    let live = LiveSession::try_from(found)?;
    Ok(live.session.user_id == user_id && live.may_change_the_account())
}

/// Begins a session, if the user is enabled and the credentials are still those of that version: a login succeeds. One by the
/// password alone does not where a second factor has been turned on since.
///
/// The version stays with the session: one that was begun while the password changed can be told by it.
pub(super) async fn insert(
    connection: &mut Connection,
    session: &Session,
    credential_version: i64,
) -> Result<bool> {
    let methods: Vec<_> = session.methods.iter().copied().map(AuthMethod::as_str).collect();
    let begun = sqlx::query(
        "INSERT INTO sessions (id, user_id, credential_version, audience, device_name, amr, created_at, expires_at, \
         last_used_at, address, idle_expires_at, generation, refresh_salt) \
         SELECT $1, id, credential_version, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM users \
         WHERE id = $2 AND credential_version = $3 AND disabled_at IS NULL AND ($14 OR NOT is_2fa_enabled) RETURNING id",
    )
    .bind(session.id)
    .bind(session.user_id)
    .bind(credential_version)
    .bind(&session.audience)
    .bind(&session.device_name)
    .bind(methods.join(" "))
    .bind(session.created_at)
    .bind(session.expires_at)
    .bind(session.last_used_at)
    .bind(session.address.map(|address| address.to_string()))
    .bind(session.idle_expires_at)
    .bind(session.generation)
    .bind(session.refresh_salt.as_slice())
    .bind(session.methods.contains(&AuthMethod::MultiFactor))
    .fetch_optional(&mut *connection)
    .await?;
    if begun.is_none() {
        return Ok(false);
    }
    let (user_id, session_id) = (Some(session.user_id), Some(session.id));
    let (kind, at) = (EventKind::LoginSucceeded, session.created_at);
    let event = Event::of(kind, user_id, session_id, session.address, at);
    events::put(connection, &[event]).await?;
    Ok(true)
}

/// Ends a session of that user, and records it as `why`.
pub(super) async fn revoke(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
    at: &Revoking,
    why: EventKind,
) -> Result<bool> {
    let ended: Vec<EndedRow> = sqlx::query_as(
        "UPDATE sessions SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL \
         RETURNING id, last_used_at",
    )
    .bind(id)
    .bind(user_id)
    .bind(at.now)
    .fetch_all(&mut *connection)
    .await?;
    tell(connection, user_id, &ended, at, why).await?;
    Ok(!ended.is_empty())
}

pub(super) async fn revoke_others(
    connection: &mut Connection,
    user_id: Uuid,
    kept: Uuid,
    at: &Revoking,
) -> Result<usize> {
    let ended: Vec<EndedRow> = sqlx::query_as(REVOKE_OTHERS)
        .bind(user_id)
        .bind(at.now)
        .bind(kept)
        .fetch_all(&mut *connection)
        .await?;
    tell(connection, user_id, &ended, at, EventKind::SessionRevoked).await?;
    Ok(ended.len())
}

/// Records that a user's sessions were ended, and tells those who watch.
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

/// A session that has just been ended.
#[derive(sqlx::FromRow)]
struct EndedRow {
    id: Uuid,
    last_used_at: Option<Timestamp>,
}

impl EndedRow {
    /// The clock of the caller who ended it may be behind that of the one who used it last, whose token is void, too.
    fn revocation(&self, at: &Revoking) -> Revocation {
        Revocation {
            subject: Revoked::Session(self.id),
            not_before: self.last_used_at.map_or(at.now, |last| last.max(at.now)),
            expires_at: at.tokens_expire_at,
        }
    }
}

/// What [`LIVE`] selects.
#[derive(sqlx::FromRow)]
pub(super) struct LiveRow {
    #[sqlx(flatten)]
    user: users::UserRow,
    #[sqlx(flatten)]
    pub(super) session: SessionRow,
}

impl TryFrom<LiveRow> for LiveSession {
    type Error = Error;

    fn try_from(row: LiveRow) -> Result<Self> {
        let credentials = Credentials::from(row.user);
        Ok(Self { session: row.session.try_into()?, credentials })
    }
}

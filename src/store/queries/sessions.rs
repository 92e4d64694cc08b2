//! Sessions.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, Connection, revocations, users};
use crate::{
    domain::{AuthMethod, Revocation, Revoked, Session, Timestamp},
    store::{Credentials, Error, LiveSession, Result, Revoking, Sessions},
};

/// A live session ($1 is its id, $2 the time) with its user, whose columns keep their own names.
const LIVE: &str = "SELECT users.*, sessions.id AS session_id, audience, device_name, amr, \
    sessions.created_at AS begun_at, expires_at, last_used_at, address, idle_expires_at, generation, refresh_salt \
    FROM sessions JOIN users ON users.id = sessions.user_id \
    WHERE sessions.id = $1 AND revoked_at IS NULL AND expires_at > $2 \
    AND (idle_expires_at IS NULL OR idle_expires_at > $2) \
    AND disabled_at IS NULL AND sessions.credential_version = users.credential_version";

#[async_trait]
impl Sessions for Backend {
    async fn session_create(&self, session: Session, credential_version: i64) -> Result<bool> {
        self.write((session, credential_version), |connection, (session, version)| {
            Box::pin(insert(connection, session, *version))
        })
        .await
    }

    async fn session_live(&self, id: Uuid, now: Timestamp) -> Result<Option<LiveSession>> {
        let row: Option<LiveRow> =
            sqlx::query_as(LIVE).bind(id).bind(now).fetch_optional(self.reader()).await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn session_revoke(&self, id: Uuid, user_id: Uuid, at: Revoking) -> Result<bool> {
        self.write((id, user_id, at), |connection, (id, user_id, at)| {
            Box::pin(revoke(connection, *id, *user_id, at))
        })
        .await
    }
}

/// Begins a session, if the user is enabled and the credentials are still those of that version.
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
         WHERE id = $2 AND credential_version = $3 AND disabled_at IS NULL RETURNING id",
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
    .fetch_optional(connection)
    .await?;
    Ok(begun.is_some())
}

async fn revoke(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
    at: &Revoking,
) -> Result<bool> {
    let revoked = sqlx::query(
        "UPDATE sessions SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL RETURNING id",
    )
    .bind(id)
    .bind(user_id)
    .bind(at.now)
    .fetch_optional(&mut *connection)
    .await?;
    if revoked.is_none() {
        return Ok(false);
    }
    let revocation = Revocation {
        subject: Revoked::Session(id),
        not_before: at.now,
        expires_at: at.tokens_expire_at,
    };
    revocations::append(connection, &[revocation]).await?;
    Ok(true)
}

/// What [`LIVE`] selects.
#[derive(sqlx::FromRow)]
struct LiveRow {
    #[sqlx(flatten)]
    user: users::UserRow,
    #[sqlx(flatten)]
    session: SessionRow,
}

impl TryFrom<LiveRow> for LiveSession {
    type Error = Error;

    fn try_from(row: LiveRow) -> Result<Self> {
        let credentials = Credentials::from(row.user);
        Ok(Self { session: row.session.of(credentials.user.id)?, credentials })
    }
}

/// A session's columns, under names that are not those of a user's. Options are empty in sessions of a release that did
/// not refresh.
#[derive(sqlx::FromRow)]
struct SessionRow {
    session_id: Uuid,
    audience: String,
    device_name: String,
    amr: String,
    begun_at: Timestamp,
    expires_at: Timestamp,
    last_used_at: Option<Timestamp>,
    address: Option<String>,
    idle_expires_at: Option<Timestamp>,
    generation: i64,
    refresh_salt: Option<Vec<u8>>,
}

impl SessionRow {
    fn of(self, user_id: Uuid) -> Result<Session> {
        let salt = self.refresh_salt.map_or(Ok([0; 16]), TryInto::try_into);
        let methods = self.amr.split_whitespace().map(AuthMethod::parse);
        Ok(Session {
            id: self.session_id,
            user_id,
            audience: self.audience,
            device_name: self.device_name,
            methods: methods.collect::<Option<_>>().ok_or(Error::Corrupt("sessions.amr"))?,
            created_at: self.begun_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at.unwrap_or(self.begun_at),
            address: self.address.and_then(|text| text.parse().ok()),
            idle_expires_at: self.idle_expires_at.unwrap_or(self.expires_at),
            generation: self.generation,
            refresh_salt: salt.map_err(|_length| Error::Corrupt("sessions.refresh_salt"))?,
        })
    }
}

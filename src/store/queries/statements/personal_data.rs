//! All that is stored about one user, table by table. `docs/your-data.md` says what is left out, and why.
//!
//! Nothing is cut off: it is to be complete. How many rows a user has is bounded by how often one may try, and by the janitor.

use uuid::Uuid;

use super::{
    Connection,
    challenge_row::{ChallengeRow, challenge_columns},
    managed_users, passkeys,
    session_row::{SessionRow, account_carries, session_columns, session_lives},
    trusted_devices,
};
use crate::{
    domain::{
        AuthenticatorApp, Challenge, FormerEmail, MailedCode, PersonalData, RecoveryCodesLeft,
        StoredSession, Timestamp, WaitingMessage,
    },
    store::{Error, Result},
};

/// The sessions of the user $1, and whether they live at $2.
const SESSIONS: &str = concat!(
    "SELECT ",
    session_columns!(),
    ", revoked_at, CASE WHEN ",
    account_carries!(),
    " AND ",
    session_lives!(),
    " THEN TRUE ELSE FALSE END AS is_live FROM sessions JOIN users ON users.id = sessions.user_id \
     WHERE sessions.user_id = $1 ORDER BY sessions.created_at DESC"
);

const CHALLENGES: &str = concat!(
    "SELECT ",
    challenge_columns!(),
    " FROM challenges WHERE user_id = $1 ORDER BY created_at DESC"
);

pub(in crate::store) async fn of(
    connection: &mut Connection,
    user_id: Uuid,
    now: Timestamp,
) -> Result<Option<PersonalData>> {
    let account = managed_users::by_ids(connection, &[user_id]).await?.pop();
    let Some(account) = account else { return Ok(None) };
    Ok(Some(PersonalData {
        account,
        verify_by: verify_by(connection, user_id).await?,
        apps: apps(connection, user_id).await?,
        recovery_codes: recovery_codes(connection, user_id).await?,
        passkeys: passkeys::of(connection, user_id).await?,
        trusted_devices: trusted_devices::stored(connection, user_id).await?,
        former_emails: former_emails(connection, user_id).await?,
        sessions: sessions(connection, user_id, now).await?,
        logins: logins(connection, user_id).await?,
        codes: codes(connection, user_id).await?,
        messages: messages(connection, user_id).await?,
    }))
}

async fn verify_by(connection: &mut Connection, user_id: Uuid) -> Result<Option<Timestamp>> {
    let found = sqlx::query_scalar("SELECT verify_by FROM users WHERE id = $1").bind(user_id);
    let found: Option<Option<Timestamp>> = found.fetch_optional(connection).await?;
    Ok(found.flatten())
}

async fn apps(connection: &mut Connection, user_id: Uuid) -> Result<Vec<AuthenticatorApp>> {
    let rows: Vec<(Timestamp, Timestamp, Option<Timestamp>)> = sqlx::query_as(
        "SELECT created_at, expires_at, confirmed_at FROM totp_factors WHERE user_id = $1 ORDER BY created_at DESC",
    )
    .bind(user_id)
    .fetch_all(connection)
    .await?;
    let app = |(created_at, expires_at, confirmed_at)| AuthenticatorApp {
        created_at,
        expires_at,
        confirmed_at,
    };
    Ok(rows.into_iter().map(app).collect())
}

async fn recovery_codes(
    connection: &mut Connection,
    user_id: Uuid,
) -> Result<Option<RecoveryCodesLeft>> {
    let (left, created_at): (i64, Option<Timestamp>) =
        sqlx::query_as("SELECT COUNT(*), MAX(created_at) FROM recovery_codes WHERE user_id = $1")
            .bind(user_id)
            .fetch_one(connection)
            .await?;
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    Ok(created_at.map(|created_at| RecoveryCodesLeft { left, created_at }))
}

async fn former_emails(connection: &mut Connection, user_id: Uuid) -> Result<Vec<FormerEmail>> {
    let rows: Vec<(String, bool, Timestamp, Timestamp)> = sqlx::query_as(
        "SELECT former_email, was_verified, created_at, expires_at FROM email_changes WHERE user_id = $1 \
         ORDER BY number DESC",
    )
    .bind(user_id)
    .fetch_all(connection)
    .await?;
    let former = |(email, was_verified, changed_at, expires_at)| FormerEmail {
        email,
        was_verified,
        changed_at,
        expires_at,
    };
    Ok(rows.into_iter().map(former).collect())
}

async fn sessions(
    connection: &mut Connection,
    user_id: Uuid,
    now: Timestamp,
) -> Result<Vec<StoredSession>> {
    let rows = sqlx::query_as(SESSIONS).bind(user_id).bind(now);
    let rows: Vec<StoredRow> = rows.fetch_all(connection).await?;
    let stored = |StoredRow { session, revoked_at, is_live }| {
        Ok(StoredSession { session: session.try_into()?, revoked_at, is_live })
    };
    rows.into_iter().map(stored).collect()
}

async fn logins(connection: &mut Connection, user_id: Uuid) -> Result<Vec<Challenge>> {
    let rows = sqlx::query_as(CHALLENGES).bind(user_id);
    let rows: Vec<ChallengeRow> = rows.fetch_all(connection).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

async fn codes(connection: &mut Connection, user_id: Uuid) -> Result<Vec<MailedCode>> {
    let rows: Vec<CodeRow> = sqlx::query_as(
        "SELECT created_at, expires_at, consumed_at, attempts, new_email, audience, device_name, device_id \
         FROM mailbox_codes WHERE user_id = $1 ORDER BY created_at DESC",
    )
    .bind(user_id)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Only those with a code have the user beside them: what else waits has keyed digests alone.
async fn messages(connection: &mut Connection, user_id: Uuid) -> Result<Vec<WaitingMessage>> {
    let rows: Vec<(Timestamp, Timestamp)> = sqlx::query_as(
        "SELECT created_at, expires_at FROM outbox WHERE user_id = $1 AND NOT withdrawn ORDER BY created_at DESC",
    )
    .bind(user_id)
    .fetch_all(connection)
    .await?;
    let message = |(created_at, expires_at)| WaitingMessage { created_at, expires_at };
    Ok(rows.into_iter().map(message).collect())
}

/// A row of [`SESSIONS`].
#[derive(sqlx::FromRow)]
struct StoredRow {
    #[sqlx(flatten)]
    session: SessionRow,
    revoked_at: Option<Timestamp>,
    is_live: bool,
}

#[derive(sqlx::FromRow)]
struct CodeRow {
    created_at: Timestamp,
    expires_at: Timestamp,
    consumed_at: Option<Timestamp>,
    attempts: i32,
    new_email: Option<String>,
    audience: Option<String>,
    device_name: Option<String>,
    device_id: Option<Uuid>,
}

impl TryFrom<CodeRow> for MailedCode {
    type Error = Error;

    fn try_from(row: CodeRow) -> Result<Self> {
        let attempts = u32::try_from(row.attempts);
        Ok(Self {
            created_at: row.created_at,
            expires_at: row.expires_at,
            consumed_at: row.consumed_at,
            attempts: attempts.map_err(|_negative| Error::Corrupt("mailbox_codes.attempts"))?,
            new_email: row.new_email,
            audience: row.audience,
            device_name: row.device_name,
            device_id: row.device_id,
        })
    }
}

//! The bare program of FinishPasskeyLogin: it verifies and signs nothing.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rand::RngExt as _;
use sqlx::{Row as _, SqliteConnection};
use uuid::Uuid;

use super::bare::{Database, Statements, rate};

/// A time in the future of all rows: microseconds of Unix time.
const NOW: i64 = 1_900_000_000_000_000;

const FIND: &str = "SELECT passkeys.id AS passkey_id, passkeys.user_id, users.passkey_handle, passkeys.credential_id, \
     passkeys.public_key, passkeys.sign_count, passkeys.backup_eligible, passkeys.backed_up, passkeys.transports, \
     passkeys.aaguid, passkeys.name, passkeys.created_at AS added_at, passkeys.last_used_at, users.id, users.username, \
     users.username_key, users.email, users.email_verified, users.password_hash, users.credential_version, \
     users.is_2fa_enabled, users.roles, users.claims, users.request_id, users.disabled_at, users.created_at, \
     users.password_distrusted_at FROM passkeys JOIN users ON users.id = passkeys.user_id \
     WHERE passkeys.credential_id = $1 AND users.deleted_at IS NULL";

const USE: &str =
    "INSERT INTO used_assertions (digest, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";

const COUNT: &str = "UPDATE passkeys SET sign_count = sign_count + 1, backed_up = FALSE, last_used_at = $3 \
     WHERE id = $1 AND user_id = $2";

const BEGIN: &str = "INSERT INTO sessions (id, user_id, credential_version, audience, device_name, amr, created_at, expires_at, \
     last_used_at, address, idle_expires_at, generation, refresh_salt, epoch) SELECT $1, id, credential_version, \
     'countersign', '', 'hwk user mfa', $3, $3, $3, '127.0.0.1', $3, 0, $4, session_epoch FROM users WHERE id = $2 \
     RETURNING epoch";

const NOTE: &str = "UPDATE users SET last_login_at = $2 WHERE id = $1";

const TELL: &str = "INSERT INTO events (id, kind, user_id, session_id, actor, address, at) \
     VALUES ($1, 'login_succeeded', $2, $3, 'user', '127.0.0.1', $4)";

const END_OLDEST: &str = "UPDATE sessions SET revoked_at = $2 WHERE revoked_at IS NULL AND id IN (SELECT older.id \
     FROM sessions AS older WHERE older.user_id = $1 AND older.epoch = 0 AND older.revoked_at IS NULL AND older.id <> $3 \
     ORDER BY older.created_at DESC LIMIT 100 OFFSET 999) RETURNING id, last_used_at";

struct Login {
    passkey_id: Vec<u8>,
    user_id: Vec<u8>,
}

impl Statements for Login {
    async fn run(&self, connection: &mut SqliteConnection) -> anyhow::Result<()> {
        let (user, session) = (&self.user_id, Uuid::now_v7());
        let (digest, salt) = (rand::rng().random::<[u8; 32]>(), [7; 16].as_slice());
        let used = sqlx::query(USE).bind(digest.as_slice()).bind(NOW);
        used.execute(&mut *connection).await?;
        let counted = sqlx::query(COUNT).bind(&self.passkey_id).bind(user).bind(NOW);
        counted.execute(&mut *connection).await?;
        let begun = sqlx::query(BEGIN).bind(session).bind(user).bind(NOW).bind(salt);
        begun.fetch_one(&mut *connection).await?;
        sqlx::query(NOTE).bind(user).bind(NOW).execute(&mut *connection).await?;
        let told = sqlx::query(TELL).bind(Uuid::now_v7()).bind(user).bind(session).bind(NOW);
        told.execute(&mut *connection).await?;
        let ended = sqlx::query(END_OLDEST).bind(user).bind(NOW).bind(session);
        ended.fetch_all(connection).await?;
        Ok(())
    }
}

/// Logins by passkeys.
pub(crate) struct Logins {
    database: Database<Login>,
    credentials: Vec<Vec<u8>>,
}

impl Logins {
    /// On a copy of the file, with the passkeys of its users.
    pub(crate) async fn start(of: &Path, to: &Path) -> anyhow::Result<Self> {
        let database = Database::copy(of, to).await?;
        let credentials = sqlx::query_scalar("SELECT credential_id FROM passkeys")
            .fetch_all(&database.readers)
            .await?;
        Ok(Self { database, credentials })
    }

    /// Logins a second. The passkeys are shared out among the callers, who take their own in turn: so each user's sessions grow as
    /// they do at the server.
    pub(crate) async fn rate(&self, callers: usize, time: Duration) -> anyhow::Result<f64> {
        let until = Instant::now() + time;
        let own = |number| self.credentials.iter().skip(number).step_by(callers).cloned().collect();
        let callers = (0..callers).map(|number| log_in(self.database.clone(), own(number), until));
        rate(callers).await
    }
}

async fn log_in(
    database: Database<Login>,
    own: Vec<Vec<u8>>,
    until: Instant,
) -> anyhow::Result<u32> {
    let mut calls = 0;
    for id in own.iter().cycle() {
        if Instant::now() >= until {
            break;
        }
        let row = sqlx::query(FIND).bind(id).fetch_one(&database.readers).await?;
        let (passkey_id, user_id) = (row.try_get("passkey_id")?, row.try_get("user_id")?);
        database.write(Login { passkey_id, user_id }).await?;
        calls += 1;
    }
    Ok(calls)
}

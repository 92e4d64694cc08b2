//! A session's columns, and the conditions of a live one.

use uuid::Uuid;

use crate::{
    domain::{AuthMethod, Session, Timestamp},
    store::{Error, Result},
};

/// The columns, under names that differ from a user's.
macro_rules! session_columns {
    () => {
        "sessions.id AS session_id, sessions.user_id, audience, device_name, amr, \
         sessions.created_at AS begun_at, reauthenticated_at, expires_at, last_used_at, address, idle_expires_at, generation, \
         refresh_salt, refresh_request_id, epoch"
    };
}

/// The columns of a new session.
macro_rules! inserted_columns {
    () => {
        "id, user_id, credential_version, audience, device_name, amr, created_at, expires_at, \
         last_used_at, address, idle_expires_at, generation, refresh_salt, epoch, trusted_device_id"
    };
}

/// The session is of its user's epoch, and the account could begin it today: it is enabled, has the credentials that the
/// session began with, and no second factor that it has not used, unless a trusted device spared it that (ADR 54). `users` is the
/// session's row.
macro_rules! account_carries {
    () => {
        concat!(
            super::rules::account_is_as_it_was!("sessions.user_id", "sessions.credential_version"),
            " AND users.session_epoch = sessions.epoch \
             AND (NOT users.is_2fa_enabled OR ' ' || sessions.amr || ' ' LIKE '% mfa %' \
             OR sessions.trusted_device_id IS NOT NULL)"
        )
    };
}

/// Neither revoked nor expired at $2. Whether the user may use it is up to `account_carries`.
macro_rules! session_lives {
    () => {
        "revoked_at IS NULL AND expires_at > $2 AND (idle_expires_at IS NULL OR idle_expires_at > $2)"
    };
}

pub(in crate::store) use {account_carries, inserted_columns, session_columns, session_lives};

/// A row of `session_columns`. Options are NULL in rows written before refresh tokens existed.
#[derive(sqlx::FromRow)]
pub(super) struct SessionRow {
    session_id: Uuid,
    user_id: Uuid,
    audience: String,
    device_name: String,
    amr: String,
    begun_at: Timestamp,
    reauthenticated_at: Option<Timestamp>,
    expires_at: Timestamp,
    last_used_at: Option<Timestamp>,
    address: Option<String>,
    idle_expires_at: Option<Timestamp>,
    generation: i64,
    refresh_salt: Option<Vec<u8>>,
    epoch: i64,
    /// The request that refreshed it last.
    pub(super) refresh_request_id: Option<Uuid>,
}

impl TryFrom<SessionRow> for Session {
    type Error = Error;

    fn try_from(row: SessionRow) -> Result<Self> {
        let salt = row.refresh_salt.map_or(Ok([0; 16]), TryInto::try_into);
        let methods = row.amr.split_whitespace().map(AuthMethod::parse);
        Ok(Self {
            id: row.session_id,
            user_id: row.user_id,
            audience: row.audience,
            device_name: row.device_name,
            methods: methods.collect::<Option<_>>().ok_or(Error::Corrupt("sessions.amr"))?,
            created_at: row.begun_at,
            reauthenticated_at: row.reauthenticated_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at.unwrap_or(row.begun_at),
            address: row.address.and_then(|text| text.parse().ok()),
            idle_expires_at: row.idle_expires_at.unwrap_or(row.expires_at),
            token_number: row.generation,
            refresh_salt: salt.map_err(|_length| Error::Corrupt("sessions.refresh_salt"))?,
            epoch: row.epoch,
        })
    }
}

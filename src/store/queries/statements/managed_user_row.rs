//! A user's row as administrators see it, and the etag that follows from it.

use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::users::{UserRow, json_object};
use crate::{
    domain::{ManagedUser, Timestamp, User},
    store::{Credentials, Error, Result},
};

/// The columns of a [`ManagedUserRow`].
macro_rules! managed_user_columns {
    () => {
        concat!(
            super::users::user_columns!(),
            ", users.metadata, users.last_login_at, users.factor_version, users.deletion_due_at"
        )
    };
}

pub(super) use managed_user_columns;

#[derive(sqlx::FromRow)]
pub(super) struct ManagedUserRow {
    #[sqlx(flatten)]
    user: UserRow,
    metadata: Option<String>,
    last_login_at: Option<Timestamp>,
    factor_version: i64,
    deletion_due_at: Option<Timestamp>,
}

impl TryFrom<ManagedUserRow> for ManagedUser {
    type Error = Error;

    fn try_from(row: ManagedUserRow) -> Result<Self> {
        let credentials: Credentials = row.user.try_into()?;
        let metadata = json_object(row.metadata, "users.metadata")?;
        let is_disabled = credentials.user.disabled_at.is_some();
        let mut managed = Self {
            has_password: !credentials.password_hash.is_empty(),
            user: credentials.user,
            metadata,
            last_login_at: row.last_login_at,
            // A replica of the release before enables an account without calling its deletion off, which then does not count.
            deletion_due_at: row.deletion_due_at.filter(|_| is_disabled),
            etag: String::new(),
        };
        managed.etag = etag(&managed, [credentials.credential_version, row.factor_version]);
        Ok(managed)
    }
}

/// A digest of what administrators see, and of the versions that grow with each change of what they do not. Each part has its length:
/// parts cannot run into one another. A login changes none of them.
fn etag(managed: &ManagedUser, versions: [i64; 2]) -> String {
    let ManagedUser { user, metadata, .. } = managed;
    let User { username, email, roles, claims, disabled_at, .. } = user;
    let disabled_at = disabled_at.map(|at| at.unix_micros().to_string()).unwrap_or_default();
    let flags = [user.email_verified, user.is_2fa_enabled].map(|flag| u8::from(flag).to_string());
    let mut digest = Context::new(&SHA256);
    for part in [username, email, &disabled_at, &claims.to_text(), &metadata.to_text()]
        .into_iter()
        .chain(&flags)
        .chain(&versions.map(|version| version.to_string()))
        .chain(roles)
    {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    // 96 bits: no two states of one user meet by accident.
    URL_SAFE_NO_PAD.encode(&digest.finish().as_ref()[..12])
}

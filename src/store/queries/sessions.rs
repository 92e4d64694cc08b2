//! Sessions.

use async_trait::async_trait;

use super::{Backend, Connection};
use crate::{
    domain::{AuthMethod, Session},
    store::{Result, Sessions},
};

#[async_trait]
impl Sessions for Backend {
    async fn session_create(&self, session: Session, credential_version: i64) -> Result<bool> {
        self.write((session, credential_version), |connection, (session, version)| {
            Box::pin(insert(connection, session, *version))
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
        "INSERT INTO sessions (id, user_id, credential_version, audience, device_name, amr, created_at, expires_at) \
         SELECT $1, id, credential_version, $4, $5, $6, $7, $8 FROM users \
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
    .fetch_optional(connection)
    .await?;
    Ok(begun.is_some())
}

//! A session whose user proves once more who they are (step-up authentication, ADR 52).

use super::{
    Connection, events, guard,
    session_row::{account_carries, session_lives},
    sessions,
};
use crate::{
    domain::{AuthMethod, EventKind, Session},
    store::{FactorChange, Result},
};

/// The session $1 of the user $4, if it lives at $2. Its methods are those of the last proof, so that `acr` and `auth_time` tell of the
/// same one. Its last use stays: the grace of its refresh token counts from there (ADR 48).
const PROVE: &str = concat!(
    "UPDATE sessions SET reauthenticated_at = $2, amr = $3 WHERE id = $1 AND user_id = $4 AND ",
    session_lives!(),
    " AND EXISTS (SELECT 1 FROM users WHERE ",
    account_carries!(),
    ") RETURNING id"
);

/// By the password alone, which is enough where there is no second factor.
pub(in crate::store) async fn by_password(
    connection: &mut Connection,
    change: &FactorChange,
) -> Result<Option<Session>> {
    if guard::take(connection, change).await? != Some(false) {
        return Ok(None);
    }
    prove(connection, change, &[AuthMethod::Password]).await
}

/// By those methods. The caller holds the user's row.
pub(super) async fn prove(
    connection: &mut Connection,
    change: &FactorChange,
    methods: &[AuthMethod],
) -> Result<Option<Session>> {
    let Some(session_id) = change.session_id else { return Ok(None) };
    let proved = sqlx::query(PROVE)
        .bind(session_id)
        .bind(change.now)
        .bind(AuthMethod::words(methods))
        .bind(change.user_id)
        .fetch_optional(&mut *connection)
        .await?;
    if proved.is_none() {
        return Ok(None);
    }
    events::put(connection, &[change.event(EventKind::Reauthenticated)]).await?;
    sessions::find(connection, session_id).await
}

//! Sessions of a user, ended by an administrator.

use uuid::Uuid;

use super::{Backend, Connection, sessions, users};
use crate::{
    domain::EventKind,
    store::{Result, Revoking},
};

/// On behalf of an administrator: one session, or all. Returns how many lived; `None` if there is no such user.
pub(in crate::store) async fn revoke(
    connection: &mut Connection,
    user_id: Uuid,
    session_id: Option<Uuid>,
    at: &Revoking,
) -> Result<Option<usize>> {
    Backend::hold_user(connection, user_id).await?;
    if users::find(connection, user_id).await?.is_none() {
        return Ok(None);
    }
    let Some(session_id) = session_id else {
        // The nil id keeps none.
        return sessions::revoke_others(connection, user_id, Uuid::nil(), at).await.map(Some);
    };
    let lived = sessions::find_live(connection, session_id, at.now).await?.is_some();
    let ended =
        sessions::revoke(connection, session_id, user_id, at, EventKind::SessionRevoked, None)
            .await?;
    Ok(Some(usize::from(lived && ended)))
}

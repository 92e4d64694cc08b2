//! New credentials of a user, by an administrator: a password, or none of the second factor.

use uuid::Uuid;

use super::{Connection, challenges, factors, passkeys, sessions, user_effect::Effect, void_codes};
use crate::{
    domain::{EventKind, ManagedUser},
    store::{FactorChange, Result, UserChangeRequest},
};

/// Sets a password, and revokes all access by the former one: sessions, challenges, known devices and codes of resets.
pub(super) async fn set_password(
    connection: &mut Connection,
    request: &UserChangeRequest,
    password_hash: &str,
) -> Result<Effect> {
    let (id, at) = (request.user_id, &request.at);
    sqlx::query(
        "UPDATE users SET password_hash = $2, password_distrusted_at = NULL, \
         credential_version = credential_version + 1 WHERE id = $1",
    )
    .bind(id)
    .bind(password_hash)
    .execute(&mut *connection)
    .await?;
    challenges::end_all(connection, id, at.now).await?;
    void_codes::of_credentials(connection, id, at.now).await?;
    let mut effect = Effect { kinds: vec![EventKind::PasswordSet], revocations: Vec::new() };
    // The nil id keeps none: all sessions end.
    if let Some((_, revocation)) = sessions::end_epoch(connection, id, Uuid::nil(), at).await? {
        effect.kinds.push(EventKind::SessionsRevoked);
        effect.revocations.push(revocation);
    }
    Ok(effect)
}

/// Turns the second factor off, and forgets the app, the recovery codes and the passkeys. Where it is off, an enrolment and passkeys are left to forget.
pub(super) async fn factors(
    connection: &mut Connection,
    request: &UserChangeRequest,
    before: &ManagedUser,
) -> Result<Effect> {
    let at = &request.at;
    let change = FactorChange {
        user_id: request.user_id,
        // The row is locked: nothing is compared.
        credential_version: 0,
        session_id: None,
        actor: at.actor.clone(),
        address: at.address,
        now: at.now,
        carried_out: None,
    };
    factors::forget(connection, request.user_id).await?;
    let had_passkeys = passkeys::forget(connection, request.user_id).await?;
    if !before.user.is_2fa_enabled && !had_passkeys {
        return Ok(Effect::default());
    }
    // With passkeys alone it is off as before; logins that wait end all the same, and no device is trusted any more.
    factors::turn(connection, &change, false, false).await?;
    Ok(Effect { kinds: vec![EventKind::FactorsReset], revocations: Vec::new() })
}

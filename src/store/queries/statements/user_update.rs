//! New fields of a user, by an administrator.

use uuid::Uuid;

use super::{
    Connection, account_state, claims, sessions, undo_codes, user_address,
    user_effect::{Effect, Refused},
    user_roles, usernames,
    users::column_of,
};
use crate::{
    domain::{ADMIN, EventKind, ManagedUser},
    store::{Changed, Result, UserChangeRequest, UserUpdate},
};

/// Applies the fields that differ, in one transaction.
pub(super) async fn apply(
    connection: &mut Connection,
    request: &UserChangeRequest,
    before: &ManagedUser,
    update: &UserUpdate,
) -> Result<std::result::Result<Effect, Refused>> {
    let mut effect = Effect::default();
    let named = name(connection, before, update).await?;
    let data = data(connection, before, update).await?;
    let address = match address(connection, request, before, update, &mut effect).await? {
        Ok(changed) => changed,
        Err(refused) => return Ok(Err(refused)),
    };
    match named {
        Some(false) => return Ok(Err(Refused(Changed::UsernameTaken))),
        Some(true) => effect.kinds.push(EventKind::UserChanged),
        None if data || address => effect.kinds.push(EventKind::UserChanged),
        None => {}
    }
    let is_narrowed = roles(connection, before, update, &mut effect).await?;
    let is_switched = state(connection, request, before, update, &mut effect).await?;
    // What a role allowed ends at once, and not with the last token that carries it.
    if is_narrowed && !is_switched {
        let ended =
            sessions::end_epoch(connection, request.user_id, Uuid::nil(), &request.at).await?;
        if let Some((_, revocation)) = ended {
            effect.kinds.push(EventKind::SessionsRevoked);
            effect.revocations.push(revocation);
        }
    }
    Ok(Ok(effect))
}

/// Whether the username was free, if it is another one.
async fn name(
    connection: &mut Connection,
    before: &ManagedUser,
    update: &UserUpdate,
) -> Result<Option<bool>> {
    let Some((username, key)) =
        update.username.as_ref().filter(|(name, _)| *name != before.user.username)
    else {
        return Ok(None);
    };
    if usernames::is_taken(connection, key, before.user.id).await? {
        return Ok(Some(false));
    }
    usernames::put(connection, before.user.id, username, key).await?;
    Ok(Some(true))
}

/// Metadata and claims. Returns whether they were changed.
async fn data(
    connection: &mut Connection,
    before: &ManagedUser,
    update: &UserUpdate,
) -> Result<bool> {
    let metadata = update.metadata.as_ref().unwrap_or(&before.metadata);
    let claims = update.claims.as_ref().unwrap_or(&before.user.claims);
    if *metadata == before.metadata && *claims == before.user.claims {
        return Ok(false);
    }
    sqlx::query("UPDATE users SET metadata = $2, claims = $3 WHERE id = $1")
        .bind(before.user.id)
        .bind(column_of(metadata))
        .bind(column_of(claims))
        .execute(connection)
        .await?;
    Ok(true)
}

/// The address and whether it is verified. Returns whether anything was changed.
async fn address(
    connection: &mut Connection,
    request: &UserChangeRequest,
    before: &ManagedUser,
    update: &UserUpdate,
    effect: &mut Effect,
) -> Result<std::result::Result<bool, Refused>> {
    let (id, mut is_verified, mut changed) = (before.user.id, before.user.email_verified, false);
    if let Some(email) = update.email.as_ref().filter(|email| email.text != before.user.email) {
        changed = true;
        match user_address::replace(connection, id, email, &request.at).await? {
            user_address::Replaced::Spelling => {}
            user_address::Replaced::Address => {
                is_verified = false;
                // The administrator decides: none of the addresses before comes back by a code.
                undo_codes::forget(connection, id).await?;
            }
            user_address::Replaced::Taken => return Ok(Err(Refused(Changed::EmailTaken))),
        }
    }
    match update.email_verified {
        Some(true) if !is_verified => {
            let Some(ended) =
                claims::prove(connection, id, &request.at, claims::Prover::Administrator).await?
            else {
                return Ok(Err(Refused(Changed::EmailTaken)));
            };
            effect.revocations.extend(ended);
            changed = true;
        }
        Some(false) if is_verified => {
            sqlx::query("UPDATE users SET email_verified = $2 WHERE id = $1")
                .bind(id)
                .bind(false)
                .execute(connection)
                .await?;
            changed = true;
        }
        Some(_) | None => {}
    }
    Ok(Ok(changed))
}

/// Returns whether a role was taken away.
async fn roles(
    connection: &mut Connection,
    before: &ManagedUser,
    update: &UserUpdate,
    effect: &mut Effect,
) -> Result<bool> {
    let Some(roles) = update.roles.as_ref().filter(|roles| **roles != before.user.roles) else {
        return Ok(false);
    };
    user_roles::replace(connection, &before.user, roles).await?;
    if roles.iter().any(|role| role == ADMIN) {
        // An account that is looked after does not expire because its address was never verified.
        sqlx::query("UPDATE users SET verify_by = NULL WHERE id = $1")
            .bind(before.user.id)
            .execute(connection)
            .await?;
    }
    effect.kinds.push(EventKind::RolesChanged);
    Ok(before.user.roles.iter().any(|role| !roles.contains(role)))
}

/// Disables or enables the account. Returns whether it was the other before.
async fn state(
    connection: &mut Connection,
    request: &UserChangeRequest,
    before: &ManagedUser,
    update: &UserUpdate,
    effect: &mut Effect,
) -> Result<bool> {
    let was_disabled = before.user.disabled_at.is_some();
    let Some(disables) = update.disabled.filter(|disables| *disables != was_disabled) else {
        return Ok(false);
    };
    let (id, at) = (before.user.id, &request.at);
    effect.revocations.extend(account_state::switch(connection, id, disables, at).await?);
    effect.kinds.push(if disables { EventKind::UserDisabled } else { EventKind::UserEnabled });
    Ok(true)
}

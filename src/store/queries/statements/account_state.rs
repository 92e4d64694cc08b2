//! Disabling, enabling and deleting accounts. Each writes a few rows, however many the account has.

use uuid::Uuid;

use super::{
    Connection, administrators, challenges, events, guard, outbox, passkeys, retries, revocations,
    rules::account_is_as_it_was, sessions, trusted_devices, undo_codes, user_roles, void_codes,
};
use crate::{
    domain::{Event, EventKind, Revocation, Revoked},
    store::{Deletion, FactorChange, Result, Revoking, SealedMessage},
};

/// The new credential version voids all that was begun before: resets, known devices, and sessions on a replica of a
/// release without epochs.
const DISABLE: &str = "UPDATE users SET disabled_at = $2, credential_version = credential_version + 1, \
    deletion_due_at = NULL, deletion_code_mac = NULL WHERE id = $1 AND disabled_at IS NULL RETURNING id";

/// It calls a deletion off that its user has asked for.
const ENABLE: &str = "UPDATE users SET disabled_at = NULL, deletion_due_at = NULL, deletion_code_mac = NULL \
    WHERE id = $1 AND disabled_at IS NOT NULL AND deleted_at IS NULL RETURNING id";

/// Erases all personal data in the row of $1, at $2: $3 is a key that can't be registered, neither as a name nor as an
/// address.
macro_rules! erase {
    () => {
        "UPDATE users SET username = '', username_key = $3, email = '', email_key = $3, claimed_email_key = NULL, \
         email_verified = $4, password_hash = '', roles = '', request_id = NULL, verify_by = NULL, metadata = NULL, \
         claims = NULL, last_login_at = NULL, new_devices = 0, new_devices_since = NULL, disabled_at = $2, deleted_at = $2, \
         deletion_due_at = NULL, deletion_code_mac = NULL, passkey_handle = NULL, password_distrusted_at = NULL, \
         credential_version = credential_version + 1, \
         session_epoch = session_epoch + 1, factor_version = factor_version + 1 WHERE "
    };
}

const DELETE: &str = concat!(erase!(), account_is_as_it_was!("$1", "$5"), " RETURNING id");

const END: &str = concat!(erase!(), "id = $1 AND deleted_at IS NULL");

/// Never an administrator's: whoever has the mailbox would take the last one away. By the row itself, which may just have got the role
/// (race).
const END_UNVERIFIED: &str = concat!(
    erase!(),
    "id = $1 AND NOT email_verified AND deleted_at IS NULL AND ' ' || roles || ' ' NOT LIKE '% admin %' RETURNING id"
);

/// Only what is still due once the row is locked: of the janitor and whoever undoes the deletion, one wins (race).
const END_DUE: &str = concat!(
    erase!(),
    "id = $1 AND deletion_due_at <= $2 AND disabled_at IS NOT NULL AND deleted_at IS NULL RETURNING id"
);

pub(in crate::store) async fn disable(
    connection: &mut Connection,
    id: Uuid,
    at: &Revoking,
) -> Result<bool> {
    let disabled = sqlx::query(DISABLE).bind(id).bind(at.now).fetch_optional(&mut *connection);
    if disabled.await?.is_none() {
        return Ok(false);
    }
    end_all(connection, id, at, EventKind::UserDisabled).await?;
    Ok(true)
}

/// An account that was disabled by hand, in SQL, has ended nothing: its sessions would be live again.
pub(in crate::store) async fn enable(
    connection: &mut Connection,
    id: Uuid,
    at: &Revoking,
) -> Result<bool> {
    let enabled = sqlx::query(ENABLE).bind(id).fetch_optional(&mut *connection).await?;
    if enabled.is_none() {
        return Ok(false);
    }
    end_all(connection, id, at, EventKind::UserEnabled).await?;
    Ok(true)
}

/// Disables or enables an account that is the other, whose row is locked. Returns the revocations, for the end of the transaction.
pub(super) async fn switch(
    connection: &mut Connection,
    id: Uuid,
    disables: bool,
    at: &Revoking,
) -> Result<Option<Revocation>> {
    if disables {
        sqlx::query(DISABLE).bind(id).bind(at.now).execute(&mut *connection).await?;
    } else {
        sqlx::query(ENABLE).bind(id).execute(&mut *connection).await?;
    }
    void_access(connection, id, at).await
}

/// Voids all access to the account but its password. Returns the revocation, for the end of the transaction.
pub(super) async fn void_access(
    connection: &mut Connection,
    id: Uuid,
    at: &Revoking,
) -> Result<Option<Revocation>> {
    challenges::end_all(connection, id, at.now).await?;
    void_codes::of_credentials(connection, id, at.now).await?;
    let ended = sessions::end_epoch(connection, id, Uuid::nil(), at).await?;
    Ok(ended.map(|(_, revocation)| revocation))
}

/// Voids all access to the account but its password, and records why. No session asked for it.
async fn end_all(
    connection: &mut Connection,
    id: Uuid,
    at: &Revoking,
    why: EventKind,
) -> Result<()> {
    let revocation: Vec<_> = void_access(connection, id, at).await?.into_iter().collect();
    events::put(
        connection,
        &[Event::of(why, Some(id), None, at.actor.clone(), at.address, at.now)],
    )
    .await?;
    revocations::append(connection, &revocation).await
}

/// The janitor deletes the row, and what refers to it, in batches. Mailbox codes stay until they expire: their holder must
/// not learn that the user is gone (user enumeration).
pub(in crate::store) async fn delete(
    connection: &mut Connection,
    change: &FactorChange,
    at: &Revoking,
    message: &SealedMessage,
) -> Result<Deletion> {
    let (id, credential_version) = (change.user_id, change.credential_version);
    if let Some(refused) = refusal(connection, change).await? {
        return Ok(refused);
    }
    let deleted = sqlx::query(DELETE)
        .bind(id)
        .bind(at.now)
        .bind(key_of_deleted(id))
        .bind(false)
        .bind(credential_version)
        .fetch_optional(&mut *connection)
        .await?;
    if deleted.is_none() {
        return Ok(Deletion::Unauthorised);
    }
    forget(connection, id, at).await?;
    retries::note(connection, at.carried_out.as_ref()).await?;
    events::put(connection, &[change.event(EventKind::UserDeleted)]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    revocations::append(connection, &[revocation(id, at)]).await?;
    Ok(Deletion::Done)
}

/// Why a user may not delete the account, if they may not. It holds the user's row.
pub(super) async fn refusal(
    connection: &mut Connection,
    change: &FactorChange,
) -> Result<Option<Deletion>> {
    let id = change.user_id;
    let is_guarded = administrators::take_turn_for(connection, id).await?;
    if guard::take(connection, change).await?.is_none() {
        return Ok(Some(Deletion::Unauthorised));
    }
    // The role may have been given since.
    let is_one = is_guarded || administrators::take_turn_for(connection, id).await?;
    let is_last = is_one && !administrators::is_any_but(connection, id).await?;
    Ok(is_last.then_some(Deletion::LastAdministrator))
}

/// Deletes an account, whose row is locked, whatever its state. Returns the revocation, for the end of the transaction.
pub(super) async fn end(
    connection: &mut Connection,
    id: Uuid,
    at: &Revoking,
) -> Result<Revocation> {
    sqlx::query(END)
        .bind(id)
        .bind(at.now)
        .bind(key_of_deleted(id))
        .bind(false)
        .execute(&mut *connection)
        .await?;
    forget(connection, id, at).await?;
    Ok(revocation(id, at))
}

/// Deletes accounts with an unverified address, as [`delete`] does, but without a message to the mailbox, which may be a
/// stranger's. Returns the revocations, for the end of the transaction.
pub(super) async fn end_unverified(
    connection: &mut Connection,
    ids: &[Uuid],
    at: &Revoking,
) -> Result<Vec<Revocation>> {
    end_each(connection, END_UNVERIFIED, ids, at).await
}

/// Deletes accounts for good whose users have asked for it, and have not undone it in time. Returns the revocations, for the end of the
/// transaction.
pub(super) async fn end_due(
    connection: &mut Connection,
    ids: &[Uuid],
    at: &Revoking,
) -> Result<Vec<Revocation>> {
    end_each(connection, END_DUE, ids, at).await
}

/// `end` has a condition of its own, which may hold no more since the ids were read.
async fn end_each(
    connection: &mut Connection,
    end: &'static str,
    ids: &[Uuid],
    at: &Revoking,
) -> Result<Vec<Revocation>> {
    let (mut events, mut revocations) = (Vec::new(), Vec::new());
    for id in ids {
        let ended = sqlx::query(end)
            .bind(id)
            .bind(at.now)
            .bind(key_of_deleted(*id))
            .bind(false)
            .fetch_optional(&mut *connection)
            .await?;
        if ended.is_some() {
            forget(connection, *id, at).await?;
            let (kind, user) = (EventKind::UserDeleted, Some(*id));
            events.push(Event::of(kind, user, None, at.actor.clone(), at.address, at.now));
            revocations.push(revocation(*id, at));
        }
    }
    events::put(connection, &events).await?;
    Ok(revocations)
}

/// What is personal in other rows, or would keep somebody else from what the account had: its passkeys can be registered anew. The rest
/// the janitor removes, with the account's row.
async fn forget(connection: &mut Connection, id: Uuid, at: &Revoking) -> Result<()> {
    user_roles::remove(connection, id).await?;
    void_codes::of_user(connection, id, at.now).await?;
    undo_codes::forget(connection, id).await?;
    trusted_devices::forget(connection, id).await?;
    passkeys::forget(connection, id).await?;
    Ok(())
}

/// No name and no address has a space.
fn key_of_deleted(id: Uuid) -> String {
    format!("deleted user {id}")
}

/// The id is never reused, so void tokens of concurrent logins, too.
fn revocation(id: Uuid, at: &Revoking) -> Revocation {
    let (not_before, expires_at) = (at.tokens_expire_at, at.tokens_expire_at);
    Revocation { subject: Revoked::User(id), not_before, expires_at }
}

//! Accounts that are disabled, enabled and deleted. Each is a few rows, however much the account has piled up.

use uuid::Uuid;

use super::{
    Connection, challenges, events, guard, outbox, revocations, rules::account_is_as_it_was,
    sessions, void_codes,
};
use crate::{
    domain::{CodePurpose, Event, EventKind, Revocation, Revoked},
    store::{FactorChange, Result, Revoking, SealedMessage},
};

/// With another version of the credentials nothing completes that was begun before: no reset, and no session on a replica of
/// a release that knows no epochs. Devices that were known are so no longer.
const DISABLE: &str = "UPDATE users SET disabled_at = $2, credential_version = credential_version + 1 \
    WHERE id = $1 AND disabled_at IS NULL RETURNING id";

const ENABLE: &str = "UPDATE users SET disabled_at = NULL \
    WHERE id = $1 AND disabled_at IS NOT NULL AND deleted_at IS NULL RETURNING id";

/// Overwrites all that is personal in the row of $1, at $2: $3 is a key that nobody can register, neither as a name nor as an
/// address.
macro_rules! erase {
    () => {
        "UPDATE users SET username = '', username_key = $3, email = '', email_key = $3, claimed_email_key = NULL, \
         email_verified = $4, password_hash = '', roles = '', request_id = NULL, verify_by = NULL, \
         disabled_at = $2, deleted_at = $2, credential_version = credential_version + 1, \
         session_epoch = session_epoch + 1, factor_version = factor_version + 1 WHERE "
    };
}

const DELETE: &str = concat!(erase!(), account_is_as_it_was!("$1", "$5"), " RETURNING id");

const END_UNVERIFIED: &str =
    concat!(erase!(), "id = $1 AND NOT email_verified AND deleted_at IS NULL RETURNING id");

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

/// Whoever disabled the account with a statement of their own has ended nothing: its sessions would live again.
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

/// Ends whatever gets into the account but its password, and records why. No session asked for it.
async fn end_all(
    connection: &mut Connection,
    id: Uuid,
    at: &Revoking,
    why: EventKind,
) -> Result<()> {
    challenges::end_all(connection, id, at.now).await?;
    void_codes::of_purpose(connection, id, CodePurpose::ResetPassword, at.now).await?;
    let ended = sessions::end_epoch(connection, id, Uuid::nil(), at).await?;
    events::put(connection, &[Event::of(why, Some(id), None, at.actor, at.address, at.now)])
        .await?;
    let revocation: Vec<_> = ended.into_iter().map(|(_, revocation)| revocation).collect();
    revocations::append(connection, &revocation).await
}

/// The janitor removes the row, and what refers to it, a few at a time. Mailbox codes stay until they expire: whoever holds
/// one can't tell that its user is gone.
pub(in crate::store) async fn delete(
    connection: &mut Connection,
    change: &FactorChange,
    at: &Revoking,
    message: &SealedMessage,
) -> Result<bool> {
    if guard::take(connection, change).await?.is_none() {
        return Ok(false);
    }
    let (id, credential_version) = (change.user_id, change.credential_version);
    let deleted = sqlx::query(DELETE)
        .bind(id)
        .bind(at.now)
        .bind(key_of_deleted(id))
        .bind(false)
        .bind(credential_version)
        .fetch_optional(&mut *connection)
        .await?;
    if deleted.is_none() {
        return Ok(false);
    }
    events::put(connection, &[change.event(EventKind::UserDeleted)]).await?;
    void_codes::of_user(connection, id, at.now).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    revocations::append(connection, &[revocation(id, at)]).await?;
    Ok(true)
}

/// Ends those of the accounts whose address nobody has verified, as [`delete`] does, but without a word to the mailbox: it may
/// be anybody's. Gives the revocations, for the end of the transaction.
pub(super) async fn end_unverified(
    connection: &mut Connection,
    ids: &[Uuid],
    at: &Revoking,
) -> Result<Vec<Revocation>> {
    let (mut events, mut revocations) = (Vec::new(), Vec::new());
    for id in ids {
        // The address may have been verified since somebody last looked.
        let ended = sqlx::query(END_UNVERIFIED)
            .bind(id)
            .bind(at.now)
            .bind(key_of_deleted(*id))
            .bind(false)
            .fetch_optional(&mut *connection)
            .await?;
        if ended.is_some() {
            void_codes::of_user(connection, *id, at.now).await?;
            let (kind, user) = (EventKind::UserDeleted, Some(*id));
            events.push(Event::of(kind, user, None, at.actor, at.address, at.now));
            revocations.push(revocation(*id, at));
        }
    }
    events::put(connection, &events).await?;
    Ok(revocations)
}

/// There are spaces in no name and no address.
fn key_of_deleted(id: Uuid) -> String {
    format!("deleted user {id}")
}

/// Nobody will ever have this id again, so tokens of logins that came at the same moment are void, too.
fn revocation(id: Uuid, at: &Revoking) -> Revocation {
    let (not_before, expires_at) = (at.tokens_expire_at, at.tokens_expire_at);
    Revocation { subject: Revoked::User(id), not_before, expires_at }
}

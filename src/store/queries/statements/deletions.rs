//! Deletions by users that can be undone for a while (ADR 57). Such an account is disabled, so no statement elsewhere asks for more.

use uuid::Uuid;

use super::{
    Connection, account_state, events, outbox, passkeys, passwords, retries, revocations,
    rules::account_is_as_it_was,
};
use crate::{
    domain::{Event, EventKind, Timestamp},
    store::{
        Deletion, DeletionUndoing, FactorChange, PendingDeletion, Result, Revoking, SealedMessage,
    },
};

/// The new credential version voids all that was begun before, as by disabling.
const REQUEST: &str = concat!(
    "UPDATE users SET disabled_at = $2, deletion_due_at = $3, deletion_code_mac = $4, \
     credential_version = credential_version + 1 WHERE ",
    account_is_as_it_was!("$1", "$5"),
    " RETURNING id"
);

/// The code counts until the account is due, whether the janitor has come or not. An account that is disabled and not to be deleted, or
/// not disabled at all, has no code.
macro_rules! undoable {
    () => {
        "deletion_code_mac = $1 AND deletion_due_at > $2 AND disabled_at IS NOT NULL AND deleted_at IS NULL"
    };
}

const FIND: &str = concat!("SELECT id FROM users WHERE ", undoable!());

macro_rules! call_off {
    () => {
        "UPDATE users SET disabled_at = NULL, deletion_due_at = NULL, deletion_code_mac = NULL WHERE "
    };
}

const UNDO: &str =
    concat!(call_off!(), undoable!(), " AND id = $3 AND credential_version = $4 RETURNING id");

/// Not what an administrator has disabled: that has no date.
const CALL_OFF: &str = concat!(
    call_off!(),
    "id = $1 AND deletion_due_at > $2 AND disabled_at IS NOT NULL AND deleted_at IS NULL RETURNING id"
);

pub(in crate::store) async fn request(
    connection: &mut Connection,
    change: &FactorChange,
    pending: &PendingDeletion,
    message: &SealedMessage,
) -> Result<Deletion> {
    if let Some(refused) = account_state::refusal(connection, change).await? {
        return Ok(refused);
    }
    let requested = sqlx::query(REQUEST)
        .bind(change.user_id)
        .bind(change.now)
        .bind(pending.due_at)
        .bind(pending.code_mac.as_slice())
        .bind(change.credential_version)
        .fetch_optional(&mut *connection)
        .await?;
    if requested.is_none() {
        return Ok(Deletion::Unauthorised);
    }
    let at = change.revoking(pending.tokens_expire_at);
    let revocation = account_state::void_access(connection, change.user_id, &at).await?;
    retries::note(connection, change.carried_out.as_ref()).await?;
    events::put(connection, &[change.event(EventKind::DeletionRequested)]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    let revocation: Vec<_> = revocation.into_iter().collect();
    revocations::append(connection, &revocation).await?;
    Ok(Deletion::Done)
}

pub(in crate::store) async fn find(
    connection: &mut Connection,
    code_mac: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Uuid>> {
    let found = sqlx::query_scalar(FIND).bind(code_mac.as_slice()).bind(now);
    Ok(found.fetch_optional(connection).await?)
}

pub(in crate::store) async fn undo(
    connection: &mut Connection,
    undoing: &DeletionUndoing,
    message: &SealedMessage,
) -> Result<bool> {
    let DeletionUndoing { code_mac, user_id, credential_version, at } = undoing;
    let undone = sqlx::query(UNDO)
        .bind(code_mac.as_slice())
        .bind(at.now)
        .bind(user_id)
        .bind(credential_version)
        .fetch_optional(&mut *connection)
        .await?;
    if undone.is_none() {
        return Ok(false);
    }
    // Whoever deleted the account may have added one, and would be in again by it (ADR 57).
    passkeys::forget(connection, *user_id).await?;
    passwords::distrust(connection, *user_id, at.now).await?;
    retries::note(connection, at.carried_out.as_ref()).await?;
    events::put(connection, &[undone_event(*user_id, at)]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    Ok(true)
}

/// Enables a user, whose row is locked, if the account is to be deleted later. Returns whether it was.
pub(super) async fn call_off(
    connection: &mut Connection,
    user_id: Uuid,
    at: &Revoking,
) -> Result<bool> {
    let called_off = sqlx::query(CALL_OFF).bind(user_id).bind(at.now).fetch_optional(connection);
    Ok(called_off.await?.is_some())
}

/// No session asked for it.
pub(super) fn undone_event(user_id: Uuid, at: &Revoking) -> Event {
    let (kind, actor) = (EventKind::DeletionUndone, at.actor.clone());
    Event::of(kind, Some(user_id), None, actor, at.address, at.now)
}

pub(in crate::store) async fn end(
    connection: &mut Connection,
    at: &Revoking,
    most: u32,
) -> Result<u64> {
    let due: Vec<Uuid> = sqlx::query_scalar(
        "SELECT id FROM users WHERE deletion_due_at <= $1 AND disabled_at IS NOT NULL ORDER BY deletion_due_at LIMIT $2",
    )
    .bind(at.now)
    .bind(i64::from(most))
    .fetch_all(&mut *connection)
    .await?;
    let ended = account_state::end_due(connection, &due, at).await?;
    revocations::append(connection, &ended).await?;
    Ok(u64::try_from(ended.len()).unwrap_or(u64::MAX))
}

//! Ownership of addresses: it takes proof of access to the mailbox (ADR 16). Until one account has that, any number of
//! accounts may claim the address; one of them has its key, by which logins find it, and the others have keys that no
//! address has.

use sqlx::Connection as _;
use uuid::Uuid;

use super::{
    Backend, Connection, account_state, events, mailbox, retries, revocations, void_codes,
};
use crate::{
    domain::{CodePurpose, Event, EventKind, Revocation},
    store::{FactorChange, MailboxProof, Result, Revoking},
};

/// The most accounts that one proof of a mailbox deletes. Registrations of an address are rate-limited by the hour, so more
/// exist only after long flooding; the rest can't verify the address any more, and expire in their own time.
const MOST_RIVALS: i64 = 500;

/// Whether any account has the address's key or claims it.
pub(super) async fn is_claimed(connection: &mut Connection, email_key: &str) -> Result<bool> {
    let found: Option<Uuid> = sqlx::query_scalar(
        "SELECT id FROM users WHERE email_key = $1 OR claimed_email_key = $1 LIMIT 1",
    )
    .bind(email_key)
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

pub(super) async fn is_verified(connection: &mut Connection, email_key: &str) -> Result<bool> {
    let found: Option<Uuid> =
        sqlx::query_scalar("SELECT id FROM users WHERE email_key = $1 AND email_verified")
            .bind(email_key)
            .fetch_optional(connection)
            .await?;
    Ok(found.is_some())
}

/// Locks one row of those that claim the address until the transaction ends: that of the key's holder, or else the oldest.
/// So rivals are serialised (race); otherwise each would lock its own row and wait for the others' (deadlock). The update
/// changes nothing: it is a row lock in both databases.
pub(super) async fn take_turn(connection: &mut Connection, email_key: &str) -> Result<()> {
    sqlx::query(
        "UPDATE users SET email_verified = email_verified WHERE id = \
         (SELECT id FROM users WHERE email_key = $1 OR claimed_email_key = $1 \
         ORDER BY claimed_email_key IS NOT NULL, id LIMIT 1)",
    )
    .bind(email_key)
    .execute(connection)
    .await?;
    Ok(())
}

/// Who vouches for the address of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prover {
    /// A caller with access to the mailbox; not for a disabled account.
    Mailbox,
    /// An administrator.
    Administrator,
}

/// The key of a user's address, which the user has or claims.
pub(super) async fn key_of(connection: &mut Connection, user_id: Uuid) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("SELECT COALESCE(claimed_email_key, email_key) FROM users WHERE id = $1")
        .bind(user_id)
        .fetch_optional(connection)
        .await?)
}

/// Gives the address to a user who has proved access to its mailbox: marks it as verified, and deletes the other accounts
/// that claim it. Returns their revocations, for the end of the transaction; `None` if the user is deleted or disabled, or
/// another one has verified the address before.
pub(super) async fn prove(
    connection: &mut Connection,
    user_id: Uuid,
    at: &Revoking,
    prover: Prover,
) -> Result<Option<Vec<Revocation>>> {
    let Some(email_key) = key_of(connection, user_id).await? else {
        return Ok(None);
    };
    take_turn(connection, &email_key).await?;
    if !verify(connection, user_id, &email_key, prover).await? {
        return Ok(None);
    }
    void_codes::of_purpose(connection, user_id, CodePurpose::VerifyEmail, at.now).await?;
    let rivals = rivals(connection, user_id, &email_key).await?;
    let ended = account_state::end_unverified(connection, &rivals, at).await?;
    take_key(connection, user_id).await?;
    Ok(Some(ended))
}

/// A mailed login code proves access to the mailbox, too. Recorded if that is new.
pub(super) async fn prove_by_login(
    connection: &mut Connection,
    change: &FactorChange,
    at: &Revoking,
) -> Result<Vec<Revocation>> {
    let unproven: Option<Uuid> =
        sqlx::query_scalar("SELECT id FROM users WHERE id = $1 AND NOT email_verified")
            .bind(change.user_id)
            .fetch_optional(&mut *connection)
            .await?;
    let Some(user_id) = unproven else { return Ok(Vec::new()) };
    // If another account has verified the address meanwhile, it stays unverified here: the login succeeds all the same.
    let Some(ended) = prove(connection, user_id, at, Prover::Mailbox).await? else {
        return Ok(Vec::new());
    };
    events::put(connection, &[change.event(EventKind::EmailVerified)]).await?;
    Ok(ended)
}

async fn verify(
    connection: &mut Connection,
    user_id: Uuid,
    email_key: &str,
    prover: Prover,
) -> Result<bool> {
    let verified = sqlx::query(
        "UPDATE users SET email_verified = $3, verify_by = NULL WHERE id = $1 AND (disabled_at IS NULL OR $4) \
         AND NOT EXISTS (SELECT 1 FROM users AS holder \
         WHERE holder.email_key = $2 AND holder.id <> $1 \
         AND (holder.email_verified OR ' ' || holder.roles || ' ' LIKE '% admin %')) RETURNING id",
    )
    .bind(user_id)
    .bind(email_key)
    .bind(true)
    .bind(prover == Prover::Administrator)
    .fetch_optional(connection)
    .await?;
    Ok(verified.is_some())
}

/// Rival claims to the address, the key's holder first: that one must go.
async fn rivals(connection: &mut Connection, user_id: Uuid, email_key: &str) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "SELECT id FROM users WHERE (email_key = $2 OR claimed_email_key = $2) AND id <> $1 \
         AND NOT email_verified ORDER BY claimed_email_key IS NOT NULL, id LIMIT $3",
    )
    .bind(user_id)
    .bind(email_key)
    .bind(MOST_RIVALS)
    .fetch_all(connection)
    .await?)
}

async fn take_key(connection: &mut Connection, user_id: Uuid) -> Result<()> {
    sqlx::query(
        "UPDATE users SET email_key = claimed_email_key, claimed_email_key = NULL \
         WHERE id = $1 AND claimed_email_key IS NOT NULL",
    )
    .bind(user_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes an account by proof of the mailbox, even if its password has changed since the code was sent: an intruder could
/// change that again and again.
pub(in crate::store) async fn end(
    connection: &mut Connection,
    proof: &MailboxProof,
) -> Result<bool> {
    let MailboxProof { code_id, user_id, at } = proof;
    // An administrator who gives the account another address voids the code: whichever is first, the other sees it (race).
    Backend::hold_user(connection, *user_id).await?;
    if !mailbox::is_for(connection, *code_id, *user_id).await? {
        return Ok(false);
    }
    let ended = account_state::end_unverified(connection, &[*user_id], at).await?;
    if ended.is_empty() {
        return Ok(false);
    }
    mailbox::consume(connection, *code_id, at.now).await?;
    retries::note(connection, at.carried_out.as_ref()).await?;
    revocations::append(connection, &ended).await?;
    Ok(true)
}

/// Deletes some of the accounts whose deadline to verify the address is over. Returns how many.
pub(in crate::store) async fn expire(
    connection: &mut Connection,
    at: &Revoking,
    most: u32,
) -> Result<u64> {
    let overdue: Vec<Uuid> = sqlx::query_scalar(
        "SELECT id FROM users WHERE verify_by < $1 AND NOT email_verified ORDER BY verify_by LIMIT $2",
    )
    .bind(at.now)
    .bind(i64::from(most))
    .fetch_all(&mut *connection)
    .await?;
    let ended = account_state::end_unverified(connection, &overdue, at).await?;
    revocations::append(connection, &ended).await?;
    Ok(u64::try_from(ended.len()).unwrap_or(u64::MAX))
}

pub(in crate::store) async fn verify_email(
    connection: &mut Connection,
    proof: &MailboxProof,
) -> Result<bool> {
    let MailboxProof { code_id, user_id, at } = proof;
    if !mailbox::is_for(connection, *code_id, *user_id).await? {
        return Ok(false);
    }
    // Locks the user before the code, in the order of a reset: the other order could deadlock. In a savepoint: if the code turns out to be
    // void, it was sent to an address that the account has no more, or its use has verified the address already.
    let mut savepoint = connection.begin().await?;
    let proven = prove(&mut savepoint, *user_id, at, Prover::Mailbox).await?;
    let Some(ended) = proven else {
        savepoint.rollback().await?;
        return Ok(false);
    };
    if !mailbox::consume(&mut savepoint, *code_id, at.now).await? {
        savepoint.rollback().await?;
        return Ok(false);
    }
    savepoint.commit().await?;
    let (kind, user) = (EventKind::EmailVerified, Some(*user_id));
    let event = Event::of(kind, user, None, at.actor.clone(), at.address, at.now);
    events::put(connection, &[event]).await?;
    revocations::append(connection, &ended).await?;
    Ok(true)
}

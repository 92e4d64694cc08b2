//! Password reset by a mailbox code: consumes the code, and revokes all access of an intruder.

use sqlx::Connection as _;
use uuid::Uuid;

use super::{
    Connection, challenges, claims, completion, events, guard, mailbox, outbox, passkeys,
    passwords, retries, revocations, sessions, totp, void_codes,
};
use crate::{
    domain::EventKind,
    store::{FactorChange, PasswordReset, Result, SealedMessage},
};

pub(in crate::store) async fn complete(
    connection: &mut Connection,
    reset: &PasswordReset,
    message: &SealedMessage,
) -> Result<bool> {
    let change = FactorChange {
        user_id: reset.user_id,
        credential_version: reset.credential_version,
        session_id: None,
        actor: reset.at.actor.clone(),
        address: reset.at.address,
        now: reset.at.now,
        carried_out: None,
    };
    let held = guard::hold(connection, change.user_id, change.credential_version).await?;
    let Some(is_2fa_enabled) = held else { return Ok(false) };
    if !set_password(connection, reset, &change, is_2fa_enabled).await? {
        return Ok(false);
    }
    mailbox::consume(connection, reset.code_id, change.now).await?;
    retries::note(connection, reset.at.carried_out.as_ref()).await?;
    // An app that has not been shown may be an intruder's: a squatter would own the address for good.
    let whole = !is_2fa_enabled || reset.recovery_code.is_some();
    let proven = if whole {
        passkeys::forget_unproven(connection, change.user_id).await?;
        claims::prove(connection, change.user_id, &reset.at, claims::Prover::Mailbox).await?
    } else {
        None
    };
    challenges::end_all(connection, change.user_id, change.now).await?;
    void_codes::of_credentials(connection, change.user_id, change.now).await?;
    events::put(connection, &[change.event(EventKind::PasswordReset)]).await?;
    // The nil id keeps none: all sessions end.
    sessions::revoke_others(connection, change.user_id, Uuid::nil(), &reset.at).await?;
    revocations::append(connection, &proven.unwrap_or_default()).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    Ok(true)
}

/// Of concurrent callers with the right code, and of several codes, one passes: it changes the version that they were sent
/// for (race). The other codes stay, so that guesses at one do not reveal the reset.
async fn set_password(
    connection: &mut Connection,
    reset: &PasswordReset,
    change: &FactorChange,
    is_2fa_enabled: bool,
) -> Result<bool> {
    // A savepoint: no password is set without the required recovery code, and no such code is lost to a reset that fails.
    let mut savepoint = connection.begin().await?;
    let (user_id, version) = (change.user_id, change.credential_version);
    let whole = passwords::set_hash(&mut savepoint, user_id, version, &reset.password_hash).await?
        && has_other_factor(&mut savepoint, reset, change, is_2fa_enabled).await?;
    if whole {
        savepoint.commit().await?;
    } else {
        savepoint.rollback().await?;
    }
    Ok(whole)
}

/// The second factor may have been turned on, or the app removed, since the last read.
async fn has_other_factor(
    connection: &mut Connection,
    reset: &PasswordReset,
    change: &FactorChange,
    is_2fa_enabled: bool,
) -> Result<bool> {
    match &reset.recovery_code {
        Some(code) => completion::spend_recovery_code(connection, change, code).await,
        None => Ok(!is_2fa_enabled || totp::has_app(connection, change.user_id).await?),
    }
}

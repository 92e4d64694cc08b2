//! Authenticator apps: enrolment, confirmation, and the single use of each step (replay).

use uuid::Uuid;

use super::{
    Connection, events, factors, guard, outbox, retries,
    rules::{open_enrolment, reserve_an_attempt},
};
use crate::{
    domain::{EventKind, MOST_STEPS_AHEAD},
    store::{
        ConfirmTotp, FactorChange, NewTotp, Reservation, Result, SealedMessage, SealedTotp,
        column::count,
    },
};

pub(in crate::store) async fn begin(connection: &mut Connection, new: &NewTotp) -> Result<bool> {
    if guard::take(connection, &new.change).await?.is_none()
        || !retries::note(connection, new.change.carried_out.as_ref()).await?
    {
        return Ok(false);
    }
    // One enrolment at a time: a new one replaces the first.
    sqlx::query("DELETE FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NULL")
        .bind(new.change.user_id)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO totp_factors \
         (id, user_id, credential_version, sealed_secret, last_step, attempts, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, 0, 0, $5, $6)",
    )
    .bind(new.sealed.id)
    .bind(new.change.user_id)
    .bind(new.change.credential_version)
    .bind(&new.sealed.sealed_secret)
    .bind(new.change.now)
    .bind(new.expires_at)
    .execute(connection)
    .await?;
    Ok(true)
}

pub(in crate::store) async fn reserve(
    connection: &mut Connection,
    id: Uuid,
    change: &FactorChange,
    max_attempts: u32,
) -> Result<Reservation<SealedTotp>> {
    // Before the user's row is locked: of a burst, late callers do not queue for it.
    match open_attempts(connection, id, change).await? {
        None => return Ok(Reservation::Invalid),
        Some(attempts) if attempts >= count(max_attempts) => return Ok(Reservation::Exhausted),
        Some(_) => {}
    }
    if guard::take(connection, change).await?.is_none() {
        return Ok(Reservation::Invalid);
    }
    let sealed: Option<Vec<u8>> = sqlx::query_scalar(concat!(
        reserve_an_attempt!(
            "totp_factors",
            open_enrolment!("$1", "$2", "$3"),
            now: "$4",
            most: "$5"
        ),
        " RETURNING sealed_secret",
    ))
    .bind(id)
    .bind(change.user_id)
    .bind(change.credential_version)
    .bind(change.now)
    .bind(count(max_attempts))
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(sealed_secret) = sealed {
        return Ok(Reservation::Reserved(SealedTotp { id, sealed_secret }));
    }
    // Only an enrolment without attempts left is exhausted; all else is equally invalid.
    let open = open_attempts(connection, id, change).await?;
    Ok(if open.is_some() { Reservation::Exhausted } else { Reservation::Invalid })
}

/// The attempts of an enrolment of that user and credentials that is neither confirmed nor expired.
pub(in crate::store) async fn open_attempts(
    connection: &mut Connection,
    id: Uuid,
    change: &FactorChange,
) -> Result<Option<i32>> {
    Ok(sqlx::query_scalar(concat!(
        "SELECT attempts FROM totp_factors WHERE ",
        open_enrolment!("$1", "$2", "$3"),
        " AND expires_at > $4",
    ))
    .bind(id)
    .bind(change.user_id)
    .bind(change.credential_version)
    .bind(change.now)
    .fetch_optional(connection)
    .await?)
}

pub(in crate::store) async fn confirm(
    connection: &mut Connection,
    confirm: &ConfirmTotp,
    message: &SealedMessage,
) -> Result<bool> {
    let change = &confirm.change;
    // Locks the user's row: of concurrent callers, the first confirms (race).
    let Some(was_on) = guard::take(connection, change).await? else { return Ok(false) };
    if !is_confirmable(connection, confirm).await? {
        return Ok(false);
    }
    retries::note(connection, change.carried_out.as_ref()).await?;
    sqlx::query("DELETE FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL")
        .bind(change.user_id)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE totp_factors SET confirmed_at = $2, last_step = $3 WHERE id = $1")
        .bind(confirm.id)
        .bind(change.now)
        .bind(confirm.step)
        .execute(&mut *connection)
        .await?;
    factors::turn(connection, change, true, false).await?;
    factors::replace_codes(connection, change, &confirm.recovery_codes).await?;
    events::put(connection, &[change.event(EventKind::AppAdded)]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    if !was_on {
        factors::end_sessions(connection, change, confirm.tokens_expire_at).await?;
    }
    Ok(true)
}

/// Whether the enrolment was begun with the current credentials, and is not confirmed.
async fn is_confirmable(connection: &mut Connection, confirm: &ConfirmTotp) -> Result<bool> {
    let open: Option<Uuid> = sqlx::query_scalar(concat!(
        "SELECT id FROM totp_factors WHERE ",
        open_enrolment!("$1", "$2", "$3"),
    ))
    .bind(confirm.id)
    .bind(confirm.change.user_id)
    .bind(confirm.change.credential_version)
    .fetch_optional(connection)
    .await?;
    Ok(open.is_some())
}

/// Consumes a step of an app: it must be later than every one before it (RFC 6238, section 5.2; replay). A stored step
/// later than any that clocks two minutes ahead could accept today came from a wrong clock, and blocks no code.
pub(super) async fn spend_step(
    connection: &mut Connection,
    user_id: Uuid,
    id: Uuid,
    step: i64,
) -> Result<bool> {
    let spent: Option<Uuid> = sqlx::query_scalar(
        "UPDATE totp_factors SET last_step = $3 \
         WHERE id = $1 AND user_id = $2 AND (last_step < $3 OR last_step > $4) AND confirmed_at IS NOT NULL RETURNING id",
    )
    .bind(id)
    .bind(user_id)
    .bind(step)
    .bind(step.saturating_add(MOST_STEPS_AHEAD))
    .fetch_optional(connection)
    .await?;
    Ok(spent.is_some())
}

/// Whether the user has a confirmed app.
pub(super) async fn has_app(connection: &mut Connection, user_id: Uuid) -> Result<bool> {
    let app: Option<Uuid> = sqlx::query_scalar(
        "SELECT id FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL",
    )
    .bind(user_id)
    .fetch_optional(connection)
    .await?;
    Ok(app.is_some())
}

//! Registrations: the user's row, the claim to the address, and the code that verifies it.
//!
//! `users::insert_row` decides the race for a name (ON CONFLICT). The password was hashed before (`service/account/register.rs`).

use super::{Connection, claims, events, mailbox, users};
use crate::{
    domain::{Event, EventKind},
    store::{NewUser, Result},
};

pub(in crate::store) async fn insert(connection: &mut Connection, new: &NewUser) -> Result<bool> {
    if !add(connection, new).await? {
        return Ok(false);
    }
    let (user_id, at) = (Some(new.user.id), new.user.created_at);
    let event = Event::of(EventKind::Registered, user_id, None, new.actor.clone(), new.address, at);
    events::put(connection, &[event]).await?;
    if let Some(verification) = &new.verification {
        mailbox::insert(connection, verification).await?;
    }
    Ok(true)
}

/// Adds a user. Where addresses are verified, an unverified one blocks nobody else.
pub(super) async fn add(connection: &mut Connection, new: &NewUser) -> Result<bool> {
    let (email_key, Some(claim_key)) = (&new.email_key, &new.claim_key) else {
        return users::insert_row(connection, new, &new.email_key, None).await;
    };
    if !claims::is_claimed(connection, email_key).await?
        && users::insert_row(connection, new, email_key, None).await?
    {
        return Ok(true);
    }
    claims::take_turn(connection, email_key).await?;
    // Only now: a rival that this waited for may have verified the address, and deleted its earlier holder (race).
    if claims::is_verified(connection, email_key).await? {
        return Ok(false);
    }
    users::insert_row(connection, new, claim_key, Some(email_key)).await
}

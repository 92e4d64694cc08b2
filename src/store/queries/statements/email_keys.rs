//! Keys of addresses: which are renewed, and which of two accounts gets a key that both would have.

use uuid::Uuid;

use super::{Backend, Connection};
use crate::{domain::Email, store::Result};

/// Rows read at a time.
const PAGE: i64 = 500;

/// Only if the key is free: an address that was registered in both spellings is one mailbox of two accounts.
const RENEW: &str = "UPDATE users SET email_key = $3, claimed_email_key = $4 WHERE id = $1 AND email_key = $2 \
    AND NOT EXISTS (SELECT 1 FROM users AS holder WHERE holder.email_key = $3) RETURNING id";

/// The holder of that key whose address is unverified, while the user who is to have the key has verified it.
const UNVERIFIED_HOLDER: &str = "SELECT id FROM users WHERE email_key = $3 AND NOT email_verified \
    AND EXISTS (SELECT 1 FROM users AS verified WHERE verified.id = $1 AND verified.email_key = $2 \
    AND verified.email_verified)";

/// Turns the holder into a claimant, like any other user with an unverified address (ADR 16).
const DEMOTE: &str = "UPDATE users SET email_key = $3, claimed_email_key = $2 \
    WHERE id = $1 AND email_key = $2 AND NOT email_verified RETURNING id";

/// User id, address, its key, and the claimed key, if any.
pub(in crate::store) type Row = (Uuid, String, String, Option<String>);

/// The same user, with the new keys.
#[derive(Debug)]
pub(in crate::store) struct Renewal {
    id: Uuid,
    old_key: String,
    key: String,
    claimed_key: Option<String>,
    email: Email,
}

/// The change, if one is due. An address that is no longer valid keeps its key.
pub(in crate::store) fn renewal((id, email, old_key, claimed): Row) -> Option<Renewal> {
    let email = Email::parse(&email).ok()?;
    let key = email.key().to_owned();
    let (key, claimed_key) = match claimed {
        Some(_) => (email.claim_key(id), Some(key)),
        None => (key, None),
    };
    (key != old_key).then_some(Renewal { id, old_key, key, claimed_key, email })
}

/// Gives the key to the user, unless its holder has at least the same right: a verified address goes before an unverified
/// one, otherwise the holder keeps the key. Returns the user who is not found by the address.
pub(in crate::store) async fn settle(
    connection: &mut Connection,
    renewal: &Renewal,
) -> Result<Option<Uuid>> {
    if renew(connection, renewal).await? {
        return Ok(None);
    }
    let Some(holder) = demote_holder(connection, renewal).await? else {
        return Ok(Some(renewal.id));
    };
    let renewed = renew(connection, renewal).await?;
    Ok(Some(if renewed { holder } else { renewal.id }))
}

async fn demote_holder(connection: &mut Connection, renewal: &Renewal) -> Result<Option<Uuid>> {
    let holder: Option<Uuid> = sqlx::query_scalar(UNVERIFIED_HOLDER)
        .bind(renewal.id)
        .bind(&renewal.old_key)
        .bind(&renewal.key)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(holder) = holder else { return Ok(None) };
    Ok(sqlx::query_scalar(DEMOTE)
        .bind(holder)
        .bind(&renewal.key)
        .bind(renewal.email.claim_key(holder))
        .fetch_optional(connection)
        .await?)
}

pub(in crate::store) async fn not_ascii(
    connection: &mut Connection,
    after: Uuid,
) -> Result<Vec<Row>> {
    let page = sqlx::query_as(Backend::EMAILS_NOT_ASCII).bind(after).bind(PAGE);
    Ok(page.fetch_all(connection).await?)
}

async fn renew(connection: &mut Connection, renewal: &Renewal) -> Result<bool> {
    let renewed: Option<Uuid> = sqlx::query_scalar(RENEW)
        .bind(renewal.id)
        .bind(&renewal.old_key)
        .bind(&renewal.key)
        .bind(&renewal.claimed_key)
        .fetch_optional(connection)
        .await?;
    Ok(renewed.is_some())
}

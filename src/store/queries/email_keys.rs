//! Keys of addresses, made anew where an earlier release made them in another way (ADR 24): a domain that is not ASCII is now
//! an A-label in the key. SQL can't do that, so it follows the migrations, in this program.

use uuid::Uuid;

use super::{Backend, Connection};
use crate::{domain::Email, store::Result};

/// How many rows are read at a time.
const PAGE: i64 = 500;

/// Where nobody else has the key: an address that was registered in both spellings is one mailbox of two accounts.
const RENEW: &str = "UPDATE users SET email_key = $3, claimed_email_key = $4 WHERE id = $1 AND email_key = $2 \
    AND NOT EXISTS (SELECT 1 FROM users AS holder WHERE holder.email_key = $3) RETURNING id";

/// Who has that key and has not shown that they read the mailbox, while somebody has who is to have it.
const UNVERIFIED_HOLDER: &str = "SELECT id FROM users WHERE email_key = $3 AND NOT email_verified \
    AND EXISTS (SELECT 1 FROM users AS verified WHERE verified.id = $1 AND verified.email_key = $2 \
    AND verified.email_verified)";

/// From then on they claim it, like anybody else who has not verified it (ADR 16).
const DEMOTE: &str = "UPDATE users SET email_key = $3, claimed_email_key = $2 \
    WHERE id = $1 AND email_key = $2 AND NOT email_verified RETURNING id";

/// A user, their address, its key, and the key that they claim, if they do.
type Row = (Uuid, String, String, Option<String>);

/// The same user, with the keys as they are to be.
#[derive(Debug)]
struct Renewal {
    id: Uuid,
    old_key: String,
    key: String,
    claimed_key: Option<String>,
    email: Email,
}

impl Backend {
    /// Makes the keys anew that differ from what this release makes of the address. Safe when several replicas do so at once,
    /// and again after a replica of an earlier release has added a user.
    ///
    /// # Errors
    /// The database's.
    pub(in crate::store) async fn renew_email_keys(&self) -> Result<()> {
        let mut last = Uuid::nil();
        loop {
            let page = self.read("emails_not_ascii", last, |connection, last| {
                Box::pin(not_ascii(connection, *last))
            });
            let page = page.await?;
            let Some((id, ..)) = page.last() else { return Ok(()) };
            last = *id;
            for renewal in page.into_iter().filter_map(renewal) {
                let without = self
                    .write("email_key_renew", renewal, |connection, renewal| {
                        Box::pin(settle(connection, renewal))
                    })
                    .await?;
                if let Some(id) = without {
                    tracing::warn!(
                        user_id = %id,
                        "another account has the same mailbox under another spelling of its domain: log in by username"
                    );
                }
            }
        }
    }
}

/// What is to be changed, if anything. An address that no longer is one keeps its key.
fn renewal((id, email, old_key, claimed): Row) -> Option<Renewal> {
    let email = Email::parse(&email).ok()?;
    let key = email.key().to_owned();
    let (key, claimed_key) = match claimed {
        Some(_) => (email.claim_key(id), Some(key)),
        None => (key, None),
    };
    (key != old_key).then_some(Renewal { id, old_key, key, claimed_key, email })
}

/// Gives the key to the user, unless somebody has it with no less right: who has verified the address goes before who has not, and
/// otherwise whoever has the key keeps it. Returns who is not found by the address.
async fn settle(connection: &mut Connection, renewal: &Renewal) -> Result<Option<Uuid>> {
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

async fn not_ascii(connection: &mut Connection, after: Uuid) -> Result<Vec<Row>> {
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

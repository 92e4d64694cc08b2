//! Mailbox codes: reserve, compare, consume. The caller compares; both ends are here.

use uuid::Uuid;

use super::{
    Connection, events, outbox, retries,
    rules::{account_is_as_it_was, reserve_an_attempt},
    throttles, void_codes,
};
use crate::{
    domain::{Event, Timestamp},
    store::{
        Admission, CodeDestination, Error, MailboxCode, NewMailboxCode, Reservation, Result,
        SealedMessage, column::count,
    },
};

pub(in crate::store) async fn insert(
    connection: &mut Connection,
    new: &NewMailboxCode,
) -> Result<()> {
    let code = &new.code;
    let (pending, user) = if code.is_pending { (code.user_id, None) } else { (None, code.user_id) };
    // The code becomes a decoy where the user has been disabled, or has other credentials, since the last read.
    let user_id: Option<Uuid> = sqlx::query_scalar(concat!(
        "INSERT INTO mailbox_codes (id, id_mac, user_id, credential_version, budget, code_mac, attempts, \
         created_at, expires_at, new_email, audience, device_name, device_id, pending_user_id) VALUES ($1, $2, (SELECT id FROM users WHERE ",
        account_is_as_it_was!("$3", "$4"),
        "), $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, $13) RETURNING user_id",
    ))
    .bind(code.id)
    .bind(new.id_mac.as_slice())
    .bind(user)
    .bind(code.credential_version)
    .bind(code.budget.as_slice())
    .bind(code.code_mac.as_slice())
    .bind(code.created_at)
    .bind(code.expires_at)
    .bind(code.new_email.as_deref())
    .bind(code.login.as_ref().map(|login| &login.audience))
    .bind(code.login.as_ref().map(|login| &login.device_name))
    .bind(code.login.as_ref().and_then(|login| login.device_id))
    .bind(pending)
    .fetch_one(&mut *connection)
    .await?;
    let recorded =
        |kind| Event::of(kind, user_id, None, new.actor.clone(), new.address, code.created_at);
    events::put(connection, new.recorded_as.map(recorded).as_slice()).await?;
    if user_id != user {
        // The code is void, so its message must not be sent.
        return Ok(());
    }
    retries::note(connection, new.carried_out.as_ref()).await?;
    void_codes::older(connection, &new.message, code.created_at).await?;
    // In the same transaction: a valid code is always sent (outbox).
    let message = message(connection, new).await?;
    outbox::put(connection, std::slice::from_ref(message)).await
}

/// The message to send: the daily notice, if there is one and none was sent today.
async fn message<'a>(
    connection: &mut Connection,
    new: &'a NewMailboxCode,
) -> Result<&'a SealedMessage> {
    let Some(daily) = &new.daily else { return Ok(&new.message) };
    let charge = std::slice::from_ref(&daily.charge);
    let notice = match throttles::charge(connection, charge, new.code.created_at).await? {
        Admission::Charged(_) => daily.message.as_ref(),
        Admission::Refused { .. } => None,
    };
    Ok(notice.unwrap_or(&new.message))
}

pub(in crate::store) async fn reserve(
    connection: &mut Connection,
    id_mac: &[u8],
    max_attempts: u32,
    now: Timestamp,
) -> Result<Reservation<MailboxCode>> {
    let row: Option<MailboxCodeRow> = sqlx::query_as(concat!(
        reserve_an_attempt!("mailbox_codes", "id_mac = $1 AND consumed_at IS NULL", now: "$2", most: "$3"),
        " RETURNING id, user_id, credential_version, budget, code_mac, attempts, created_at, expires_at, new_email, \
         audience, device_name, device_id, pending_user_id",
    ))
    .bind(id_mac)
    .bind(now)
    .bind(count(max_attempts))
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(row) = row {
        if row.attempts >= count(max_attempts) {
            // The code is void after the last attempt, right or wrong.
            let whose = row.user_id.or(row.pending_user_id);
            void_codes::of_code(connection, whose, row.id, now).await?;
        }
        return Ok(Reservation::Reserved(row.try_into()?));
    }
    // Only a code without attempts left is exhausted; all else is equally invalid.
    Ok(if is_open(connection, id_mac, now).await? {
        Reservation::Exhausted
    } else {
        Reservation::Invalid
    })
}

/// Whether the code exists, unused and unexpired.
pub(in crate::store) async fn is_open(
    connection: &mut Connection,
    id_mac: &[u8],
    now: Timestamp,
) -> Result<bool> {
    let found: Option<Uuid> = sqlx::query_scalar(
        "SELECT id FROM mailbox_codes WHERE id_mac = $1 AND consumed_at IS NULL AND expires_at > $2",
    )
    .bind(id_mac)
    .bind(now)
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// Whether that user was sent that code, and it is unused.
pub(super) async fn is_for(
    connection: &mut Connection,
    code_id: Uuid,
    user_id: Uuid,
) -> Result<bool> {
    let found: Option<Uuid> = sqlx::query_scalar(
        "SELECT id FROM mailbox_codes WHERE id = $1 AND user_id = $2 AND consumed_at IS NULL",
    )
    .bind(code_id)
    .bind(user_id)
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// Consumes a code. The row lock lets one of several callers with the right one through (race).
pub(super) async fn consume(
    connection: &mut Connection,
    code_id: Uuid,
    now: Timestamp,
) -> Result<bool> {
    let consumed = sqlx::query(
        "UPDATE mailbox_codes SET consumed_at = $2 WHERE id = $1 AND consumed_at IS NULL RETURNING id",
    )
    .bind(code_id)
    .bind(now)
    .fetch_optional(connection)
    .await?;
    Ok(consumed.is_some())
}

#[derive(sqlx::FromRow)]
struct MailboxCodeRow {
    id: Uuid,
    user_id: Option<Uuid>,
    credential_version: i64,
    budget: Vec<u8>,
    code_mac: Vec<u8>,
    attempts: i32,
    created_at: Timestamp,
    expires_at: Timestamp,
    new_email: Option<String>,
    audience: Option<String>,
    device_name: Option<String>,
    device_id: Option<Uuid>,
    pending_user_id: Option<Uuid>,
}

impl TryFrom<MailboxCodeRow> for MailboxCode {
    type Error = Error;

    fn try_from(row: MailboxCodeRow) -> Result<Self> {
        let digest = |bytes: Vec<u8>, column| {
            bytes.try_into().map_err(|_wrong_length| Error::Corrupt(column))
        };
        let (device_name, device_id) = (row.device_name.unwrap_or_default(), row.device_id);
        let destination = |audience| Box::new(CodeDestination { audience, device_name, device_id });
        Ok(Self {
            id: row.id,
            user_id: row.user_id.or(row.pending_user_id),
            is_pending: row.pending_user_id.is_some(),
            credential_version: row.credential_version,
            budget: digest(row.budget, "mailbox_codes.budget")?,
            code_mac: digest(row.code_mac, "mailbox_codes.code_mac")?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            new_email: row.new_email,
            login: row.audience.map(destination),
        })
    }
}

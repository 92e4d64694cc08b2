//! Challenges: reserve, compare, consume. The caller compares; the reservation is here, the consumption in `completion`.
//! The condition in each statement decides the race of concurrent callers.

use uuid::Uuid;

use super::{
    Connection, Query,
    challenge_row::{ChallengeRow, account_asks, challenge_columns, inserted_columns, words},
    events, guard, mailbox, outbox, retries,
    rules::{account_is_as_it_was, reserve_an_attempt},
    throttles, users, void_codes,
};
use crate::{
    domain::{CLOCK_SKEW, Challenge, CodePurpose, Event, EventKind, Timestamp, User},
    store::{
        Admission, CodeRules, NewChallenge, Renewal, Reservation, ReservedChallenge, Result,
        SealedMessage, Settled, column::count,
    },
};

/// Reserves an attempt of the challenge whose id has the digest $1 (the column `token_mac`) at $2, if fewer than $3 are spent.
pub(in crate::store) const RESERVE: &str = concat!(
    reserve_an_attempt!("challenges", "token_mac = $1 AND consumed_at IS NULL", now: "$2", most: "$3"),
    " AND ",
    account_asks!(),
    " RETURNING ",
    challenge_columns!()
);

/// Gives the challenge $1 the code $2 at $4, a long one if $6, and the next one not before $3. A wait that ends after $7
/// was written by a clock that was ahead, or under another setting: ignore it.
const RENEW: &str = concat!(
    "UPDATE challenges SET code_mac = $2, resend_at = $3, is_long_code = $6 WHERE token_mac = $1 AND consumed_at IS NULL \
     AND expires_at > $4 AND (resend_at <= $4 OR resend_at > $7) AND attempts < $5 AND ",
    account_asks!(),
    " RETURNING ",
    challenge_columns!()
);

const INSERT: &str = concat!(
    "INSERT INTO challenges (",
    inserted_columns!(),
    ") SELECT $1, $2, id, credential_version, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, factor_version FROM users WHERE ",
    account_is_as_it_was!("$3", "$4"),
    " RETURNING id"
);

/// A challenge that is not void by a change of its account.
const FIND: &str = concat!(
    "SELECT ",
    challenge_columns!(),
    " FROM challenges WHERE token_mac = $1 AND ",
    account_asks!()
);

pub(in crate::store) async fn exists(connection: &mut Connection, id_mac: &[u8]) -> Result<bool> {
    let found: Option<Uuid> = sqlx::query_scalar("SELECT id FROM challenges WHERE token_mac = $1")
        .bind(id_mac)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

pub(in crate::store) async fn find_with_user(
    connection: &mut Connection,
    id_mac: &[u8],
) -> Result<Option<(Challenge, User)>> {
    let Some(challenge) = find(connection, id_mac).await? else { return Ok(None) };
    // A concurrent deletion of the user deletes the challenges too.
    let user = users::find(connection, challenge.user_id).await?;
    Ok(user.map(|credentials| (challenge, credentials.user)))
}

pub(in crate::store) async fn insert(
    connection: &mut Connection,
    new: &NewChallenge,
    message: Option<&SealedMessage>,
) -> Result<bool> {
    if !spend_code(connection, new).await? {
        return Ok(false);
    }
    // The budgets first: a refusal leaves nothing to undo.
    let mail: Vec<_> = new.mail.into_iter().collect();
    let charge = throttles::charge(connection, &mail, new.challenge.created_at).await?;
    let Admission::Charged(charged) = charge else { return Ok(false) };
    let begun = bound(sqlx::query(INSERT), new).fetch_optional(&mut *connection).await?;
    if begun.is_none() {
        let give_back = mail.into_iter().zip(charged.into_iter().map(Some)).collect();
        throttles::settle(connection, &Settled { forget: Vec::new(), give_back }).await?;
        return Ok(false);
    }
    events::put(connection, &[began(new)]).await?;
    throttles::settle(connection, &new.settled).await?;
    outbox::put(connection, message.map_or(&[], std::slice::from_ref)).await?;
    Ok(true)
}

/// Consumes the mailbox code that the challenge began with, if it did. The user before the code, in the order of a change of the password:
/// the other order could deadlock. Of several callers with the right code one passes (race).
async fn spend_code(connection: &mut Connection, new: &NewChallenge) -> Result<bool> {
    let Some(code_id) = new.code_id else { return Ok(true) };
    let Challenge { user_id, credential_version, created_at, .. } = new.challenge;
    if guard::hold(connection, user_id, credential_version).await?.is_none()
        || !mailbox::consume(connection, code_id, created_at).await?
    {
        return Ok(false);
    }
    void_codes::of_code(connection, Some(user_id), code_id, created_at).await?;
    Ok(true)
}

/// The event of a challenge's beginning.
fn began(new: &NewChallenge) -> Event {
    let (user_id, at) = (Some(new.challenge.user_id), new.challenge.created_at);
    Event::of(EventKind::ChallengeBegun, user_id, None, new.actor.clone(), new.address, at)
}

/// Sixteen parameters: those of [`INSERT`].
fn bound<'q>(statement: Query<'q>, new: &'q NewChallenge) -> Query<'q> {
    let challenge = &new.challenge;
    statement
        .bind(challenge.id)
        .bind(new.id_mac.as_slice())
        .bind(challenge.user_id)
        .bind(challenge.credential_version)
        .bind(new.code_mac.as_slice())
        .bind(count(challenge.attempts))
        .bind(&challenge.audience)
        .bind(&challenge.device_name)
        .bind(challenge.device_id)
        .bind(challenge.created_at)
        .bind(challenge.resend_at)
        .bind(challenge.expires_at)
        .bind(words(&challenge.factors))
        .bind(challenge.is_long_code)
        .bind(challenge.session_id)
        .bind(challenge.first.as_str())
}

pub(in crate::store) async fn reserve(
    connection: &mut Connection,
    id_mac: &[u8],
    max_attempts: u32,
    now: Timestamp,
) -> Result<Reservation<ReservedChallenge>> {
    let row: Option<ChallengeRow> = sqlx::query_as(RESERVE)
        .bind(id_mac)
        .bind(now)
        .bind(count(max_attempts))
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(row) = row {
        let code_mac = row.code_mac()?;
        let challenge: Challenge = row.try_into()?;
        if challenge.attempts >= max_attempts {
            // The code is void after the last attempt, right or wrong.
            let user_id = Some(challenge.user_id);
            void_codes::of_code(connection, user_id, challenge.id, now).await?;
        }
        return Ok(Reservation::Reserved(ReservedChallenge { challenge, code_mac }));
    }
    // Only a challenge without attempts left is exhausted; all else is equally invalid.
    let open = find(connection, id_mac).await?.is_some_and(|found| found.is_open(now));
    Ok(if open { Reservation::Exhausted } else { Reservation::Invalid })
}

/// Ends a user's open challenges, however many: the factor version they began with is no longer the user's.
pub(super) async fn end_all(
    connection: &mut Connection,
    user_id: Uuid,
    now: Timestamp,
) -> Result<()> {
    sqlx::query("UPDATE users SET factor_version = factor_version + 1 WHERE id = $1")
        .bind(user_id)
        .execute(&mut *connection)
        .await?;
    void_codes::of_purpose(connection, user_id, CodePurpose::Login, now).await
}

pub(in crate::store) async fn renew(
    connection: &mut Connection,
    id_mac: &[u8],
    code_mac: &[u8],
    rules: &CodeRules,
    message: &SealedMessage,
) -> Result<Renewal> {
    let row: Option<ChallengeRow> = sqlx::query_as(RENEW)
        .bind(id_mac)
        .bind(code_mac)
        .bind(rules.next_resend_at)
        .bind(rules.now)
        .bind(count(rules.max_attempts))
        .bind(rules.is_long_code)
        .bind(rules.next_resend_at.plus(CLOCK_SKEW))
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(row) = row {
        let challenge: Challenge = row.try_into()?;
        let user_id = Some(challenge.user_id);
        retries::note(connection, rules.carried_out.as_ref()).await?;
        void_codes::of_code(connection, user_id, challenge.id, rules.now).await?;
        // In the same transaction: a valid code is always sent (outbox).
        outbox::put(connection, std::slice::from_ref(message)).await?;
        return Ok(Renewal::Renewed(challenge));
    }
    Ok(match find(connection, id_mac).await?.filter(|found| found.is_open(rules.now)) {
        None => Renewal::Invalid,
        Some(found) if found.attempts >= rules.max_attempts => Renewal::Exhausted,
        Some(found) if rules.now < found.resend_at => Renewal::TooEarly(found.resend_at),
        // Its user has just been disabled, or has other credentials or factors.
        Some(_) => Renewal::Invalid,
    })
}

async fn find(connection: &mut Connection, id_mac: &[u8]) -> Result<Option<Challenge>> {
    let row: Option<ChallengeRow> =
        sqlx::query_as(FIND).bind(id_mac).fetch_optional(connection).await?;
    row.map(TryInto::try_into).transpose()
}

//! Codes that are void leave the outbox, in the transaction that voids them: nobody is sent a code that no longer works.
//!
//! What somebody sends at this moment can't be taken back. It is marked; its sender stops if the other side can't have it
//! yet, and what took its place waits until that has ended (`OUTBOX_CLAIM`).

use uuid::Uuid;

use super::Connection;
use crate::{
    domain::{CodePurpose, Timestamp},
    store::{Result, SealedMessage},
};

/// A statement that marks them, and one that removes those that nobody sends at $2. In this order: the first locks the rows, so
/// that none is claimed or put off in between and missed by both.
macro_rules! withdraw {
    ($which:literal) => {
        [
            concat!(
                "UPDATE outbox SET withdrawn = TRUE, next_try_at = CASE WHEN in_flight AND next_try_at > $2 \
                 THEN next_try_at ELSE $2 END WHERE user_id = $1 AND ",
                $which
            ),
            concat!(
                "DELETE FROM outbox WHERE withdrawn AND next_try_at <= $2 AND user_id = $1 AND ",
                $which
            ),
        ]
    };
}

/// The messages with one code: those of a challenge, or of a mailbox code.
const OF_CODE: [&str; 2] = withdraw!("code_id = $3");

/// The messages with codes of some purposes.
const OF_PURPOSES: [&str; 2] = withdraw!("purpose BETWEEN $3 AND $4");

/// The same, that one source asked for.
const OF_SOURCE: [&str; 2] = withdraw!("purpose = $3 AND source = $4");

/// Withdraws what was sent for a challenge or mailbox code.
pub(super) async fn of_code(
    connection: &mut Connection,
    user_id: Option<Uuid>,
    code_id: Uuid,
    now: Timestamp,
) -> Result<()> {
    for statement in OF_CODE {
        let query = sqlx::query(statement).persistent(false).bind(user_id).bind(now).bind(code_id);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Withdraws a user's codes for one purpose.
pub(super) async fn of_purpose(
    connection: &mut Connection,
    user_id: Uuid,
    purpose: CodePurpose,
    now: Timestamp,
) -> Result<()> {
    of_purposes(connection, user_id, (purpose, purpose), now).await
}

/// Withdraws all codes of a user who is gone.
pub(super) async fn of_user(
    connection: &mut Connection,
    user_id: Uuid,
    now: Timestamp,
) -> Result<()> {
    of_purposes(connection, user_id, (CodePurpose::Login, CodePurpose::ResetPassword), now).await
}

async fn of_purposes(
    connection: &mut Connection,
    user_id: Uuid,
    (first, last): (CodePurpose, CodePurpose),
    now: Timestamp,
) -> Result<()> {
    for statement in OF_PURPOSES {
        let query = sqlx::query(statement).persistent(false).bind(user_id).bind(now);
        query.bind(first as i16).bind(last as i16).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Withdraws what a newer code for the same mailbox takes the place of. A verification is asked for by the account's owner; but
/// anybody may ask for a reset of anybody's password: only whoever asked for the earlier code, as far as can be told, makes it
/// go. Decoys take the places of decoys in the same way.
pub(super) async fn older(
    connection: &mut Connection,
    newer: &SealedMessage,
    now: Timestamp,
) -> Result<()> {
    let Some(code) = newer.code else { return Ok(()) };
    if code.purpose == CodePurpose::VerifyEmail {
        return of_purpose(connection, code.user_id, code.purpose, now).await;
    }
    for statement in OF_SOURCE {
        let query = sqlx::query(statement).persistent(false).bind(code.user_id).bind(now);
        let query = query.bind(code.purpose as i16).bind(newer.source.as_slice());
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

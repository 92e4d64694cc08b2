//! Withdraws void codes from the outbox, in the transaction that voids them: no code is sent that no longer works.
//!
//! A message in flight can't be taken back. It is marked; its sender stops if the other side can't have it yet, and its
//! successor waits until that has ended (`OUTBOX_CLAIM`).

use uuid::Uuid;

use super::Connection;
use crate::{
    domain::{CodePurpose, Timestamp},
    store::{Result, SealedMessage},
};

/// A statement that marks them, and one that deletes those not in flight at $2. A notice (priority 2) has no code: one that tells the
/// owner of an address of somebody else's request lies under the id of whoever asked, and must reach its owner. In this order: the first locks the rows, so
/// that none is claimed or postponed in between and missed by both.
macro_rules! withdraw {
    ($which:literal) => {
        [
            concat!(
                "UPDATE outbox SET withdrawn = TRUE, next_try_at = CASE WHEN in_flight AND next_try_at > $2 \
                 THEN next_try_at ELSE $2 END WHERE user_id = $1 AND priority + 0 <> 2 AND ",
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

/// The same, for the requests of one source.
const OF_SOURCE: [&str; 2] = withdraw!("purpose = $3 AND source = $4");

/// Withdraws the messages of a challenge or mailbox code.
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

/// Withdraws the codes that end with the credentials that they were asked for: those for resets, for changes of the address, and for
/// logins without a password.
pub(super) async fn of_credentials(
    connection: &mut Connection,
    user_id: Uuid,
    now: Timestamp,
) -> Result<()> {
    let purposes = (CodePurpose::ResetPassword, CodePurpose::EmailLogin);
    of_purposes(connection, user_id, purposes, now).await
}

/// Withdraws all codes of a deleted user.
pub(super) async fn of_user(
    connection: &mut Connection,
    user_id: Uuid,
    now: Timestamp,
) -> Result<()> {
    of_purposes(connection, user_id, (CodePurpose::Login, CodePurpose::EmailLogin), now).await
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

/// Withdraws codes that a newer one for the same mailbox replaces. The account's owner requests a verification or a change; but any
/// caller may request a reset of any password, or a login, so only a request from the same source replaces an earlier code. Decoys
/// replace decoys in the same way.
pub(super) async fn older(
    connection: &mut Connection,
    newer: &SealedMessage,
    now: Timestamp,
) -> Result<()> {
    let Some(code) = newer.code else { return Ok(()) };
    if matches!(code.purpose, CodePurpose::VerifyEmail | CodePurpose::ChangeEmail) {
        return of_purpose(connection, code.user_id, code.purpose, now).await;
    }
    for statement in OF_SOURCE {
        let query = sqlx::query(statement).persistent(false).bind(code.user_id).bind(now);
        let query = query.bind(code.purpose as i16).bind(newer.source.as_slice());
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

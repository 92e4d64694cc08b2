//! What a passkey proves: a login, or a session once more. Its use is noted in the same transaction.

use uuid::Uuid;

use super::{Backend, Connection, beginning, guard, reauthentication, sessions, used_assertions};
use crate::{
    domain::{AuthMethod, Session},
    store::{
        FactorChange, LoginDevice, PasskeyProof, PasskeyProved, PasskeyUse, Result, SessionLimit,
    },
};

pub(in crate::store) async fn begin(
    connection: &mut Connection,
    session: &Session,
    credential_version: i64,
    (proof, limit): (PasskeyProof, SessionLimit),
    device: &LoginDevice,
) -> Result<PasskeyProved> {
    Backend::hold_user(connection, session.user_id).await?;
    if let Some(refused) = refusal(connection, session.user_id, &proof).await? {
        return Ok(refused);
    }
    let begun = beginning::insert(connection, session, credential_version, device).await?;
    if let Some(begun) = &begun {
        sessions::end_oldest(connection, begun, limit).await?;
    }
    Ok(begun.into())
}

pub(in crate::store) async fn prove_again(
    connection: &mut Connection,
    change: &FactorChange,
    proof: &PasskeyProof,
) -> Result<PasskeyProved> {
    let (user_id, version) = (change.user_id, change.credential_version);
    if guard::hold(connection, user_id, version).await?.is_none() {
        return Ok(PasskeyProved::Refused);
    }
    if let Some(refused) = refusal(connection, user_id, proof).await? {
        return Ok(refused);
    }
    let proved = reauthentication::prove(connection, change, AuthMethod::OF_A_PASSKEY).await?;
    Ok(proved.into())
}

/// Uses the challenge up and notes the use, or says why not. What is written stays where a later step refuses: both are true, and the
/// same answer sent again is told by its challenge.
async fn refusal(
    connection: &mut Connection,
    user_id: Uuid,
    proof: &PasskeyProof,
) -> Result<Option<PasskeyProved>> {
    if !used_assertions::put(connection, &proof.used).await? {
        return Ok(Some(PasskeyProved::Used));
    }
    if note_use(connection, user_id, &proof.usage).await? {
        return Ok(None);
    }
    let is_there = exists(connection, user_id, proof.usage.id).await?;
    Ok(Some(if is_there { PasskeyProved::CounterNotHigher } else { PasskeyProved::Refused }))
}

/// The caller holds the user's row, as who deletes a passkey does: the answer stays true.
async fn exists(connection: &mut Connection, user_id: Uuid, id: Uuid) -> Result<bool> {
    let found: Option<Uuid> =
        sqlx::query_scalar("SELECT id FROM passkeys WHERE id = $1 AND user_id = $2")
            .bind(id)
            .bind(user_id)
            .fetch_optional(connection)
            .await?;
    Ok(found.is_some())
}

/// Notes a use, if the passkey is still there and its counter still lower: compared and set in one statement, so that of a passkey
/// and its copy one is refused, however close they come (race).
pub(super) async fn note_use(
    connection: &mut Connection,
    user_id: Uuid,
    usage: &PasskeyUse,
) -> Result<bool> {
    let noted = sqlx::query(
        "UPDATE passkeys SET sign_count = $3, backed_up = $4, last_used_at = $5 WHERE id = $1 AND user_id = $2 \
         AND (sign_count < $3 OR (sign_count = 0 AND $3 = 0))",
    )
    .bind(usage.id)
    .bind(user_id)
    .bind(i64::from(usage.sign_count))
    .bind(usage.backed_up)
    .bind(usage.at)
    .execute(connection)
    .await?;
    Ok(noted.rows_affected() > 0)
}

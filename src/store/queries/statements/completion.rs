//! Completion of a challenge: consumes the user's proof, and begins the session, or proves it once more. All or nothing.

use sqlx::Connection as _;

use super::{
    Connection, beginning, challenge_row::account_asks, claims, events, guard, outbox,
    passkey_proof, reauthentication, revocations, sessions, throttles, totp, trusted_devices,
    void_codes,
};
use crate::{
    domain::{Actor, Challenge, EventKind, Factor, Session},
    store::{
        FactorChange, LoginDevice, Result, SessionLimit, Settled, Spending, SpentRecoveryCode,
    },
};

/// Consumes the challenge $1 at $2.
const CONSUME: &str = concat!(
    "UPDATE challenges SET consumed_at = $2 WHERE id = $1 AND consumed_at IS NULL AND ",
    account_asks!(),
    " RETURNING id"
);

pub(in crate::store) async fn complete(
    connection: &mut Connection,
    challenge: &Challenge,
    session: &Session,
    (spending, settled): (&Spending, &Settled),
    limit: SessionLimit,
    device: &LoginDevice,
) -> Result<Option<Session>> {
    let change = FactorChange {
        user_id: challenge.user_id,
        credential_version: challenge.credential_version,
        session_id: Some(session.id),
        // A right answer proves the user.
        actor: Actor::User(challenge.user_id),
        address: session.address,
        now: session.authenticated_at(),
        carried_out: None,
    };
    // Locks the user before the challenge, in the order of a change of the password: the other order could deadlock.
    let version = challenge.credential_version;
    if guard::hold(connection, change.user_id, version).await?.is_none() {
        return Ok(None);
    }
    // A savepoint: if one part fails, the other's consumption is undone. A code must not be lost to a challenge that was
    // answered already, nor a challenge to a code that was used before.
    let mut savepoint = connection.begin().await?;
    // One mailbox never counts as two factors (ASVS 6.4.3).
    let is_another_proof =
        !matches!(spending, Spending::SentCode) || challenge.first.goes_with(Factor::EmailCode);
    let proven = is_another_proof
        && consume(&mut savepoint, challenge, &change).await?
        && spend(&mut savepoint, &change, spending).await?;
    let begins = challenge.session_id.is_none();
    let session = match (proven, begins) {
        (false, _) => None,
        (true, true) => beginning::insert(&mut savepoint, session, version, device).await?,
        (true, false) => reauthentication::prove(&mut savepoint, &change, &session.methods).await?,
    };
    let Some(session) = session else {
        savepoint.rollback().await?;
        return Ok(None);
    };
    savepoint.commit().await?;
    throttles::settle(connection, settled).await?;
    void_codes::of_code(connection, Some(change.user_id), challenge.id, change.now).await?;
    let at = change.revoking(limit.tokens_expire_at);
    let rivals = match spending {
        Spending::SentCode => claims::prove_by_login(connection, &change, &at).await?,
        Spending::Totp { .. } | Spending::RecoveryCode(_) | Spending::Passkey(_) => Vec::new(),
    };
    if begins {
        sessions::end_oldest(connection, &session, limit).await?;
        if let Some(trust) = &device.trust {
            trusted_devices::put(connection, &session, &change, trust).await?;
        }
    }
    revocations::append(connection, &rivals).await?;
    Ok(Some(session))
}

/// Several callers may have the right code: the row lock lets one of them through (race).
async fn consume(
    connection: &mut Connection,
    challenge: &Challenge,
    change: &FactorChange,
) -> Result<bool> {
    let consumed =
        sqlx::query(CONSUME).bind(challenge.id).bind(change.now).fetch_optional(connection).await?;
    Ok(consumed.is_some())
}

/// Consumes a second proof beside a live session: not a challenge's code, for there is none.
pub(in crate::store) async fn spend_again(
    connection: &mut Connection,
    change: &FactorChange,
    spending: &Spending,
) -> Result<bool> {
    if matches!(spending, Spending::SentCode)
        || guard::take(connection, change).await? != Some(true)
    {
        return Ok(false);
    }
    spend(connection, change, spending).await
}

async fn spend(
    connection: &mut Connection,
    change: &FactorChange,
    spending: &Spending,
) -> Result<bool> {
    match spending {
        // The app may be newer than the challenge, or the challenge may come from a release without apps.
        Spending::SentCode => Ok(!totp::has_app(connection, change.user_id).await?),
        Spending::Totp { id, step } => {
            totp::spend_step(connection, change.user_id, *id, *step).await
        }
        Spending::RecoveryCode(code) => spend_recovery_code(connection, change, code).await,
        Spending::Passkey(usage) => {
            passkey_proof::note_use(connection, change.user_id, usage).await
        }
    }
}

/// Consumes a recovery code by deleting it. The second message is for the last one.
pub(super) async fn spend_recovery_code(
    connection: &mut Connection,
    change: &FactorChange,
    code: &SpentRecoveryCode,
) -> Result<bool> {
    let spent = sqlx::query(
        "DELETE FROM recovery_codes WHERE user_id = $1 AND code_mac = $2 RETURNING user_id",
    )
    .bind(change.user_id)
    .bind(code.code_mac.as_slice())
    .fetch_optional(&mut *connection)
    .await?;
    if spent.is_none() {
        return Ok(false);
    }
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1")
        .bind(change.user_id)
        .fetch_one(&mut *connection)
        .await?;
    let message = if left > 0 { &code.notice } else { &code.last_notice };
    events::put(connection, &[change.event(EventKind::RecoveryCodeUsed)]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    Ok(true)
}

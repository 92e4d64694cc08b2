//! The beginning of a session: by a password alone, or by the code that was mailed.

use sqlx::{Row as _, postgres::PgRow};

use super::{
    AtOnce, Query,
    settle::{Refunds, budgets, refund},
    statements::{
        beginning,
        events::{self, event},
        rules::account_is_as_it_was,
        session_row::inserted_columns,
    },
};
use crate::{
    domain::{Challenge, Session},
    store::{Result, SessionLimit, Settled, Spending},
};

/// Begins the session $13, if the user's row is the one of the snapshot, and `$condition` holds there.
///
/// Whoever begins another session of the user, ends all, changes the factors or the account, changes that row; and who is
/// doing so is waited for at the lock on it. So if the row is the same, the snapshot shows all that is there. If the user has
/// as many sessions as the limit leaves beside this one ($27), the transaction ends some.
macro_rules! begin {
    (if: $condition:expr, and: $also:literal, $after:literal) => {
        concat!(
            "WITH seen AS (SELECT id, xmin AS version FROM users WHERE id = $14), \
             account AS (UPDATE users SET last_login_at = $19 FROM seen \
             WHERE users.id = seen.id AND users.xmin = seen.version AND ",
            account_is_as_it_was!("$14", "$15"),
            " AND ($26 OR NOT users.is_2fa_enabled) \
             AND NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.user_id = $14 AND sessions.epoch = users.session_epoch \
             AND sessions.revoked_at IS NULL ORDER BY sessions.created_at DESC LIMIT 1 OFFSET $27)",
            $condition,
            " RETURNING users.id, users.credential_version, users.session_epoch), ",
            $also,
            "begun AS (INSERT INTO sessions (",
            inserted_columns!(),
            ") SELECT $13, account.id, credential_version, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, session_epoch \
             FROM ",
            $after,
            " RETURNING epoch), told AS (",
            event!("begun", "$28", "$29", "$30", "$31", "$32", "$33", "$34"),
            "), ",
            budgets!("EXISTS (SELECT 1 FROM begun)"),
            ", ",
            refund!("TRUE"),
            " SELECT epoch FROM begun"
        )
    };
}

const BEGIN: &str = begin!(if: "", and: "", "account");

/// By the answer to the challenge $35, whose code went to the mailbox. It proves nothing that was not proven: the address is
/// verified. Where the user has an app, or the message waits to be withdrawn, the transaction decides.
const COMPLETE: &str = begin!(
    if: " AND users.email_verified \
         AND NOT EXISTS (SELECT 1 FROM totp_factors WHERE totp_factors.user_id = $14 AND confirmed_at IS NOT NULL) \
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.user_id = $14 AND code_id = $35) \
         AND EXISTS (SELECT 1 FROM challenges WHERE challenges.id = $35 AND consumed_at IS NULL \
         AND challenges.credential_version = users.credential_version \
         AND challenges.factor_version = users.factor_version)",
    and: "answered AS (UPDATE challenges SET consumed_at = $19 FROM account \
          WHERE challenges.id = $35 AND consumed_at IS NULL RETURNING challenges.id), ",
    "account, answered"
);

type Begin = (Session, i64, Settled, SessionLimit);

type Complete = (Challenge, Session, Spending, Settled, SessionLimit);

/// Begun twice, the session's id would be taken.
pub(in crate::store::postgres) const BEGIN_SESSION: AtOnce<Begin, Option<Session>> = AtOnce {
    statement: |connection, (session, version, settled, limit)| {
        Box::pin(async move {
            if !Refunds::always_fit(settled) {
                return Ok(None);
            }
            let query = bound(BEGIN, settled, (session, *version), *limit);
            let row = query.fetch_optional(connection).await?;
            row.map(|row| begun(&row, session)).transpose()
        })
    },
    is_idempotent: |_args| true,
};

/// Completed twice, the challenge would be answered already.
pub(in crate::store::postgres) const COMPLETE_CHALLENGE: AtOnce<Complete, Option<Session>> =
    AtOnce {
        statement: |connection, (challenge, session, spending, settled, limit)| {
            Box::pin(async move {
                if *spending != Spending::SentCode || !Refunds::always_fit(settled) {
                    return Ok(None);
                }
                let version = challenge.credential_version;
                let query = bound(COMPLETE, settled, (session, version), *limit);
                let row = query.bind(challenge.id).fetch_optional(connection).await?;
                row.map(|row| begun(&row, session)).transpose()
            })
        },
        is_idempotent: |_args| false,
    };

/// The parameters of the refunds, of a session with the version of its credentials, of its limit and its event.
fn bound<'q>(
    statement: &'static str,
    settled: &Settled,
    (session, version): (&'q Session, i64),
    limit: SessionLimit,
) -> Query<'q> {
    let query = Refunds::of(settled).bound(sqlx::query(statement));
    let query = beginning::bound(query, session, version);
    let query = query.bind(i64::from(limit.most.saturating_sub(1)));
    events::bound(query, &beginning::began(session))
}

/// The session, in the user's epoch.
fn begun(row: &PgRow, session: &Session) -> Result<Option<Session>> {
    Ok(Some(Session { epoch: row.try_get("epoch")?, ..session.clone() }))
}

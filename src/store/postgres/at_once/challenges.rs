//! A challenge: its beginning, with the message and the refund of the password's attempt; and an attempt to answer it.

use sqlx::FromRow as _;

use super::{
    AtOnce,
    settle::{Refunds, budgets, charge_of_none, refund},
    statements::{
        challenge_row::{ChallengeRow, inserted_columns},
        challenges::{self, RESERVE},
        events::{self, event},
        outbox::{self, put_columns, turn},
        rules::account_is_as_it_was,
    },
};
use crate::{
    domain::Timestamp,
    store::{NewChallenge, Reservation, ReservedChallenge, SealedMessage, column::count},
};

/// Begins the challenge $13 where the refunds and the charge of the message fit, and adds the message $34, if there is one.
const CREATE: &str = concat!(
    "WITH ",
    budgets!("TRUE"),
    ", begun AS (INSERT INTO challenges (",
    inserted_columns!(),
    ") SELECT $13, $14, id, credential_version, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, factor_version \
     FROM users, refunds_fit WHERE fit AND ",
    account_is_as_it_was!("$15", "$16"),
    " RETURNING id), told AS (",
    event!("begun", "$27", "$28", "$29", "$30", "$31", "$32", "$33"),
    "), sent AS (INSERT INTO outbox (",
    put_columns!(),
    ") SELECT $34, $35, $36, $36, $36, 0, $37, $38, $39, $40, $41, $42, $43, ",
    turn!("$38", "$39", "$40"),
    " FROM begun WHERE $34 IS NOT NULL), charged AS (",
    charge_of_none!("EXISTS (SELECT 1 FROM begun)"),
    "), ",
    refund!("EXISTS (SELECT 1 FROM begun)"),
    " SELECT id FROM begun"
);

type Reserve = ([u8; 32], u32, Timestamp);

/// Begun twice, the challenge's id would be taken.
pub(in crate::store::postgres) const BEGIN_CHALLENGE: AtOnce<
    (NewChallenge, Option<SealedMessage>),
    bool,
> = AtOnce {
    statement: |connection, (new, message)| {
        Box::pin(async move {
            let query = Refunds::of(&new.settled).and(new.mail).bound(sqlx::query(CREATE));
            let query = events::bound(challenges::bound(query, new), &challenges::began(new));
            let query = outbox::bound(query, message.as_ref());
            Ok(query.fetch_optional(connection).await?.map(|_begun| true))
        })
    },
    is_idempotent: |_args| true,
};

/// Spends an attempt that is not the last: after that one the message is withdrawn.
pub(in crate::store::postgres) const RESERVE_ATTEMPT: AtOnce<
    Reserve,
    Reservation<ReservedChallenge>,
> = AtOnce {
    statement: |connection, (id_mac, max_attempts, now)| {
        Box::pin(async move {
            let most = count(max_attempts.saturating_sub(1));
            let query = sqlx::query(RESERVE).bind(id_mac.as_slice()).bind(*now).bind(most);
            let row = query.fetch_optional(connection).await?;
            let Some(row) = row else { return Ok(None) };
            let row = ChallengeRow::from_row(&row)?;
            let code_mac = row.code_mac()?;
            let challenge = row.try_into()?;
            Ok(Some(Reservation::Reserved(ReservedChallenge { challenge, code_mac })))
        })
    },
    // Spent twice, an attempt counts as two.
    is_idempotent: |_args| true,
};

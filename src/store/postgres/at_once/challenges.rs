//! An attempt to answer a challenge.

use sqlx::FromRow as _;

use super::{
    AtOnce,
    statements::{challenge_row::ChallengeRow, challenges::RESERVE},
};
use crate::{
    domain::Timestamp,
    store::{Reservation, ReservedChallenge, column::count},
};

type Reserve = ([u8; 32], u32, Timestamp);

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

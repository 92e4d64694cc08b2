//! A refresh: moves the session on and returns it with its user.

use sqlx::FromRow as _;

use super::{
    AtOnce,
    statements::{
        refresh::{self, is_next, moves_on},
        session_row::{account_carries, session_columns, session_lives},
        sessions::LiveRow,
        users::user_columns,
    },
};
use crate::store::{LiveSession, Refresh, Refreshed};

/// As of one snapshot: where a rival changes the user meanwhile, this refresh came before. Where the rival changes the
/// session, Postgres waits for it and checks the conditions anew, with the user's row as it was; then the transaction
/// decides.
const ADVANCE: &str = concat!(
    moves_on!(),
    " FROM users WHERE ",
    is_next!(),
    " AND ",
    session_lives!(),
    " AND ",
    account_carries!(),
    " RETURNING ",
    user_columns!(),
    ", ",
    session_columns!()
);

/// Without a request id a refresh that is repeated looks like one by a thief.
pub(in crate::store::postgres) const REFRESH_SESSION: AtOnce<Refresh, Refreshed> = AtOnce {
    statement: |connection, asked| {
        Box::pin(async move {
            let row = refresh::bound(ADVANCE, asked).fetch_optional(connection).await?;
            let Some(row) = row else { return Ok(None) };
            let live = LiveSession::try_from(LiveRow::from_row(&row)?)?;
            Ok(Some(Refreshed::Live(Box::new(live))))
        })
    },
    is_idempotent: |asked| asked.request_id.is_some(),
};

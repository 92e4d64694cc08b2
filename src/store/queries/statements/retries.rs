//! Requests that were carried out.

use super::Connection;
use crate::{
    domain::Timestamp,
    store::{CarriedOut, Result},
};

pub(in crate::store) async fn answer(
    connection: &mut Connection,
    key: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Vec<u8>>> {
    let answer = sqlx::query_scalar(
        "SELECT sealed_answer FROM carried_out WHERE key = $1 AND expires_at > $2",
    )
    .bind(key.as_slice())
    .bind(now)
    .fetch_optional(connection)
    .await?;
    Ok(answer)
}

/// Notes a request, if its caller may send it again, in the transaction that carries it out. Returns whether it is the first:
/// another one may have been carried out at the same time (race), and then this one must change nothing.
pub(super) async fn note(
    connection: &mut Connection,
    request: Option<&CarriedOut>,
) -> Result<bool> {
    let Some(CarriedOut { key, sealed_answer, now, expires_at }) = request else {
        return Ok(true);
    };
    let noted: Option<Vec<u8>> = sqlx::query_scalar(
        "INSERT INTO carried_out (key, sealed_answer, expires_at) VALUES ($1, $2, $3) \
         ON CONFLICT (key) DO UPDATE SET sealed_answer = excluded.sealed_answer, \
         expires_at = excluded.expires_at WHERE carried_out.expires_at <= $4 RETURNING key",
    )
    .bind(key.as_slice())
    .bind(sealed_answer)
    .bind(*expires_at)
    .bind(*now)
    .fetch_optional(connection)
    .await?;
    Ok(noted.is_some())
}

//! A challenge's columns.

use uuid::Uuid;

use crate::{
    domain::{Challenge, Factor, FirstProof, Timestamp},
    store::{Error, Result},
};

/// Factors, encoded for a column.
pub(super) fn words(factors: &[Factor]) -> String {
    factors.iter().copied().map(Factor::as_str).collect::<Vec<_>>().join(" ")
}

/// The columns of a [`ChallengeRow`], for statements where no other table has any of these names.
macro_rules! challenge_columns {
    () => {
        "id, user_id, credential_version, code_mac, attempts, audience, device_name, device_id, \
         created_at, resend_at, expires_at, consumed_at, factors, is_long_code, session_id, first_proof"
    };
}

/// The columns of a new challenge.
macro_rules! inserted_columns {
    () => {
        "id, token_mac, user_id, credential_version, code_mac, attempts, audience, device_name, device_id, \
         created_at, resend_at, expires_at, factors, is_long_code, session_id, first_proof, factor_version"
    };
}

/// The challenge is still valid for its user: the account is enabled, and neither its password nor its second factors have
/// changed since the challenge began. Otherwise it is void, and looks unknown.
macro_rules! account_asks {
    () => {
        concat!(
            "EXISTS (SELECT 1 FROM users WHERE ",
            super::rules::account_is_as_it_was!(
                "challenges.user_id",
                "challenges.credential_version"
            ),
            " AND users.factor_version = challenges.factor_version)"
        )
    };
}

pub(in crate::store) use {account_asks, challenge_columns, inserted_columns};

#[derive(sqlx::FromRow)]
pub(in crate::store) struct ChallengeRow {
    id: Uuid,
    user_id: Uuid,
    credential_version: i64,
    code_mac: Vec<u8>,
    attempts: i32,
    audience: String,
    device_name: String,
    device_id: Option<Uuid>,
    created_at: Timestamp,
    resend_at: Timestamp,
    expires_at: Timestamp,
    consumed_at: Option<Timestamp>,
    factors: String,
    is_long_code: bool,
    session_id: Option<Uuid>,
    first_proof: String,
}

impl ChallengeRow {
    /// The keyed digest of the right code.
    pub(in crate::store) fn code_mac(&self) -> Result<[u8; 32]> {
        self.code_mac
            .as_slice()
            .try_into()
            .map_err(|_wrong_length| Error::Corrupt("challenges.code_mac"))
    }
}

impl TryFrom<ChallengeRow> for Challenge {
    type Error = Error;

    fn try_from(row: ChallengeRow) -> Result<Self> {
        let factors = row.factors.split_whitespace().map(Factor::parse);
        let first = FirstProof::parse(&row.first_proof);
        Ok(Self {
            first: first.ok_or(Error::Corrupt("challenges.first_proof"))?,
            factors: factors.collect::<Option<_>>().ok_or(Error::Corrupt("challenges.factors"))?,
            id: row.id,
            user_id: row.user_id,
            credential_version: row.credential_version,
            is_long_code: row.is_long_code,
            session_id: row.session_id,
            attempts: u32::try_from(row.attempts)
                .map_err(|_negative| Error::Corrupt("challenges.attempts"))?,
            audience: row.audience,
            device_name: row.device_name,
            device_id: row.device_id,
            created_at: row.created_at,
            resend_at: row.resend_at,
            expires_at: row.expires_at,
            consumed_at: row.consumed_at,
        })
    }
}

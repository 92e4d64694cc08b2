//! A service account, as a row has it.

use uuid::Uuid;

use crate::{
    domain::{AssertionKeys, Grants, Scope, ServiceAccount, ServiceAccountId, Timestamp},
    store::{Error, Result},
};

/// The columns of an [`AccountRow`].
macro_rules! account_columns {
    () => {
        "service_accounts.id, service_accounts.name, service_accounts.scopes, service_accounts.audiences, \
         service_accounts.may_exchange, service_accounts.jwks, service_accounts.jwks_url, service_accounts.epoch, \
         service_accounts.disabled_at, service_accounts.created_at"
    };
}

pub(super) use account_columns;

#[derive(sqlx::FromRow)]
pub(super) struct AccountRow {
    id: Uuid,
    name: String,
    scopes: String,
    audiences: String,
    may_exchange: bool,
    jwks: Option<String>,
    jwks_url: Option<String>,
    epoch: i64,
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl TryFrom<AccountRow> for ServiceAccount {
    type Error = Error;

    fn try_from(row: AccountRow) -> Result<Self> {
        let corrupt = |_not_scopes| Error::Corrupt("service_accounts.scopes");
        let grants = Grants {
            scope: Scope::parse(&row.scopes).map_err(corrupt)?,
            audiences: row.audiences.split_whitespace().map(str::to_owned).collect(),
            may_exchange: row.may_exchange,
        };
        Ok(Self {
            id: ServiceAccountId(row.id),
            name: row.name,
            grants,
            assertion_keys: AssertionKeys { jwks: row.jwks, jwks_url: row.jwks_url },
            epoch: row.epoch,
            disabled_at: row.disabled_at,
            created_at: row.created_at,
        })
    }
}

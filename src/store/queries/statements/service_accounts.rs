//! Service accounts.

use uuid::Uuid;

use super::{
    Connection, events, revocations,
    service_account_row::{AccountRow, account_columns},
    service_keys, workloads,
};
use crate::{
    domain::{EventKind, Revocation, Revoked, ServiceAccount, ServiceAccountId, Workload},
    store::{
        AccountChanged, AccountTaken, NewServiceAccount, Result, Revoking, ServiceAccountChange,
    },
};

const ALL: &str = concat!("SELECT ", account_columns!(), " FROM service_accounts ORDER BY name");

const BY_NAME: &str =
    concat!("SELECT ", account_columns!(), " FROM service_accounts WHERE name = $1");

const BY_ID: &str = concat!("SELECT ", account_columns!(), " FROM service_accounts WHERE id = $1");

const BY_WORKLOAD: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM service_workloads JOIN service_accounts ON service_accounts.id = service_workloads.account_id \
     WHERE service_workloads.issuer = $1 AND service_workloads.subject = $2"
);

pub(in crate::store) async fn insert(
    connection: &mut Connection,
    new: &NewServiceAccount,
    at: &Revoking,
) -> Result<Option<AccountTaken>> {
    let account = &new.account;
    let added = sqlx::query(
        "INSERT INTO service_accounts (id, name, scopes, audiences, may_exchange, jwks, jwks_url, epoch, disabled_at, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (name) DO NOTHING RETURNING id",
    )
    .bind(account.id.0)
    .bind(&account.name)
    .bind(account.grants.scope.to_string())
    .bind(account.grants.audiences.join(" "))
    .bind(account.grants.may_exchange)
    .bind(account.assertion_keys.jwks.as_deref())
    .bind(account.assertion_keys.jwks_url.as_deref())
    .bind(account.epoch)
    .bind(account.disabled_at)
    .bind(account.created_at)
    .fetch_optional(&mut *connection)
    .await?;
    if added.is_none() {
        return Ok(Some(AccountTaken::Name));
    }
    if !workloads::add(connection, account.id, &new.workloads).await? {
        remove(connection, account.id).await?;
        return Ok(Some(AccountTaken::Workload));
    }
    events::put_about(connection, EventKind::ServiceAccountCreated, account.id, at).await?;
    if let Some(key) = &new.key {
        service_keys::insert(connection, key, at).await?;
    }
    Ok(None)
}

pub(in crate::store) async fn by_name(
    connection: &mut Connection,
    name: &str,
) -> Result<Option<ServiceAccount>> {
    let row: Option<AccountRow> =
        sqlx::query_as(BY_NAME).bind(name).fetch_optional(connection).await?;
    row.map(TryInto::try_into).transpose()
}

pub(in crate::store) async fn find(
    connection: &mut Connection,
    id: ServiceAccountId,
) -> Result<Option<ServiceAccount>> {
    let row: Option<AccountRow> =
        sqlx::query_as(BY_ID).bind(id.0).fetch_optional(connection).await?;
    row.map(TryInto::try_into).transpose()
}

pub(in crate::store) async fn of_workload(
    connection: &mut Connection,
    workload: &Workload,
) -> Result<Option<ServiceAccount>> {
    let row: Option<AccountRow> = sqlx::query_as(BY_WORKLOAD)
        .bind(&workload.issuer)
        .bind(&workload.subject)
        .fetch_optional(connection)
        .await?;
    row.map(TryInto::try_into).transpose()
}

pub(in crate::store) async fn all(connection: &mut Connection) -> Result<Vec<ServiceAccount>> {
    let rows: Vec<AccountRow> = sqlx::query_as(ALL).fetch_all(connection).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// A compare-and-set: of two changes of the same state one is made (race), and the other can't undo it unseen.
const CHANGE: &str = "UPDATE service_accounts SET scopes = $2, audiences = $3, may_exchange = $4, jwks = $5, \
    jwks_url = $6, epoch = $7, disabled_at = $8 WHERE id = $1 AND scopes = $9 AND audiences = $10 AND may_exchange = $11 \
    AND jwks IS NOT DISTINCT FROM $12 AND jwks_url IS NOT DISTINCT FROM $13 AND epoch = $14 \
    AND disabled_at IS NOT DISTINCT FROM $15 RETURNING id";

pub(in crate::store) async fn change(
    connection: &mut Connection,
    change: &ServiceAccountChange,
) -> Result<AccountChanged> {
    let id = change.account.id;
    // The account's row is locked from here on: changes of its workloads wait for each other.
    if !is_as_it_was(connection, &change.was).await? {
        return Ok(AccountChanged::Meanwhile);
    }
    if let Some([was, wanted]) = &change.workloads {
        if workloads::of(connection, id).await? != *was {
            return Ok(AccountChanged::Meanwhile);
        }
        if !workloads::set(connection, id, wanted).await? {
            return Ok(AccountChanged::WorkloadTaken);
        }
    }
    put(connection, &change.was, &change.account).await?;
    events::put_about(connection, change.kind, id, &change.at).await?;
    let epoch = change.account.epoch;
    if epoch > change.was.epoch {
        end_tokens(connection, id, epoch, &change.at).await?;
    }
    Ok(AccountChanged::Yes)
}

async fn is_as_it_was(connection: &mut Connection, was: &ServiceAccount) -> Result<bool> {
    put(connection, was, was).await
}

async fn put(
    connection: &mut Connection,
    was: &ServiceAccount,
    account: &ServiceAccount,
) -> Result<bool> {
    let mut statement = sqlx::query(CHANGE).bind(account.id.0);
    for state in [account, was] {
        let values = statement
            .bind(state.grants.scope.to_string())
            .bind(state.grants.audiences.join(" "))
            .bind(state.grants.may_exchange)
            .bind(state.assertion_keys.jwks.as_deref())
            .bind(state.assertion_keys.jwks_url.as_deref());
        statement = values.bind(state.epoch).bind(state.disabled_at);
    }
    Ok(statement.fetch_optional(connection).await?.is_some())
}

/// The account's row is locked first: a key or a workload that is added meanwhile is either removed, or refused.
pub(in crate::store) async fn delete(
    connection: &mut Connection,
    id: ServiceAccountId,
    at: &Revoking,
) -> Result<bool> {
    let epoch: Option<i64> = sqlx::query_scalar(
        "UPDATE service_accounts SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch",
    )
    .bind(id.0)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(epoch) = epoch else { return Ok(false) };
    remove(connection, id).await?;
    events::put_about(connection, EventKind::ServiceAccountDeleted, id, at).await?;
    end_tokens(connection, id, epoch, at).await?;
    Ok(true)
}

async fn remove(connection: &mut Connection, id: ServiceAccountId) -> Result<()> {
    for sql in [
        "DELETE FROM service_keys WHERE account_id = $1",
        "DELETE FROM service_workloads WHERE account_id = $1",
        "DELETE FROM service_accounts WHERE id = $1",
    ] {
        sqlx::query(sql).bind(id.0).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Appends the revocation of all tokens of an earlier epoch, as the last statement of a transaction.
async fn end_tokens(
    connection: &mut Connection,
    id: ServiceAccountId,
    epoch: i64,
    at: &Revoking,
) -> Result<()> {
    revocations::append(connection, &[ended(id, epoch, at)]).await
}

fn ended(id: ServiceAccountId, epoch: i64, at: &Revoking) -> Revocation {
    let (subject, not_before) = (Revoked::Service { id, epoch }, at.now);
    Revocation { subject, not_before, expires_at: at.tokens_expire_at }
}

/// Ends the tokens of all accounts after a restore, as the last statement of a transaction. The epoch becomes a time, beyond
/// all that verifiers have seen: epochs of before the restore would otherwise be reused.
pub(super) async fn end_all_tokens(connection: &mut Connection, at: &Revoking) -> Result<()> {
    let ends: Vec<(Uuid, i64)> = sqlx::query_as(
        "UPDATE service_accounts SET epoch = CASE WHEN epoch < $1 THEN $1 ELSE epoch + 1 END RETURNING id, epoch",
    )
    .bind(at.now.unix_seconds())
    .fetch_all(&mut *connection)
    .await?;
    let all = ends.into_iter().map(|(id, epoch)| ended(ServiceAccountId(id), epoch, at));
    revocations::append(connection, &all.collect::<Vec<_>>()).await
}

//! Service accounts and their workloads.

use uuid::Uuid;

use super::{
    Connection, events, revocations,
    service_account_row::{AccountRow, account_columns},
    service_keys,
};
use crate::{
    domain::{EventKind, Revocation, Revoked, ServiceAccount, ServiceAccountId, Workload},
    store::{AccountTaken, NewServiceAccount, Result, Revoking, ServiceAccountChange},
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
    if is_another(connection, account.id, &new.workloads).await? {
        return Ok(Some(AccountTaken::Workload));
    }
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
    add_workloads(connection, account.id, &new.workloads).await?;
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

pub(in crate::store) async fn change(
    connection: &mut Connection,
    change: &ServiceAccountChange,
) -> Result<bool> {
    let account = &change.account;
    let changed = sqlx::query(
        "UPDATE service_accounts SET scopes = $3, audiences = $4, may_exchange = $5, jwks = $6, jwks_url = $7, \
         epoch = $8, disabled_at = $9 WHERE id = $1 AND epoch = $2 RETURNING id",
    )
    .bind(account.id.0)
    .bind(change.was_epoch)
    .bind(account.grants.scope.to_string())
    .bind(account.grants.audiences.join(" "))
    .bind(account.grants.may_exchange)
    .bind(account.assertion_keys.jwks.as_deref())
    .bind(account.assertion_keys.jwks_url.as_deref())
    .bind(account.epoch)
    .bind(account.disabled_at)
    .fetch_optional(&mut *connection)
    .await?;
    if changed.is_none() {
        return Ok(false);
    }
    events::put_about(connection, change.kind, account.id, &change.at).await?;
    if account.epoch > change.was_epoch {
        end_tokens(connection, account.id, account.epoch, &change.at).await?;
    }
    Ok(true)
}

pub(in crate::store) async fn set_workloads(
    connection: &mut Connection,
    id: ServiceAccountId,
    workloads: &[Workload],
    at: &Revoking,
) -> Result<bool> {
    if is_another(connection, id, workloads).await? {
        return Ok(false);
    }
    sqlx::query("DELETE FROM service_workloads WHERE account_id = $1")
        .bind(id.0)
        .execute(&mut *connection)
        .await?;
    add_workloads(connection, id, workloads).await?;
    events::put_about(connection, EventKind::ServiceAccountChanged, id, at).await?;
    Ok(true)
}

pub(in crate::store) async fn workloads(
    connection: &mut Connection,
    id: ServiceAccountId,
) -> Result<Vec<Workload>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT issuer, subject FROM service_workloads WHERE account_id = $1 ORDER BY issuer, subject",
    )
    .bind(id.0)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(issuer, subject)| Workload { issuer, subject }).collect())
}

pub(in crate::store) async fn delete(
    connection: &mut Connection,
    id: ServiceAccountId,
    at: &Revoking,
) -> Result<bool> {
    for sql in [
        "DELETE FROM service_keys WHERE account_id = $1",
        "DELETE FROM service_workloads WHERE account_id = $1",
    ] {
        sqlx::query(sql).bind(id.0).execute(&mut *connection).await?;
    }
    let epoch: Option<i64> =
        sqlx::query_scalar("DELETE FROM service_accounts WHERE id = $1 RETURNING epoch")
            .bind(id.0)
            .fetch_optional(&mut *connection)
            .await?;
    let Some(epoch) = epoch else { return Ok(false) };
    events::put_about(connection, EventKind::ServiceAccountDeleted, id, at).await?;
    end_tokens(connection, id, epoch + 1, at).await?;
    Ok(true)
}

/// Appends the revocation of all tokens of an earlier epoch, as the last statement of a transaction.
async fn end_tokens(
    connection: &mut Connection,
    id: ServiceAccountId,
    epoch: i64,
    at: &Revoking,
) -> Result<()> {
    let (subject, not_before) = (Revoked::Service { id, epoch }, at.now);
    let revocation = Revocation { subject, not_before, expires_at: at.tokens_expire_at };
    revocations::append(connection, &[revocation]).await
}

/// Whether one of the workloads is another account.
async fn is_another(
    connection: &mut Connection,
    id: ServiceAccountId,
    workloads: &[Workload],
) -> Result<bool> {
    for workload in workloads {
        let account: Option<Uuid> = sqlx::query_scalar(
            "SELECT account_id FROM service_workloads WHERE issuer = $1 AND subject = $2",
        )
        .bind(&workload.issuer)
        .bind(&workload.subject)
        .fetch_optional(&mut *connection)
        .await?;
        if account.is_some_and(|account| account != id.0) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn add_workloads(
    connection: &mut Connection,
    id: ServiceAccountId,
    workloads: &[Workload],
) -> Result<()> {
    for workload in workloads {
        sqlx::query(
            "INSERT INTO service_workloads (issuer, subject, account_id) VALUES ($1, $2, $3)",
        )
        .bind(&workload.issuer)
        .bind(&workload.subject)
        .bind(id.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

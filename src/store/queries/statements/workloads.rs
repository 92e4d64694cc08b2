//! The workloads that are service accounts.

use uuid::Uuid;

use super::Connection;
use crate::{
    domain::{ServiceAccountId, Workload},
    store::Result,
};

pub(in crate::store) async fn of(
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

/// Adds the workloads that the account lacks. Returns whether it did: none is added if one is another account. A concurrent
/// caller who adds the same one is waited for (race).
pub(super) async fn add(
    connection: &mut Connection,
    id: ServiceAccountId,
    workloads: &[Workload],
) -> Result<bool> {
    let mut added = Vec::new();
    for workload in workloads {
        if insert(connection, id, workload).await? {
            added.push(workload);
        } else if owner(connection, workload).await? != Some(id.0) {
            for workload in added {
                remove(connection, workload).await?;
            }
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes these the workloads of an account, whose row is locked. Returns whether it did: nothing is changed if one is another
/// account.
pub(super) async fn set(
    connection: &mut Connection,
    id: ServiceAccountId,
    workloads: &[Workload],
) -> Result<bool> {
    let before = of(connection, id).await?;
    if !add(connection, id, workloads).await? {
        return Ok(false);
    }
    for workload in before.iter().filter(|workload| !workloads.contains(workload)) {
        remove(connection, workload).await?;
    }
    Ok(true)
}

async fn insert(
    connection: &mut Connection,
    id: ServiceAccountId,
    workload: &Workload,
) -> Result<bool> {
    let added = sqlx::query(
        "INSERT INTO service_workloads (issuer, subject, account_id) VALUES ($1, $2, $3) \
         ON CONFLICT (issuer, subject) DO NOTHING RETURNING issuer",
    )
    .bind(&workload.issuer)
    .bind(&workload.subject)
    .bind(id.0)
    .fetch_optional(connection)
    .await?;
    Ok(added.is_some())
}

async fn owner(connection: &mut Connection, workload: &Workload) -> Result<Option<Uuid>> {
    let owner = sqlx::query_scalar(
        "SELECT account_id FROM service_workloads WHERE issuer = $1 AND subject = $2",
    );
    let owner = owner.bind(&workload.issuer).bind(&workload.subject);
    Ok(owner.fetch_optional(connection).await?)
}

async fn remove(connection: &mut Connection, workload: &Workload) -> Result<()> {
    sqlx::query("DELETE FROM service_workloads WHERE issuer = $1 AND subject = $2")
        .bind(&workload.issuer)
        .bind(&workload.subject)
        .execute(connection)
        .await?;
    Ok(())
}

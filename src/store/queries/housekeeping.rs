//! [`Housekeeping`](crate::store::Housekeeping).

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend,
    statements::{claims, housekeeping, restored},
};
use crate::{
    domain::Timestamp,
    store::{Ended, Housekeeping, Lease, LeaseTaken, Restoration, Result, Revoking},
};

#[async_trait]
impl Housekeeping for Backend {
    async fn lease_take(&self, lease: Lease) -> Result<LeaseTaken> {
        self.write("lease_take", lease, |connection, lease| {
            Box::pin(housekeeping::take(connection, lease))
        })
        .await
    }

    async fn ended_remove(&self, ended: Ended, before: Timestamp, most: u32) -> Result<u64> {
        self.write("ended_remove", (ended, before, most), |connection, (ended, before, most)| {
            Box::pin(housekeeping::remove(connection, *ended, *before, *most))
        })
        .await
    }

    async fn unverified_users_end(&self, at: Revoking, most: u32) -> Result<u64> {
        self.write("unverified_users_end", (at, most), |connection, (at, most)| {
            Box::pin(claims::expire(connection, at, *most))
        })
        .await
    }

    async fn restored_begin(&self, restoration: Restoration) -> Result<()> {
        self.write("restored_begin", restoration, |connection, restoration| {
            Box::pin(restored::begin(connection, restoration))
        })
        .await
    }

    async fn restored_end(
        &self,
        after: Uuid,
        restoration: Restoration,
        most: u32,
    ) -> Result<Option<Uuid>> {
        self.write(
            "restored_end",
            (after, restoration, most),
            |connection, (after, restoration, most)| {
                Box::pin(restored::end(connection, *after, restoration, *most))
            },
        )
        .await
    }
}

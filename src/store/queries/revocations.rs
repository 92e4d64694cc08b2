//! [`Revocations`](crate::store::Revocations).

use async_trait::async_trait;

use super::{Backend, statements::revocations};
use crate::{
    domain::Timestamp,
    store::{AppendedHere, NumberedRevocation, Result, Revocations},
};

#[async_trait]
impl Revocations for Backend {
    fn appended_here(&self) -> &AppendedHere {
        &self.appended_here
    }

    async fn revocation_head(&self) -> Result<i64> {
        self.read("revocation_head", (), |connection, ()| Box::pin(revocations::head(connection)))
            .await
    }

    async fn revocations_after(
        &self,
        seq: i64,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<NumberedRevocation>> {
        self.read("revocations_after", (seq, now, limit), |connection, (seq, now, limit)| {
            Box::pin(revocations::after(connection, *seq, *now, *limit))
        })
        .await
    }
}

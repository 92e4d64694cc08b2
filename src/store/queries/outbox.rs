//! [`Outbox`](crate::store::Outbox).

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, at_once, statements::outbox};
use crate::{
    domain::Timestamp,
    store::{ClaimedMessage, Hold, Outbox, OutboxState, Places, Rest, Result},
};

#[async_trait]
impl Outbox for Backend {
    async fn outbox_state(&self, now: Timestamp) -> Result<OutboxState> {
        self.read("outbox_state", now, |connection, now| Box::pin(outbox::state(connection, *now)))
            .await
    }

    async fn outbox_claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        places: Places,
    ) -> Result<Vec<ClaimedMessage>> {
        self.write_at_once(
            "outbox_claim",
            (now, until, places),
            at_once::CLAIM_MESSAGES,
            |connection, (now, until, places)| {
                Box::pin(outbox::claim(connection, *now, *until, *places))
            },
        )
        .await
    }

    async fn outbox_renew(&self, id: Uuid, tries: i32, lease: Rest) -> Result<Hold> {
        self.write("outbox_renew", (id, tries, lease), |connection, (id, tries, lease)| {
            Box::pin(outbox::renew(connection, *id, *tries, *lease))
        })
        .await
    }

    async fn outbox_postpone(&self, id: Uuid, tries: i32, rest: Rest) -> Result<()> {
        self.write("outbox_postpone", (id, tries, rest), |connection, (id, tries, rest)| {
            Box::pin(outbox::postpone(connection, *id, *tries, *rest, 0))
        })
        .await
    }

    async fn outbox_postpone_unsure(&self, id: Uuid, tries: i32, rest: Rest) -> Result<()> {
        self.write("outbox_postpone_unsure", (id, tries, rest), |connection, (id, tries, rest)| {
            Box::pin(outbox::postpone(connection, *id, *tries, *rest, 1))
        })
        .await
    }

    async fn outbox_recall(&self, lease: Rest, ahead: Duration) -> Result<u64> {
        let is_any = self.read("outbox_ahead", (lease.since, ahead), |connection, (now, ahead)| {
            Box::pin(outbox::is_any_ahead(connection, *now, *ahead))
        });
        // As a rule there are none: checking takes a read only.
        if !is_any.await? {
            return Ok(0);
        }
        self.write("outbox_recall", (lease, ahead), |connection, (lease, ahead)| {
            Box::pin(outbox::recall(connection, *lease, *ahead))
        })
        .await
    }

    async fn outbox_remove(&self, id: Uuid) -> Result<()> {
        self.write_at_once("outbox_remove", id, at_once::REMOVE_MESSAGE, |connection, id| {
            Box::pin(outbox::remove(connection, *id))
        })
        .await
    }
}

//! [`Subscriptions`](crate::store::Subscriptions).

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, statements::subscriptions};
use crate::{
    domain::{Event, Subscription, Timestamp},
    store::{
        ClaimedMessage, Consequence, FailedDelivery, NewSubscription, Result, SealedEvent,
        SubscriptionTarget, SubscriptionWork, Subscriptions,
    },
};

#[async_trait]
impl Subscriptions for Backend {
    async fn subscription_create(
        &self,
        new: NewSubscription,
        most: u32,
        event: Event,
    ) -> Result<bool> {
        self.write("subscription_create", (new, most, event), |connection, (new, most, event)| {
            Box::pin(subscriptions::create(connection, new, *most, event))
        })
        .await
    }

    async fn subscriptions_list(&self) -> Result<Vec<Subscription>> {
        self.read("subscriptions_list", (), |connection, ()| {
            Box::pin(subscriptions::list(connection))
        })
        .await
    }

    async fn subscription_delete(&self, id: Uuid, event: Event) -> Result<bool> {
        self.write("subscription_delete", (id, event), |connection, (id, event)| {
            Box::pin(subscriptions::delete(connection, *id, event))
        })
        .await
    }

    async fn subscriptions_work(&self, now: Timestamp) -> Result<Vec<SubscriptionWork>> {
        self.read("subscriptions_work", now, |connection, now| {
            Box::pin(subscriptions::work(connection, *now))
        })
        .await
    }

    async fn subscription_enqueue(
        &self,
        id: Uuid,
        from: i64,
        to: i64,
        messages: Vec<SealedEvent>,
    ) -> Result<bool> {
        let args = (id, from, to, messages);
        self.write("subscription_enqueue", args, |connection, (id, from, to, messages)| {
            Box::pin(subscriptions::enqueue(connection, *id, (*from, *to), messages))
        })
        .await
    }

    async fn subscription_claim(
        &self,
        id: Uuid,
        now: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<ClaimedMessage>> {
        let args = (id, now, until, most);
        self.write("subscription_claim", args, |connection, (id, now, until, most)| {
            Box::pin(subscriptions::claim(connection, *id, (*now, *until), *most))
        })
        .await
    }

    async fn subscription_target(&self, id: Uuid) -> Result<Option<SubscriptionTarget>> {
        self.read("subscription_target", id, |connection, id| {
            Box::pin(subscriptions::target(connection, *id))
        })
        .await
    }

    async fn subscription_succeeded(&self, id: Uuid, message: Uuid) -> Result<()> {
        self.write("subscription_succeeded", (id, message), |connection, (id, message)| {
            Box::pin(subscriptions::succeeded(connection, *id, *message))
        })
        .await
    }

    async fn subscription_failed(&self, failed: FailedDelivery) -> Result<Consequence> {
        self.write("subscription_failed", failed, |connection, failed| {
            Box::pin(subscriptions::failed(connection, failed))
        })
        .await
    }
}

//! Subscriptions: who gets events by webhook, and their messages in the outbox (ADR 38).

use async_trait::async_trait;
use uuid::Uuid;

use super::{ClaimedMessage, Result};
use crate::domain::{Event, EventKinds, Subscription, Timestamp};

/// Subscriptions. Their messages wait in the outbox, apart from those to people.
#[async_trait]
pub trait Subscriptions {
    /// Adds a subscription, which begins behind all events that are committed by now, and the event of it, unless there are `most` already.
    /// Returns whether it did.
    async fn subscription_create(
        &self,
        new: NewSubscription,
        most: u32,
        event: Event,
    ) -> Result<bool>;

    /// All subscriptions, in the order of their creation.
    async fn subscriptions_list(&self) -> Result<Vec<Subscription>>;

    /// Deletes a subscription and its messages, and adds the event of it. Returns whether there was one.
    async fn subscription_delete(&self, id: Uuid, event: Event) -> Result<bool>;

    /// What there is to do for each subscription that is not disabled.
    async fn subscriptions_work(&self, now: Timestamp) -> Result<Vec<SubscriptionWork>>;

    /// Adds the messages of the events after `from` and up to `to`, if the subscription was at `from` (compare and set): of several replicas
    /// one does. Returns whether it did.
    async fn subscription_enqueue(
        &self,
        id: Uuid,
        from: i64,
        to: i64,
        messages: Vec<SealedEvent>,
    ) -> Result<bool>;

    /// Claims due messages of a subscription until `until`, those that are due longest first.
    async fn subscription_claim(
        &self,
        id: Uuid,
        now: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<ClaimedMessage>>;

    /// Where its events go; `None` if it is deleted or disabled.
    async fn subscription_target(&self, id: Uuid) -> Result<Option<SubscriptionTarget>>;

    /// Removes a message that was delivered: the subscription does not fail any more.
    async fn subscription_succeeded(&self, id: Uuid, message: Uuid) -> Result<()>;

    /// Notes a delivery that failed. A message waits, unless a later claim has been made (`tries`). If the subscription has failed for
    /// too long, or its receiver is gone, it is disabled: its messages are removed, and that is an event.
    async fn subscription_failed(&self, failed: FailedDelivery) -> Result<Consequence>;
}

/// A subscription to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubscription {
    /// Its id, URL, kinds and time.
    pub subscription: Subscription,
    /// The secret that signs, encrypted for this id.
    pub sealed_secret: Vec<u8>,
}

/// What there is to do for a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionWork {
    /// Its id.
    pub id: Uuid,
    /// The kinds that are wanted.
    pub kinds: EventKinds,
    /// The number of the last event that is in the outbox, or was not wanted.
    pub seq: i64,
    /// Whether there are events after it.
    pub is_behind: bool,
    /// Its messages; not counted beyond [`SubscriptionWork::COUNTED`].
    pub queued: i64,
    /// Whether one of them is due.
    pub is_due: bool,
    /// Whether its receiver has asked for a pause.
    pub is_paused: bool,
    /// Whether its last delivery failed.
    pub is_failing: bool,
}

impl SubscriptionWork {
    /// Upper bound of the count.
    pub const COUNTED: i64 = 200;
}

/// An encrypted event for a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedEvent {
    /// The message's id.
    pub id: Uuid,
    /// The message, encrypted for this id.
    pub sealed: Vec<u8>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionTarget {
    /// The URL.
    pub url: String,
    /// The secret that signs, encrypted for the subscription's id.
    pub sealed_secret: Vec<u8>,
}

/// A delivery that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedDelivery {
    /// The subscription.
    pub id: Uuid,
    /// The message.
    pub message: Uuid,
    /// The claim that the caller has made.
    pub tries: i32,
    /// The time.
    pub now: Timestamp,
    /// When it is tried again.
    pub next_try_at: Timestamp,
    /// Until when the receiver asks for no message at all.
    pub paused_until: Option<Timestamp>,
    /// A subscription that has failed since then or longer is disabled.
    pub failing_too_long: Timestamp,
    /// Whether the receiver says that it wants no more.
    pub is_gone: bool,
    /// The event of its disabling.
    pub event: Event,
}

/// What follows from a failed delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// It is the first after one that succeeded.
    Begun,
    /// It fails as before.
    GoesOn,
    /// The subscription is disabled now.
    Disabled,
    /// The subscription is not there, or was disabled before.
    None,
}

//! CreateSubscription, ListSubscriptions, DeleteSubscription: who gets events by webhook.

use std::{fmt, sync::Arc};

use tokio::sync::Notify;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    delivery::Secret,
    domain::{
        self, Context, Event, EventKind, EventKinds, FetchUrl, InvalidField, PrivateNetworks,
        Subscription, size,
    },
    service::{
        AdminError, Clock, Error,
        fields::{Fields, check_sizes},
    },
    store::{NewSubscription, Store},
    token::{MasterKey, Place},
};

/// The most subscriptions.
const MOST: u32 = 20;

/// The subscriptions of a server.
#[derive(Debug)]
pub struct Subscriptions {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Encrypts secrets and messages.
    pub(crate) master_key: MasterKey,
    /// The private networks that events may be posted to.
    pub(crate) networks: PrivateNetworks,
    /// The clock.
    pub(crate) clock: Clock,
    /// Wakes this server's worker.
    pub(crate) wake: Arc<Notify>,
}

/// The request of CreateSubscription.
#[derive(Clone)]
pub struct CreateSubscriptionRequest {
    /// Where events are posted.
    pub url: String,
    /// The kinds of events; none is all.
    pub kinds: Vec<String>,
    /// What signs; empty draws one.
    pub secret: Zeroizing<String>,
    /// Whether to change nothing.
    pub validate_only: bool,
}

impl fmt::Debug for CreateSubscriptionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateSubscriptionRequest")
            .field("kinds", &self.kinds)
            .finish_non_exhaustive()
    }
}

/// A subscription, and its secret this once.
pub struct CreatedSubscription {
    /// The subscription; with the nil id if it was only checked.
    pub subscription: Subscription,
    /// What signs; empty if it was only checked.
    pub secret: Zeroizing<String>,
}

impl fmt::Debug for CreatedSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CreatedSubscription(..)")
    }
}

impl Subscriptions {
    /// Creates a subscription to what happens from now on. Its first event is that of its creation.
    ///
    /// # Errors
    /// Bad fields; 20 subscriptions; the store's.
    pub async fn create_subscription(
        &self,
        context: &Context,
        request: CreateSubscriptionRequest,
    ) -> Result<CreatedSubscription, Error> {
        let CreateSubscriptionRequest { url, kinds, secret, validate_only } = request;
        check_sizes([(size::URL, &url), (size::SECRET, &secret)])?;
        let mut fields = Fields::default();
        let parsed = FetchUrl::parse_webhook(&url, &self.networks);
        let parsed = fields.check(parsed.map_err(|wanted| InvalidField::new("url", wanted)));
        // Parsers drop what can't be seen, and lists would show it.
        let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
        fields.require(
            is_plain || parsed.is_none(),
            "url",
            "must have no spaces and no control characters",
        );
        let kinds = fields.check(EventKinds::parse(&kinds));
        let secret = fields.check(secret_or_new(secret));
        let (_parsed, (kinds, secret)) = fields.all(parsed.zip(kinds.zip(secret)))?;
        let (id, created_at) = (Uuid::now_v7(), self.clock.now());
        let subscription = Subscription { id, url, kinds, created_at, disabled_at: None };
        if validate_only {
            let subscription = Subscription { id: Uuid::nil(), ..subscription };
            return Ok(CreatedSubscription { subscription, secret: Zeroizing::default() });
        }
        let sealed = self.master_key.seal(&Place::SubscriptionSecret(id), secret.as_bytes());
        let sealed_secret = sealed.map_err(|error| Error::Internal(error.into()))?;
        let new = NewSubscription { subscription: subscription.clone(), sealed_secret };
        let event = self.event(context, EventKind::SubscriptionCreated, id);
        if !self.store.subscription_create(new, MOST, event).await? {
            return Err(AdminError::TooManySubscriptions.into());
        }
        self.wake.notify_one();
        Ok(CreatedSubscription { subscription, secret })
    }

    /// All subscriptions.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_subscriptions(&self) -> Result<Vec<Subscription>, Error> {
        Ok(self.store.subscriptions_list().await?)
    }

    /// Ends a subscription; what waits for it is not sent any more. One that is gone already is no error.
    ///
    /// # Errors
    /// A malformed id; the store's.
    pub async fn delete_subscription(&self, context: &Context, id: &str) -> Result<(), Error> {
        let id = domain::id(size::ID, id)?;
        let event = self.event(context, EventKind::SubscriptionDeleted, id);
        self.store.subscription_delete(id, event).await?;
        Ok(())
    }

    fn event(&self, context: &Context, kind: EventKind, id: Uuid) -> Event {
        let (actor, address) = (context.actor.clone(), context.address);
        Event::of(kind, None, context.session_id, actor, address, self.clock.now())
            .about_subscription(id)
    }
}

/// The secret that was given, or a new one.
fn secret_or_new(secret: Zeroizing<String>) -> Result<Zeroizing<String>, InvalidField> {
    if secret.is_empty() {
        return Ok(Secret::generate_text());
    }
    match Secret::parse_of_subscription(&secret) {
        Ok(_key) => Ok(secret),
        Err(wanted) => Err(InvalidField::new("secret", wanted)),
    }
}

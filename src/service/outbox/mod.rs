//! The outbox: messages that a use case writes in its transaction, and that are sent after the commit.
//!
//! So nothing is sent for what was rolled back, nothing that was committed goes unsent, and no login waits for a mail
//! server. See `docs/adr/0013-outbox.md`.

mod decoy;
mod figures;
mod line;
mod pause;
mod places;
mod recall;
mod trouble;
mod worker;

pub use self::worker::{DeliveryPace, DeliveryWorker};

use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::sync::Notify;
use uuid::Uuid;
use zeroize::Zeroizing;

use self::figures::Figures;
use crate::{
    delivery::{Content, Message, Notice},
    domain::{Context, User},
    service::{Clock, Error},
    store::SealedMessage,
    token::{MasterKey, Place},
};

/// What use cases and the worker of one server share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    master_key: MasterKey,
    clock: Clock,
    wake: Arc<Notify>,
    figures: Figures,
}

impl Outbox {
    /// An outbox whose messages are encrypted with that key. A command makes one, too: it wakes no worker, and a running
    /// server finds the message.
    pub fn new(master_key: MasterKey, clock: Clock) -> Self {
        Self { master_key, clock, wake: Arc::default(), figures: Figures::default() }
    }

    /// Tells this server's worker that a message was committed. Were it forgotten, some worker would find the message
    /// when it looks again.
    pub(in crate::service) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Adds the figures to a registry.
    pub fn register(&self, registry: &mut Registry) {
        self.figures.register(registry);
    }

    /// Encrypts a message for the outbox. The master key is not in the database: who reads that reads no code.
    pub(in crate::service) fn seal(&self, message: &Message) -> Result<SealedMessage, Error> {
        self.seal_text(message, message.encode())
    }

    /// What is written in place of a message that nobody is to get, so that the store's work tells no difference.
    pub(in crate::service) fn seal_decoy(&self, like: &Message) -> Result<SealedMessage, Error> {
        self.seal_text(like, decoy::encode(like))
    }

    /// A message that tells a user what has just happened to their account, and from which address.
    pub(in crate::service) fn notice(
        &self,
        context: &Context,
        user: &User,
        what: Notice,
    ) -> Result<SealedMessage, Error> {
        let (content, now) = (Content::Notice(what), self.clock.now());
        self.seal(&Message::new(user, content, context.address, now))
    }

    /// Encrypts a text that waits as `message` would.
    fn seal_text(
        &self,
        message: &Message,
        text: serde_json::Result<Zeroizing<Vec<u8>>>,
    ) -> Result<SealedMessage, Error> {
        let internal = |error: Box<dyn std::error::Error + Send + Sync>| Error::Internal(error);
        let id = Uuid::now_v7();
        let plain = text.map_err(|error| internal(error.into()))?;
        let sealed = self.master_key.seal(&Place::Message(id), &plain);
        let sealed = sealed.map_err(|error| internal(error.into()))?;
        Ok(SealedMessage {
            id,
            sealed,
            created_at: message.created_at,
            expires_at: message.expires_at(),
            priority: line::priority(&message.content),
            source: line::source(&self.master_key, message),
            account: line::account(&self.master_key, message),
            code: None,
        })
    }
}

//! The transactional outbox: a use case writes messages in its transaction, and a worker sends them after the commit.
//!
//! A rollback sends nothing, a committed message is sent at least once or given up with a warning, and no login waits for
//! a mail server. See
//! `docs/adr/0013-outbox.md`.

mod decoy;
mod figures;
mod line;
mod pause;
mod places;
mod recall;
mod stopping;
mod trouble;
mod worker;

pub use self::worker::{DeliveryPace, DeliveryWorker};
pub(in crate::service) use self::{pause::pause, stopping::within};

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

/// The state that use cases and the worker of one server share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    master_key: MasterKey,
    clock: Clock,
    wake: Arc<Notify>,
    figures: Figures,
}

impl Outbox {
    /// An outbox whose messages are encrypted with that key. A command's outbox wakes no worker; a running server's
    /// next poll finds the message.
    pub fn new(master_key: MasterKey, clock: Clock) -> Self {
        Self { master_key, clock, wake: Arc::default(), figures: Figures::default() }
    }

    /// Wakes this server's worker after a commit. Only a hint: a missed one costs a poll interval.
    pub(in crate::service) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.figures.register(registry);
    }

    /// Encrypts a message for the outbox. The master key is not in the database: its readers can't read codes.
    pub(in crate::service) fn seal(&self, message: &Message) -> Result<SealedMessage, Error> {
        self.seal_text(message, message.encode())
    }

    /// A decoy in place of a message without a recipient, so that the store does the same work (timing attack).
    pub(in crate::service) fn seal_decoy(&self, like: &Message) -> Result<SealedMessage, Error> {
        self.seal_text(like, decoy::encode(like))
    }

    /// A notice to a user about a change of the account, and the address it came from.
    pub(in crate::service) fn notice(
        &self,
        context: &Context,
        user: &User,
        what: Notice,
    ) -> Result<SealedMessage, Error> {
        let (content, now) = (Content::Notice(what), self.clock.now());
        self.seal(&Message::new(user, content, context, now))
    }

    /// Encrypts a text, with the queue and the priority of `message`.
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

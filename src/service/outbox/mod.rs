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

pub use self::worker::DeliveryPace;

use std::{net::IpAddr, sync::Arc};

use prometheus_client::registry::Registry;
use tokio::sync::Notify;
use uuid::Uuid;
use zeroize::Zeroizing;

use self::figures::Figures;
use super::{Error, UseCases};
use crate::{
    delivery::{Content, Message, Notice},
    domain::{Context, Timestamp, User},
    store::SealedMessage,
    token::{MasterKey, Place},
};

/// What use cases and the worker of one server share. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    wake: Arc<Notify>,
    figures: Figures,
}

impl Outbox {
    /// Tells this server's worker that a message was committed. Were it forgotten, some worker would find the message
    /// when it looks again.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Adds the figures to a registry.
    pub fn register(&self, registry: &mut Registry) {
        self.figures.register(registry);
    }
}

impl UseCases {
    /// Encrypts a message for the outbox. The master key is not in the database: who reads that reads no code.
    pub(super) fn seal(&self, message: &Message) -> Result<SealedMessage, Error> {
        seal(&self.master_key, message)
    }

    /// What is written in place of a message that nobody is to get, so that the store's work tells no difference.
    pub(super) fn seal_decoy(&self, like: &Message) -> Result<SealedMessage, Error> {
        seal_text(&self.master_key, like, decoy::encode(like))
    }

    /// A message that tells a user what has just happened to their account, and from which address.
    pub(super) fn notice(
        &self,
        context: &Context,
        user: &User,
        what: Notice,
    ) -> Result<SealedMessage, Error> {
        notice(&self.master_key, user, what, context.address, self.clock.now())
    }
}

/// As [`UseCases::notice`], for commands, which send nothing themselves: a running server finds the message.
pub(super) fn notice(
    master_key: &MasterKey,
    user: &User,
    what: Notice,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<SealedMessage, Error> {
    seal(master_key, &Message::new(user, Content::Notice(what), address, now))
}

fn seal(master_key: &MasterKey, message: &Message) -> Result<SealedMessage, Error> {
    seal_text(master_key, message, message.encode())
}

/// Encrypts a text that waits as `message` would.
fn seal_text(
    master_key: &MasterKey,
    message: &Message,
    text: serde_json::Result<Zeroizing<Vec<u8>>>,
) -> Result<SealedMessage, Error> {
    let internal = |error: Box<dyn std::error::Error + Send + Sync>| Error::Internal(error);
    let id = Uuid::now_v7();
    let plain = text.map_err(|error| internal(error.into()))?;
    let sealed = master_key.seal(&Place::Message(id), &plain);
    let sealed = sealed.map_err(|error| internal(error.into()))?;
    Ok(SealedMessage {
        id,
        sealed,
        created_at: message.created_at,
        expires_at: message.expires_at(),
        priority: line::priority(&message.content),
        source: line::source(master_key, message),
        account: line::account(master_key, message),
        code: None,
    })
}

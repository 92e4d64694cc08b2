//! How messages reach people: by the log, by mail, or through a webhook.
//!
//! A delivery sends one message when it is told to. Schedule, retries and state are the outbox's business
//! (`service::outbox`). The log delivery is the only place where a code may appear in clear text outside a person's
//! mailbox.

mod deletion_requested;
mod device_notice;
mod email_changed;
mod endpoint;
mod failure;
mod inbox;
mod log;
mod mail;
mod message;
mod notice;
mod pause;
mod retry_after;
mod signature;
mod smtp;
mod templates;
mod webhook;

use std::{fmt, sync::Arc};

use uuid::Uuid;

use crate::domain::Timestamp;

pub use self::{
    deletion_requested::DELETION_REQUESTED,
    device_notice::{AboutDevice, DeviceNotice},
    email_changed::{EMAIL_CHANGED, EmailChanged, SeenSession, Undo},
    endpoint::{HookUrl, SmtpUrl},
    failure::{Failure, FailureKind, Progress},
    inbox::{Inbox, Kept},
    message::{Cause, Content, Message},
    notice::Notice,
    retry_after::retry_after,
    signature::Secret,
    smtp::{Hello, Smtp},
    templates::Templates,
    webhook::Webhook,
};
pub use crate::dial::Trust;
pub use lettre::message::Mailbox;

/// A way to deliver messages. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// Writes codes to the log, for development and tests, and keeps the last ones where there is a page that shows them.
    Log(Option<Inbox>),
    /// Sends mails.
    Smtp(Arc<Smtp>),
    /// Calls the operator's service.
    Webhook(Arc<Webhook>),
}

impl Delivery {
    /// Delivers one message. `id` is the same for every try, an idempotency key for receivers (at-least-once delivery).
    ///
    /// # Errors
    /// The failure, with its class: permanent, transient or ambiguous.
    pub async fn send(
        &self,
        id: Uuid,
        message: &Message,
        now: Timestamp,
        progress: &Progress,
    ) -> Result<(), Failure> {
        match self {
            Self::Log(inbox) => {
                log::write(message);
                inbox.iter().for_each(|inbox| inbox.keep(message));
                Ok(())
            }
            Self::Smtp(smtp) => smtp.send(id, message, now, progress).await,
            Self::Webhook(webhook) => webhook.send(id, message, now, progress).await,
        }
    }

    /// Connects, up to TLS and the mail server's login, and hands nothing over.
    ///
    /// # Errors
    /// The reason, for an operator.
    pub async fn reach(&self) -> Result<(), String> {
        match self {
            Self::Log(_) => Ok(()),
            Self::Smtp(smtp) => smtp.reach().await,
            Self::Webhook(webhook) => webhook.reach().await,
        }
    }

    /// What the log delivery keeps.
    pub fn inbox(&self) -> Option<&Inbox> {
        match self {
            Self::Log(inbox) => inbox.as_ref(),
            Self::Smtp(_) | Self::Webhook(_) => None,
        }
    }

    /// Closes idle connections politely, where that is usual: nothing more is sent.
    pub async fn close(&self) {
        match self {
            Self::Smtp(smtp) => smtp.close().await,
            Self::Log(_) | Self::Webhook(_) => {}
        }
    }
}

/// The place of the codes, for an operator.
impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(_) => f.write_str("in the log"),
            Self::Smtp(smtp) => write!(f, "by mail, through {}", smtp.place()),
            Self::Webhook(webhook) => write!(f, "through the webhook at {}", webhook.place()),
        }
    }
}

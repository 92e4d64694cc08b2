//! The mailbox: codes that show that somebody reads one, for addresses to be verified and passwords to be reset (ADR 16).

mod code;
mod first_verification;
mod request_password_reset;
mod resend_email_verification;
mod send_email_verification;
mod verify_email;

use std::sync::Arc;

use crate::{
    domain::Policy,
    service::{Clock, limits::Limits, outbox::Outbox, sessions::Sessions},
    store::Store,
    token::MasterKey,
};

pub(in crate::service) use self::code::MailboxPurpose;
pub use self::{
    code::PendingMailboxCode, request_password_reset::RequestPasswordResetRequest,
    verify_email::VerifyEmailRequest,
};

/// What sends codes to mailboxes, and takes the answers.
#[derive(Debug)]
pub struct Mailbox {
    /// Where the codes are kept.
    pub(crate) store: Arc<dyn Store>,
    /// What keys the digests.
    pub(crate) master_key: MasterKey,
    /// Whether addresses are verified, and how long a code lasts.
    pub(crate) policy: Arc<Policy>,
    /// What counts mails and attempts.
    pub(crate) limits: Arc<Limits>,
    /// What ends with an account that claimed the address.
    pub(crate) sessions: Arc<Sessions>,
    /// What is to be sent.
    pub(crate) outbox: Outbox,
    /// What time it is.
    pub(crate) clock: Clock,
}

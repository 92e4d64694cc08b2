//! The mailbox: one-time codes that prove control of one, to verify addresses, to reset passwords (ADR 16), and
//! to log in without one (ADR 55).

mod change_code;
mod code;
mod first_verification;
mod invitation;
mod login_code;
mod pending_user;
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

pub(in crate::service) use self::code::{ANSWERED_AFTER, MailboxPurpose};
pub use self::{
    code::PendingMailboxCode, request_password_reset::RequestPasswordResetRequest,
    verify_email::VerifyEmailRequest,
};

/// Sends codes to mailboxes, and checks the answers.
#[derive(Debug)]
pub struct Mailbox {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Keys the digests.
    pub(crate) master_key: MasterKey,
    /// Whether addresses are verified, and how long a code lasts.
    pub(crate) policy: Arc<Policy>,
    /// Counts mails and attempts.
    pub(crate) limits: Arc<Limits>,
    /// Recognises known devices, and revokes the sessions of accounts that lose their claim to an address.
    pub(crate) sessions: Arc<Sessions>,
    /// Messages to users.
    pub(crate) outbox: Outbox,
    /// The clock.
    pub(crate) clock: Clock,
}

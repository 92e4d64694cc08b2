//! Passkeys of users: added, shown, renamed and deleted by those whose they are.

mod begin_passkey_registration;
mod delete_passkey;
mod finish_passkey_registration;
mod list_passkeys;
mod rename_passkey;

use std::sync::Arc;

use crate::{
    domain::Policy,
    service::{Clock, ceremonies::Ceremonies, factors::Factors, outbox::Outbox, retries::Retries},
    store::Store,
};

pub use self::{
    delete_passkey::DeletePasskeyRequest,
    finish_passkey_registration::FinishPasskeyRegistrationRequest,
};

/// Manages the passkeys of users.
#[derive(Debug)]
pub struct PasskeyKeeper {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Checks that a change is the user's.
    pub(crate) factors: Arc<Factors>,
    /// Asks browsers, and judges what they answer.
    pub(crate) ceremonies: Arc<Ceremonies>,
    /// Whether addresses are verified.
    pub(crate) policy: Arc<Policy>,
    /// Messages to users.
    pub(crate) outbox: Outbox,
    /// Knows requests that were carried out.
    pub(crate) retries: Retries,
    /// The clock.
    pub(crate) clock: Clock,
}

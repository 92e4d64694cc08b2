//! Operators' commands, run at the command line beside running servers.

mod disable_two_factor;
mod disable_user;
mod enable_user;
mod restored;
mod service_accounts;

use std::sync::Arc;

use crate::{
    service::{Clock, outbox::Outbox},
    store::Store,
};

pub use self::{
    disable_two_factor::{DisableTwoFactorError, Disabled},
    disable_user::{SwitchUserError, Switched},
    restored::end_what_was_revived,
    service_accounts::{
        AccountRequest, KeyRequest, NewKey, ServiceAccountError, ServiceAccountKeeper, ShownAccount,
    },
};

/// The state of an operator's commands about users.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Messages, which the servers send.
    pub(crate) outbox: Outbox,
    /// The clock.
    pub(crate) clock: Clock,
}

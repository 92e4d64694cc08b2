//! What only an operator does, at the command line, beside running servers.

mod disable_two_factor;
mod disable_user;
mod enable_user;
mod restored;

use std::sync::Arc;

use crate::{
    service::{Clock, outbox::Outbox},
    store::Store,
};

pub use self::{
    disable_two_factor::{DisableTwoFactorError, Disabled},
    disable_user::{SwitchUserError, Switched},
    restored::end_what_was_revived,
};

/// What an operator's commands about users stand on.
#[derive(Debug, Clone)]
pub struct Operator {
    /// What is kept.
    pub(crate) store: Arc<dyn Store>,
    /// What is to be sent, by the servers.
    pub(crate) outbox: Outbox,
    /// What time it is.
    pub(crate) clock: Clock,
}

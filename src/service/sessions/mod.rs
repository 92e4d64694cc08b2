//! Sessions: begun by a login, moved on by refreshes, shown by access tokens, and ended.

mod bearer;
mod device;
mod introspect_token;
mod list_sessions;
mod logout;
mod refresh_token;
mod revoke_other_sessions;
mod revoke_session;
mod session;

use std::sync::Arc;

use crate::{
    domain::Policy,
    service::{Clock, limits::Limits, outbox::Outbox},
    store::Store,
    token::{AccessTokens, MasterKey},
};

pub(in crate::service) use self::session::Destination;
pub use self::{bearer::Account, refresh_token::RefreshTokenRequest, session::Tokens};

/// What begins, shows and ends sessions.
#[derive(Debug)]
pub struct Sessions {
    /// Where they are kept.
    pub(crate) store: Arc<dyn Store>,
    /// What issues access tokens and verifies them.
    pub(crate) tokens: AccessTokens,
    /// What refresh tokens and device tokens are made with.
    pub(crate) master_key: MasterKey,
    /// How long sessions last, how many there may be, and for whom.
    pub(crate) policy: Arc<Policy>,
    /// What counts notices.
    pub(crate) limits: Arc<Limits>,
    /// What is to be sent.
    pub(crate) outbox: Outbox,
    /// What time it is.
    pub(crate) clock: Clock,
}

//! Sessions: creation at login, refresh, access tokens, and revocation.

mod bearer;
mod caller;
mod device;
mod list_sessions;
mod list_trusted_devices;
mod logout;
mod principal;
mod refresh_token;
mod revoke_other_sessions;
mod revoke_session;
mod revoke_trusted_device;
mod session;
mod trusted_device;

use std::sync::Arc;

use crate::{
    domain::Policy,
    service::{Clock, limits::Limits, outbox::Outbox},
    store::Store,
    token::{AccessTokens, MasterKey},
};

pub(in crate::service) use self::{
    bearer::Bearer, list_sessions::SessionList, principal::Credential, session::Destination,
};
pub use self::{
    bearer::{Account, Principal},
    caller::Caller,
    list_sessions::{ListSessionsRequest, SessionPage},
    principal::Service,
    refresh_token::RefreshTokenRequest,
    session::Tokens,
};

/// Creates, shows and ends sessions.
#[derive(Debug)]
pub struct Sessions {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Issues and verifies access tokens.
    pub(crate) tokens: AccessTokens,
    /// Keys refresh tokens and device tokens.
    pub(crate) master_key: MasterKey,
    /// Lifetimes, the most sessions of a user, and audiences.
    pub(crate) policy: Arc<Policy>,
    /// Counts notices.
    pub(crate) limits: Arc<Limits>,
    /// Messages to users.
    pub(crate) outbox: Outbox,
    /// The clock.
    pub(crate) clock: Clock,
}

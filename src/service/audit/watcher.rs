//! Who watches events: a stream ends with what opened it.

use crate::{
    domain::{Permission, Revocation, Timestamp},
    service::sessions::{Account, Service},
    store::Store,
};

/// The caller of a stream.
#[derive(Debug)]
pub enum Watcher {
    /// A user, by an access token.
    User(Box<Account>),
    /// A service, by a token or a key.
    Service(Service),
    /// A certificate, which lasts as long as its connection.
    Certificate,
}

impl Watcher {
    /// The caller that the gate has let in.
    pub fn new(account: Option<Account>, service: Option<Service>) -> Self {
        match (account, service) {
            (Some(account), _) => Self::User(Box::new(account)),
            (None, Some(service)) => Self::Service(service),
            (None, None) => Self::Certificate,
        }
    }

    /// Whether a revocation ends the stream: of the session, of the user (narrowing one's roles appends one, too), of the service.
    pub(super) fn is_ended_by(&self, revocation: &Revocation) -> bool {
        match self {
            Self::User(account) => account.is_ended_by(&revocation.subject),
            Self::Service(service) => service.is_ended_by(&revocation.subject),
            Self::Certificate => false,
        }
    }

    /// Whether it is proved no more, or permitted no more. An unavailable store shows by missing heartbeats, and not by the end of streams.
    pub(super) async fn has_lapsed(&self, store: &dyn Store, now: Timestamp) -> bool {
        match self {
            Self::User(account) => account.has_lapsed(store, Permission::AdminRead, now).await,
            Self::Service(service) => service.has_lapsed(store, now).await,
            Self::Certificate => false,
        }
    }
}

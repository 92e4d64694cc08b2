//! Requests that change an account or revoke sessions: the user, the actor, the client address and the time.

use std::{net::IpAddr, time::Duration};

use uuid::Uuid;

use super::CarriedOut;
use crate::domain::{Actor, Context, Event, EventKind, Timestamp};

/// A change of an account, with its authorisation.
///
/// A change by a session is made only if at that moment the account is enabled, the session is live, and it has used a
/// second factor or the user has none on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorChange {
    /// The user.
    pub user_id: Uuid,
    /// The credentials that were checked.
    pub credential_version: i64,
    /// The calling session; `None` for an operator.
    pub session_id: Option<Uuid>,
    /// The actor, for events.
    pub actor: Actor,
    /// The client address.
    pub address: Option<IpAddr>,
    /// The time of the request.
    pub now: Timestamp,
    /// What is noted of the request, if its caller may send it again.
    pub carried_out: Option<CarriedOut>,
}

impl FactorChange {
    /// The event of this change.
    pub(super) fn event(&self, kind: EventKind) -> Event {
        Event::of(
            kind,
            Some(self.user_id),
            self.session_id,
            self.actor.clone(),
            self.address,
            self.now,
        )
    }

    /// The request as one that revokes sessions, the last of whose tokens expires then.
    pub(super) fn revoking(&self, tokens_expire_at: Timestamp) -> Revoking {
        Revoking {
            now: self.now,
            tokens_expire_at,
            actor: self.actor.clone(),
            address: self.address,
            carried_out: self.carried_out.clone(),
        }
    }
}

/// Time, origin and duration of a revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoking {
    /// The time of the request: tokens issued before it are void.
    pub now: Timestamp,
    /// The expiry of the last of them.
    pub tokens_expire_at: Timestamp,
    /// The actor, for events.
    pub actor: Actor,
    /// The client address.
    pub address: Option<IpAddr>,
    /// What is noted of the request, if its caller may send it again.
    pub carried_out: Option<CarriedOut>,
}

impl Revoking {
    /// A revocation by a call, which can't be sent again.
    pub fn of(context: &Context, now: Timestamp, tokens_expire_at: Timestamp) -> Self {
        let (actor, address) = (context.actor.clone(), context.address);
        Self { now, tokens_expire_at, actor, address, carried_out: None }
    }

    /// The event of this request.
    pub(super) fn event(&self, kind: EventKind, user_id: Uuid, session_id: Uuid) -> Event {
        Event::of(kind, Some(user_id), Some(session_id), self.actor.clone(), self.address, self.now)
    }

    /// The expiry of the last token of sessions of which one was last used then. The clock of that use may be ahead of this
    /// request's, and so is the end of its token.
    pub(super) fn tokens_expire_at(&self, last_used_at: Option<Timestamp>) -> Timestamp {
        let ahead = last_used_at.map_or(Duration::ZERO, |last| last.since(self.now));
        self.tokens_expire_at.plus(ahead)
    }

    /// The change that a session asks for by this request.
    pub(super) fn change(
        &self,
        user_id: Uuid,
        credential_version: i64,
        session_id: Uuid,
    ) -> FactorChange {
        let (session_id, actor) = (Some(session_id), self.actor.clone());
        let (address, now, carried_out) = (self.address, self.now, self.carried_out.clone());
        FactorChange { user_id, credential_version, session_id, actor, address, now, carried_out }
    }
}

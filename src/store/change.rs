//! Requests that change an account or end sessions: whose, who asks, from where and when.

use std::{net::IpAddr, time::Duration};

use uuid::Uuid;

use crate::domain::{Actor, Event, EventKind, Timestamp};

/// Whose account is changed, and on the word of what.
///
/// Where a session asks, the change is made only if at that moment the account is enabled, the session lives, and it has used
/// a second factor or the user has none on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorChange {
    /// Whose.
    pub user_id: Uuid,
    /// The credentials that were checked.
    pub credential_version: i64,
    /// The session that asks; nothing where it is an operator.
    pub session_id: Option<Uuid>,
    /// Who asks, for its events.
    pub actor: Actor,
    /// Where the request comes from.
    pub address: Option<IpAddr>,
    /// The time of the request.
    pub now: Timestamp,
}

impl FactorChange {
    /// The event of this change.
    pub(super) fn event(&self, kind: EventKind) -> Event {
        Event::of(kind, Some(self.user_id), self.session_id, self.actor, self.address, self.now)
    }

    /// The request, as one that ends sessions whose tokens have all expired then.
    pub(super) fn revoking(&self, tokens_expire_at: Timestamp) -> Revoking {
        Revoking { now: self.now, tokens_expire_at, actor: self.actor, address: self.address }
    }
}

/// When and from where something is revoked, and for how long that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoking {
    /// The time of the request: tokens issued before it are void.
    pub now: Timestamp,
    /// When the last of them has expired.
    pub tokens_expire_at: Timestamp,
    /// Who asks, for its events.
    pub actor: Actor,
    /// Where the request comes from.
    pub address: Option<IpAddr>,
}

impl Revoking {
    /// The event of this request.
    pub(super) fn event(&self, kind: EventKind, user_id: Uuid, session_id: Uuid) -> Event {
        Event::of(kind, Some(user_id), Some(session_id), self.actor, self.address, self.now)
    }

    /// When the last token has expired of sessions of which one was last used then: perhaps by a clock that is ahead of the one of
    /// this request, and so is the end of its token.
    pub(super) fn tokens_expire_at(&self, last_used_at: Option<Timestamp>) -> Timestamp {
        let ahead = last_used_at.map_or(Duration::ZERO, |last| last.since(self.now));
        self.tokens_expire_at.plus(ahead)
    }

    /// The change that a session asks for with this request.
    pub(super) fn change(
        &self,
        user_id: Uuid,
        credential_version: i64,
        session_id: Uuid,
    ) -> FactorChange {
        let (session_id, actor) = (Some(session_id), self.actor);
        let (address, now) = (self.address, self.now);
        FactorChange { user_id, credential_version, session_id, actor, address, now }
    }
}

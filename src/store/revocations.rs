//! Revocations, numbered in the order of their commits (ADR 11).

use std::{net::IpAddr, time::Duration};

use async_trait::async_trait;
use uuid::Uuid;

use super::{FactorChange, Result};
use crate::domain::{Actor, Event, EventKind, Revocation, Timestamp};

/// Revocations, numbered in the order of their commits.
#[async_trait]
pub trait Revocations {
    /// The number of the last one; 0 if there never was one.
    async fn revocation_head(&self) -> Result<i64>;

    /// Those after a number that still matter: in order, and not more than `limit`.
    async fn revocations_after(
        &self,
        seq: i64,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<NumberedRevocation>>;
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

/// A revocation as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberedRevocation {
    /// Its place in the order of the commits, from 1.
    pub seq: i64,
    /// What it voids.
    pub revocation: Revocation,
}
